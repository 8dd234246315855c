//! How a router is to be run.

use std::sync::Arc;

use airssys_core::{Overflow, RestartPolicy, Shutdown, SupervisorConfig};
use thiserror::Error;

use crate::{ChildSpec, StartError};

/// Which worker gets a message that has no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Routing {
    /// One after another in turn.
    #[default]
    RoundRobin,
    /// The one with the least [`load`](crate::ActorRef::load); of several, the next in turn. One that
    /// is being restarted comes after all that are running, since nothing that it gets is handled
    /// before that. Looks at each worker for each message.
    LeastLoaded,
}

/// What a system is told about a router and its workers.
///
/// ```
/// use airssys_rt::{Overflow, RouterSpec, Routing};
///
/// let spec = RouterSpec::new("resizers")
///     .size(8)
///     .routing(Routing::LeastLoaded)
///     .capacity(64)
///     .overflow(Overflow::Reject);
/// # let _ = spec;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RouterSpec {
    pub(super) name: Arc<str>,
    pub(super) size: usize,
    pub(super) routing: Routing,
    pub(super) supervisor: SupervisorConfig,
    /// Of each worker, but for its name.
    pub(super) worker: ChildSpec,
}

impl RouterSpec {
    /// A router with this name, and one worker for each processor. All else is as in
    /// [`ChildSpec::new`] and [`SupervisorConfig::default`].
    ///
    /// The first worker has the name `NAME/1`, the next `NAME/2`; no number is used again.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            size: std::thread::available_parallelism().map_or(1, usize::from),
            routing: Routing::default(),
            supervisor: SupervisorConfig::default(),
            worker: ChildSpec::unnamed(),
        }
    }

    /// How many workers there are at first: at least 1.
    pub fn size(mut self, workers: usize) -> Self {
        self.size = workers;
        self
    }

    /// Which worker gets a message that has no key.
    pub fn routing(mut self, routing: Routing) -> Self {
        self.routing = routing;
        self
    }

    /// How the workers are restarted. If there were too many restarts, all workers are, with what
    /// is in their mailboxes, and the supervisor above counts that as a restart.
    pub fn supervisor(mut self, config: SupervisorConfig) -> Self {
        self.supervisor = config;
        self
    }

    /// Which ends of a worker are followed by a restart. One that ends for good leaves the pool.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.worker = self.worker.restart(policy);
        self
    }

    /// The most messages that the mailbox of each worker takes: at least 1.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.worker = self.worker.capacity(messages);
        self
    }

    /// What a worker's mailbox does when it is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.worker = self.worker.overflow(overflow);
        self
    }

    /// How a worker is stopped with its supervisor; a [`Duration`](std::time::Duration) is the
    /// time for that, after which it is aborted.
    pub fn shutdown(mut self, how: impl Into<Shutdown>) -> Self {
        self.worker = self.worker.shutdown(how);
        self
    }
}

/// Why a router was not made, or its pool was not resized.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RouterError {
    /// A router without workers has nobody to send to.
    #[error("the router `{name}` must have at least one worker")]
    NoWorkers {
        /// The router's name.
        name: String,
    },
    /// A worker, or the supervisor of all, did not start.
    #[error(transparent)]
    Start(#[from] StartError),
}
