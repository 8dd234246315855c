//! How an actor is to be run.

use std::sync::Arc;
use std::time::Duration;

use crate::{Overflow, RestartPolicy};

/// What a system is told about an actor before it starts.
///
/// ```
/// use std::time::Duration;
/// use airssys_rt::{ChildSpec, Overflow, RestartPolicy};
///
/// let spec = ChildSpec::new("orders")
///     .restart(RestartPolicy::Transient)
///     .capacity(1024)
///     .overflow(Overflow::Reject)
///     .shutdown(Duration::from_secs(2));
/// # let _ = spec;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildSpec {
    pub(crate) name: Arc<str>,
    pub(crate) restart: RestartPolicy,
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    pub(crate) shutdown: Duration,
}

impl ChildSpec {
    /// An actor with this name, restarted whenever it ends, with a mailbox of 256 messages that
    /// waits for room, and 5 s for its ordered stop.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            restart: RestartPolicy::default(),
            capacity: 256,
            overflow: Overflow::default(),
            shutdown: Duration::from_secs(5),
        }
    }

    /// Which of its ends are followed by a restart.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// The most messages that its mailbox takes: at least 1.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages;
        self
    }

    /// What its mailbox does when it is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// The time for its ordered stop; after that it is aborted.
    pub fn shutdown(mut self, time: Duration) -> Self {
        self.shutdown = time;
        self
    }
}
