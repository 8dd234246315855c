//! The limits of a component, as plain values.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;

/// The most that one instance of a component may use.
///
/// [`Limits::DEFAULT`] holds where a manifest says nothing. A component may ask for more, up to
/// what its app allows ([`Limits::APP_MAX`] unless `app.toml` says otherwise), and an app may allow
/// up to [`Limits::HOST_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory_bytes: usize,
    /// Elements of all its tables together.
    pub table_elements: usize,
    /// Time in the guest per call; waiting is not counted. Whole milliseconds.
    pub execution_time: Duration,
    /// The largest message it takes, and the largest reply it gets, in bytes.
    pub message_size_bytes: usize,
    /// Requests and waits that it has under way.
    pub concurrent_requests: usize,
    /// Subscriptions, those of its manifest among them.
    pub subscriptions: usize,
    /// Topics whose last message it may have retained, all its instances together.
    pub retained: usize,
    /// Distinct targets and topics that it may resolve.
    pub routes: usize,
    /// The longest line it logs, in bytes; a longer one is cut.
    pub log_line_bytes: usize,
}

impl Limits {
    /// What a component gets that asks for nothing.
    pub const DEFAULT: Limits = Limits {
        memory_bytes: 64 * MIB,
        table_elements: 10_000,
        execution_time: Duration::from_secs(1),
        message_size_bytes: MIB,
        concurrent_requests: 64,
        subscriptions: 64,
        retained: 64,
        routes: 1024,
        log_line_bytes: 8 * KIB,
    };

    /// The most that a component may ask for in an app that does not say.
    pub const APP_MAX: Limits = Limits {
        memory_bytes: 256 * MIB,
        table_elements: 160_000,
        execution_time: Duration::from_secs(10),
        message_size_bytes: 16 * MIB,
        concurrent_requests: 1024,
        subscriptions: 1024,
        retained: 1024,
        routes: 16_384,
        log_line_bytes: 64 * KIB,
    };

    /// The most that an app may allow.
    pub const HOST_MAX: Limits = Limits {
        memory_bytes: GIB,
        table_elements: 1_000_000,
        execution_time: Duration::from_secs(60),
        message_size_bytes: 64 * MIB,
        concurrent_requests: 4096,
        subscriptions: 4096,
        retained: 4096,
        routes: 65_536,
        log_line_bytes: 64 * KIB,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
