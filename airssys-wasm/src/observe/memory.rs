//! The linear memory of an instance.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::observe::resident::Residence;

/// The size of an instance's linear memory, set by its store and read by snapshots.
#[derive(Debug)]
pub(crate) struct MemoryGauge {
    used_bytes: AtomicUsize,
    limit_bytes: usize,
    /// The address of the memory that the instance shares with the host; 0 if it is not known.
    address: AtomicUsize,
}

impl MemoryGauge {
    pub(crate) fn new(limit_bytes: usize) -> MemoryGauge {
        MemoryGauge { used_bytes: AtomicUsize::new(0), limit_bytes, address: AtomicUsize::new(0) }
    }

    pub(crate) fn set_bytes(&self, bytes: usize) {
        self.used_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Notes that the memories of the instance are gone.
    pub(crate) fn clear(&self) {
        self.set_bytes(0);
        self.set_address(0);
    }

    pub(crate) fn set_address(&self, address: usize) {
        self.address.store(address, Ordering::Relaxed);
    }

    /// Returns the resident part of the memory that the instance shares with the host, in bytes. Returns
    /// `None` if the memory's address is not known, or the measurement has come to its end.
    pub(crate) fn resident_bytes(&self, residence: &mut Residence) -> Option<u64> {
        match (self.address.load(Ordering::Relaxed), self.used_bytes()) {
            (_, 0) => Some(0),
            (0, _) => None,
            (address, bytes) => residence.of(address as u64, bytes),
        }
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
