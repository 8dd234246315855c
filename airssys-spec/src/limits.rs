//! The limits of a component, as plain values.

use std::time::Duration;

use crate::rate::Rate;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const GIB: usize = 1024 * MIB;

/// The most that one instance of a component may use; the rates are those of all its instances
/// together.
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
    /// Time in the guest per message; waiting is not counted. Whole milliseconds.
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
    /// What all instances together may send, request and publish, and how often they may subscribe.
    pub rates: Rates,
    /// What of that may go to single components, one entry for each.
    pub edges: Vec<EdgeLimit>,
}

/// How much may be sent a second; none is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Messages, requests, publications and subscriptions a second.
    pub messages_per_second: Option<u64>,
    /// The most of them at once. None is as many as a second brings.
    pub messages_burst: Option<u64>,
    /// Their bytes a second, codec prefixes included.
    pub bytes_per_second: Option<u64>,
    /// The most bytes at once, so that a larger message is never taken. None is as many as a second
    /// brings.
    pub bytes_burst: Option<u64>,
}

/// How much may be sent to one component, by messages and requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeLimit {
    /// The component, with all its instances.
    pub target: String,
    /// How much.
    pub rates: Rates,
}

impl Rates {
    /// No limit.
    pub const UNLIMITED: Rates =
        Rates { messages_per_second: None, messages_burst: None, bytes_per_second: None, bytes_burst: None };

    /// The limit on messages, if there is one.
    pub fn messages(&self) -> Option<Rate> {
        rate(self.messages_per_second, self.messages_burst)
    }

    /// The limit on bytes, if there is one.
    pub fn bytes(&self) -> Option<Rate> {
        rate(self.bytes_per_second, self.bytes_burst)
    }
}

fn rate(per_second: Option<u64>, burst: Option<u64>) -> Option<Rate> {
    per_second.map(|per_second| Rate { per_second, burst: burst.unwrap_or(per_second) })
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
        rates: Rates::UNLIMITED,
        edges: Vec::new(),
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
        rates: Rates::UNLIMITED,
        edges: Vec::new(),
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
        rates: Rates::UNLIMITED,
        edges: Vec::new(),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
