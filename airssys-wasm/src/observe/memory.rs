//! The linear memory of an instance.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::observe::resident::Residence;

/// The size of an instance's linear memory, kept by its stores and read by snapshots. An instance that
/// serves each call in a store of its own has several.
#[derive(Debug)]
pub(crate) struct MemoryGauge {
    used_bytes: AtomicUsize,
    limit_bytes: usize,
    stores: AtomicUsize,
    /// The address of the memory that the instance shares with the host; 0 if it is not known.
    address: AtomicUsize,
}

impl MemoryGauge {
    pub(crate) fn new(limit_bytes: usize) -> MemoryGauge {
        MemoryGauge {
            used_bytes: AtomicUsize::new(0),
            limit_bytes,
            stores: AtomicUsize::new(0),
            address: AtomicUsize::new(0),
        }
    }

    /// Adds the growth of a store.
    pub(crate) fn grown(&self, bytes: usize) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes off the memory of a store that is dropped.
    pub(crate) fn dropped(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if self.stores.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.set_address(0);
        }
    }

    /// Counts a store.
    pub(crate) fn store_begun(&self) {
        self.stores.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes the address of the memory that the only store of the instance shares with the host.
    pub(crate) fn set_address(&self, address: usize) {
        self.address.store(address, Ordering::Relaxed);
    }

    /// Returns the resident part of the memory that the instance shares with the host, in bytes. Returns
    /// `None` if the memory's address is not known, the instance has several stores, or the measurement has
    /// come to its end.
    pub(crate) fn resident_bytes(&self, residence: &mut Residence) -> Option<u64> {
        match (self.address.load(Ordering::Relaxed), self.used_bytes()) {
            (_, 0) => Some(0),
            (0, _) => None,
            _ if self.stores.load(Ordering::Relaxed) != 1 => None,
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
