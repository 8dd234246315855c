//! How an actor is to be run.

use std::sync::Arc;

use airssys_core::{Overflow, RestartPolicy, Shutdown};

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
    /// None if it is not to be found by name.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) restart: RestartPolicy,
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
}

impl ChildSpec {
    /// An actor with this name, restarted whenever it ends, with a mailbox of 256 messages that
    /// waits for room, and 5 s for its ordered stop.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    /// The same without a name: it is not found by [`whereis`](crate::ActorSystem::whereis), and
    /// its name reads as empty. Logs and reports give its number.
    pub fn unnamed() -> Self {
        Self {
            name: None,
            restart: RestartPolicy::default(),
            capacity: 256,
            overflow: Overflow::default(),
            shutdown: Shutdown::default(),
            significant: false,
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

    /// How its supervisor stops it; a [`Duration`](std::time::Duration) is the time for that,
    /// after which it is aborted.
    pub fn shutdown(mut self, how: impl Into<Shutdown>) -> Self {
        self.shutdown = how.into();
        self
    }

    /// Whether it counts for its supervisor's [`AutoShutdown`](crate::AutoShutdown). Only one that
    /// is not permanent can.
    pub fn significant(mut self, significant: bool) -> Self {
        self.significant = significant;
        self
    }
}
