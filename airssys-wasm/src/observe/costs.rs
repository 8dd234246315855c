//! The costs of a component for its host.

use serde::{Deserialize, Serialize};

/// The most bytes of an element of a table, which is one or two pointers.
pub(crate) const ELEMENT_BYTES: u64 = 16;

/// The costs of a component for its host: all its instances together.
///
/// Memory is what the host holds at present. It is counted in full, also where the operating system has
/// given no page for it yet. Only `resident_bytes` is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct HostCosts {
    /// The linear memories of its instances, in bytes.
    pub linear_memory_bytes: u64,
    /// The part of these memories that is resident, in bytes: pages that the operating system has given, and
    /// that no other instance shares. `None` unless the snapshot was asked to measure it.
    pub resident_bytes: Option<u64>,
    /// The tables of its instances, in bytes.
    pub table_bytes: u64,
    /// The messages that wait in its mailboxes, in bytes.
    pub mailbox_bytes: u64,
    /// The messages that it retains on topics, in bytes.
    pub retained_bytes: u64,
    /// The routes that its instances have resolved, in bytes.
    pub route_bytes: u64,
    /// The subscriptions of its instances, in bytes.
    pub subscription_bytes: u64,
    /// The kept dead letters of messages to it, with their reasons, in bytes.
    pub dead_letter_bytes: u64,
}

impl HostCosts {
    /// Returns the memory of all kinds together, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        let HostCosts {
            linear_memory_bytes,
            resident_bytes: _,
            table_bytes,
            mailbox_bytes,
            retained_bytes,
            route_bytes,
            subscription_bytes,
            dead_letter_bytes,
        } = *self;
        let kinds = [
            linear_memory_bytes,
            table_bytes,
            mailbox_bytes,
            retained_bytes,
            route_bytes,
            subscription_bytes,
            dead_letter_bytes,
        ];
        kinds.into_iter().fold(0, u64::saturating_add)
    }
}
