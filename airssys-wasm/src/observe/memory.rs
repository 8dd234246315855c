//! The linear memory of an instance.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The size of an instance's linear memory, kept by its stores and read by snapshots. An instance that
/// serves each call in a store of its own has several.
#[derive(Debug)]
pub(crate) struct MemoryGauge {
    used_bytes: AtomicUsize,
    limit_bytes: usize,
}

impl MemoryGauge {
    pub(crate) fn new(limit_bytes: usize) -> MemoryGauge {
        MemoryGauge { used_bytes: AtomicUsize::new(0), limit_bytes }
    }

    /// Adds the growth of a store.
    pub(crate) fn grown(&self, bytes: usize) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes off the memory of a store that is dropped.
    pub(crate) fn dropped(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
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
