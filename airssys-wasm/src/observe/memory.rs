//! The linear memory of an instance.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The size of an instance's linear memory, set by its store and read by snapshots.
#[derive(Debug)]
pub(crate) struct MemoryGauge {
    used_bytes: AtomicUsize,
    limit_bytes: usize,
}

impl MemoryGauge {
    pub(crate) fn new(limit_bytes: usize) -> MemoryGauge {
        MemoryGauge { used_bytes: AtomicUsize::new(0), limit_bytes }
    }

    pub(crate) fn set_bytes(&self, bytes: usize) {
        self.used_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns the size of the memory, in bytes; 0 while the instance is down.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed) as u64
    }

    /// Returns the limit, in bytes.
    pub(crate) fn limit_bytes(&self) -> u64 {
        self.limit_bytes as u64
    }
}
