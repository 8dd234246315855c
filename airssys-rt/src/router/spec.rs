//! The configuration of a router.

use std::sync::Arc;

use airssys_core::{Overflow, RestartPolicy, Shutdown, SupervisorConfig};
use thiserror::Error;

use crate::{ChildSpec, StartError};

/// The choice of the worker for a message without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Routing {
    /// One worker after another.
    #[default]
    RoundRobin,
    /// The worker with the least [`load`](crate::ActorRef::load); among several, one after another.
    /// Workers that are being restarted come last, because they handle nothing before they have
    /// started. Looks at each worker for each message.
    LeastLoaded,
}

/// The configuration of a router and its workers.
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
    /// The configuration of each worker, without its name.
    pub(super) worker: ChildSpec,
}

impl RouterSpec {
    /// A router with this name, and one worker for each processor. The other defaults are those of
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

    /// The number of workers at the start: at least 1.
    pub fn size(mut self, workers: usize) -> Self {
        self.size = workers;
        self
    }

    /// The choice of the worker for a message without a key.
    pub fn routing(mut self, routing: Routing) -> Self {
        self.routing = routing;
        self
    }

    /// The configuration of restarts. After too many, all workers are restarted, with the messages in
    /// their mailboxes, and the supervisor above counts that as one restart.
    pub fn supervisor(mut self, config: SupervisorConfig) -> Self {
        self.supervisor = config;
        self
    }

    /// Which ends of a worker are followed by a restart. A worker that ends for good leaves the pool.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.worker = self.worker.restart(policy);
        self
    }

    /// The most messages that the mailbox of each worker takes: at least 1.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.worker = self.worker.capacity(messages);
        self
    }

    /// The policy of a worker's mailbox when it is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.worker = self.worker.overflow(overflow);
        self
    }

    /// How a worker is stopped with its supervisor. A [`Duration`](std::time::Duration) is the time
    /// after which it is aborted.
    pub fn shutdown(mut self, how: impl Into<Shutdown>) -> Self {
        self.worker = self.worker.shutdown(how);
        self
    }
}

/// The error of making a router, and of resizing its pool.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum RouterError {
    /// A router without workers could not send.
    #[error("the router `{name}` must have at least one worker")]
    NoWorkers {
        /// The router's name.
        name: String,
    },
    /// A worker, or the supervisor of all, did not start.
    #[error(transparent)]
    Start(#[from] StartError),
}
