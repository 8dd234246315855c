//! The configuration of an actor.

use std::sync::Arc;

use airssys_core::{OnLimit, Overflow, RestartPolicy, Shutdown};

/// The configuration of an actor.
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
    /// `None` if it is not to be found by name.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) restart: RestartPolicy,
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    /// `None` stands for the supervisor's.
    pub(crate) on_limit: Option<OnLimit>,
    pub(crate) movable: bool,
}

impl ChildSpec {
    /// An actor with this name and the defaults: restarted whenever it ends, a mailbox of 256
    /// messages whose senders wait for room, and 5 s for its stop.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    /// An actor without a name, with the same defaults. [`whereis`](crate::ActorSystem::whereis) does
    /// not find it, and its name reads as empty. Logs and reports show its number.
    pub fn unnamed() -> Self {
        Self {
            name: None,
            restart: RestartPolicy::default(),
            capacity: 256,
            overflow: Overflow::default(),
            shutdown: Shutdown::default(),
            significant: false,
            on_limit: None,
            movable: false,
        }
    }

    /// Which of its ends are followed by a restart.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// The most messages that its mailbox takes: at least 1, and at most 2³² − 1. A larger number counts
    /// as that.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages;
        self
    }

    /// The policy of its mailbox when it is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// How its supervisor stops it. A [`Duration`](std::time::Duration) is the time after which it is
    /// aborted.
    pub fn shutdown(mut self, how: impl Into<Shutdown>) -> Self {
        self.shutdown = how.into();
        self
    }

    /// The step that follows if it would be restarted more often than its supervisor allows. Default:
    /// the supervisor's own [`on_limit`](airssys_core::SupervisorConfig::on_limit).
    pub fn on_limit(mut self, step: OnLimit) -> Self {
        self.on_limit = Some(step);
        self
    }

    /// Lets its task move to another runtime by [`relocate`](crate::relocate). It then has a block of memory
    /// of its own for its future. Default: false.
    pub fn movable(mut self, movable: bool) -> Self {
        self.movable = movable;
        self
    }

    /// Makes it count for its supervisor's [`AutoShutdown`](crate::AutoShutdown). A permanent child
    /// cannot be significant.
    pub fn significant(mut self, significant: bool) -> Self {
        self.significant = significant;
        self
    }
}
