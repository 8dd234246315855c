//! How much linear memory an instance has, for whoever looks on.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How much linear memory an instance has: kept by its store, read by whoever looks on.
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

    /// The memory that it has, in bytes; 0 while it does not live.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed) as u64
    }

    /// The most that it may have, in bytes.
    pub(crate) fn limit_bytes(&self) -> u64 {
        self.limit_bytes as u64
    }
}
