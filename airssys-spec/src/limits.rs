//! The limits of a component, as plain values.

use std::time::Duration;

use crate::rate::Rate;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;

/// The most that one instance of a component may use. Rates hold for all its instances together.
///
/// [`Limits::DEFAULT`] applies where a manifest sets no limit. A component may ask for more, up to
/// what its app allows: [`Limits::APP_MAX`], unless `app.toml` sets another maximum. An app may
/// allow up to [`Limits::HOST_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory_bytes: usize,
    /// Elements in all its tables together.
    pub table_elements: usize,
    /// Time on a processor per message, in whole milliseconds. Waiting does not count.
    pub execution_time: Duration,
    /// Time that a start may take, and a look at its health, waits included; in whole milliseconds.
    pub start_timeout: Duration,
    /// The largest message that it accepts, and the largest reply that it gets, in bytes.
    pub message_size_bytes: usize,
    /// Requests and waits that it may have in flight.
    pub concurrent_requests: usize,
    /// Subscriptions, including those of its manifest.
    pub subscriptions: usize,
    /// Topics whose last message it may have retained, for all its instances together.
    pub retained: usize,
    /// Distinct targets and topics that it may resolve.
    pub routes: usize,
    /// The longest line that it logs, in bytes. A longer line is cut.
    pub log_line_bytes: usize,
    /// Lines that all instances together may log in a second, and at once. More are dropped.
    pub log_lines_per_second: usize,
    /// Bytes that all instances together may log in a second, and at once. More are dropped.
    pub log_bytes_per_second: usize,
    /// Calls of services that all instances together may make in a second, and at once. More are refused.
    pub service_calls_per_second: usize,
    /// HTTP requests that all instances together may send in a second, and at once. More are refused.
    pub outgoing_requests_per_second: usize,
    /// Bytes of the bodies of those requests and of their responses in a second, and at once. More wait.
    pub outgoing_bytes_per_second: usize,
    /// Connections of one pool, such as those to a database, that all instances together may hold.
    pub connections: usize,
    /// Keys or objects in a label after a write of the component.
    pub stored_keys: u64,
    /// Bytes in a label after a write of the component, keys included.
    pub stored_bytes: u64,
    /// Rates at which all instances together may send, request, publish and subscribe.
    pub rates: Rates,
    /// Rates for what goes to single components: one entry for each target.
    pub per_target: Vec<TargetLimit>,
}

/// Rates of sending; a field that is `None` sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Messages, requests, publications and subscriptions a second.
    pub messages_per_second: Option<u64>,
    /// The most of them at once; `None` stands for `messages_per_second`.
    pub messages_burst: Option<u64>,
    /// Bytes a second, codec prefixes included.
    pub bytes_per_second: Option<u64>,
    /// The most bytes at once; `None` stands for `bytes_per_second`. A larger message is always
    /// refused.
    pub bytes_burst: Option<u64>,
}

/// The rates at which messages and requests may go to one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetLimit {
    /// The component, with all its instances.
    pub target: String,
    /// The rates.
    pub rates: Rates,
}

impl Rates {
    /// Sets no limit.
    pub const UNLIMITED: Rates =
        Rates { messages_per_second: None, messages_burst: None, bytes_per_second: None, bytes_burst: None };

    /// Returns the limit on messages, or `None` if there is no limit.
    pub fn messages(&self) -> Option<Rate> {
        rate(self.messages_per_second, self.messages_burst)
    }

    /// Returns the limit on bytes, or `None` if there is no limit.
    pub fn bytes(&self) -> Option<Rate> {
        rate(self.bytes_per_second, self.bytes_burst)
    }
}

fn rate(per_second: Option<u64>, burst: Option<u64>) -> Option<Rate> {
    per_second.map(|per_second| Rate { per_second, burst: burst.unwrap_or(per_second) })
}

impl Limits {
    /// The limits of a component that asks for none.
    pub const DEFAULT: Limits = Limits {
        memory_bytes: 64 * MIB,
        table_elements: 10_000,
        execution_time: Duration::from_secs(1),
        start_timeout: Duration::from_secs(60),
        message_size_bytes: MIB,
        concurrent_requests: 64,
        subscriptions: 64,
        retained: 64,
        routes: 1024,
        log_line_bytes: 8 * KIB,
        log_lines_per_second: 1_000,
        log_bytes_per_second: MIB,
        service_calls_per_second: 100_000,
        outgoing_requests_per_second: 1_000,
        outgoing_bytes_per_second: 64 * MIB,
        connections: 16,
        stored_keys: 1_000_000,
        stored_bytes: 16 << 30,
        rates: Rates::UNLIMITED,
        per_target: Vec::new(),
    };

    /// The most that a component may ask for, unless its app sets another maximum.
    pub const APP_MAX: Limits = Limits {
        memory_bytes: 256 * MIB,
        table_elements: 160_000,
        execution_time: Duration::from_secs(10),
        start_timeout: Duration::from_secs(10 * 60),
        message_size_bytes: 16 * MIB,
        concurrent_requests: 1024,
        subscriptions: 1024,
        retained: 1024,
        routes: 16_384,
        log_line_bytes: 64 * KIB,
        log_lines_per_second: 20_000,
        log_bytes_per_second: 16 * MIB,
        service_calls_per_second: 1_000_000,
        outgoing_requests_per_second: 100_000,
        outgoing_bytes_per_second: GIB,
        connections: 128,
        stored_keys: 100_000_000,
        stored_bytes: 256 << 30,
        rates: Rates::UNLIMITED,
        per_target: Vec::new(),
    };

    /// The most that an app may allow.
    pub const HOST_MAX: Limits = Limits {
        memory_bytes: GIB,
        table_elements: 1_000_000,
        execution_time: Duration::from_secs(60),
        start_timeout: Duration::from_secs(24 * 60 * 60),
        message_size_bytes: 64 * MIB,
        concurrent_requests: 4096,
        subscriptions: 4096,
        retained: 4096,
        routes: 65_536,
        log_line_bytes: 64 * KIB,
        log_lines_per_second: 1_000_000,
        log_bytes_per_second: GIB,
        service_calls_per_second: 10_000_000,
        outgoing_requests_per_second: 1_000_000,
        outgoing_bytes_per_second: GIB,
        connections: 1_000,
        stored_keys: 1_000_000_000,
        stored_bytes: 1024 << 30,
        rates: Rates::UNLIMITED,
        per_target: Vec::new(),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
