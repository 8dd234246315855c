//! What an instance may use.

use std::time::Duration;

/// The most that one instance may use. Every one of them is enforced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, all memories together. Default: 64 MiB.
    pub memory_bytes: u64,
    /// Elements of a table. Default: 10,000.
    pub table_elements: u64,
    /// Time in the guest on one message; waiting does not count. Default: 1 s.
    pub execution_time: Duration,
    /// The largest message it takes, and the largest reply it gets. Default: 1 MiB.
    pub message_size_bytes: u64,
    /// Requests and waits for room that are under way at once. Default: 64.
    pub concurrent_requests: u64,
    /// Subscriptions made while it runs. Default: 64.
    pub subscriptions: u64,
    /// Different targets and topics that it sends to. Default: 1,024.
    pub routes: u64,
    /// Length of a line in the log. Default: 8 KiB.
    pub log_line_bytes: u64,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

impl Limits {
    /// What a component has that does not ask for anything else.
    pub const DEFAULT: Limits = Limits {
        memory_bytes: 64 * MIB,
        table_elements: 10_000,
        execution_time: Duration::from_secs(1),
        message_size_bytes: MIB,
        concurrent_requests: 64,
        subscriptions: 64,
        routes: 1_024,
        log_line_bytes: 8 * KIB,
    };

    /// The most that the components of an app may ask for, unless its manifest says otherwise.
    pub const APP_DEFAULT_MAX: Limits = Limits {
        memory_bytes: 256 * MIB,
        table_elements: 100_000,
        execution_time: Duration::from_secs(10),
        message_size_bytes: 16 * MIB,
        concurrent_requests: 1_024,
        subscriptions: 1_024,
        routes: 16_384,
        log_line_bytes: 64 * KIB,
    };

    /// The most that a host gives to any component.
    pub const HOST_MAX: Limits = Limits {
        memory_bytes: 1_024 * MIB,
        table_elements: 1_000_000,
        execution_time: Duration::from_secs(60),
        message_size_bytes: 64 * MIB,
        concurrent_requests: 4_096,
        subscriptions: 4_096,
        routes: 65_536,
        log_line_bytes: 64 * KIB,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
