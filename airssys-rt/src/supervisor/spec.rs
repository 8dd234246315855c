//! The configuration of a supervisor below another.

use std::sync::Arc;

use airssys_core::{OnLimit, RestartPolicy, Shutdown, SupervisionStrategy, SupervisorConfig};

/// The most supervisors from the root, which is not counted, down to an actor.
///
/// Snapshots are nested like the tree, so the bound keeps them readable for every JSON parser. The
/// supervisors of an actor's [children](crate::ActorContext::spawn_child) count too. It also bounds the
/// stack that a walk through the tree takes.
pub const MAX_SUPERVISOR_DEPTH: usize = 50;

/// The configuration of a supervisor below another.
///
/// ```
/// use airssys_rt::{RestartPolicy, SupervisionStrategy, SupervisorSpec};
///
/// let spec = SupervisorSpec::new("storage")
///     .strategy(SupervisionStrategy::RestForOne)
///     .restart(RestartPolicy::Transient);
/// # let _ = spec;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SupervisorSpec {
    /// `None` if it has no name.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) config: SupervisorConfig,
    pub(crate) restart: RestartPolicy,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
    /// `None` stands for the supervisor's.
    pub(crate) on_limit: Option<OnLimit>,
    pub(crate) dynamic: bool,
    pub(crate) escalates: bool,
}

impl SupervisorSpec {
    /// A supervisor with this name and the defaults: the default [`SupervisorConfig`], restarted
    /// whenever it ends, and an unbounded time for its stop.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: Some(name.into()), ..Self::unnamed() }
    }

    /// A supervisor without a name, with the same defaults.
    pub fn unnamed() -> Self {
        Self {
            name: None,
            config: SupervisorConfig::default(),
            restart: RestartPolicy::default(),
            shutdown: Shutdown::Unbounded,
            significant: false,
            on_limit: None,
            dynamic: false,
            escalates: true,
        }
    }

    /// The way in which it restarts its children.
    pub fn config(mut self, config: SupervisorConfig) -> Self {
        self.config = config;
        self
    }

    /// The children that are restarted when one is; the rest of the config stays.
    pub fn strategy(mut self, strategy: SupervisionStrategy) -> Self {
        self.config.strategy = strategy;
        self
    }

    /// Which of its ends are followed by a restart.
    pub fn restart(mut self, policy: RestartPolicy) -> Self {
        self.restart = policy;
        self
    }

    /// How its supervisor stops it.
    pub fn shutdown(mut self, how: impl Into<Shutdown>) -> Self {
        self.shutdown = how.into();
        self
    }

    /// Makes it count for its supervisor's [`AutoShutdown`](crate::AutoShutdown). A permanent child
    /// cannot be significant.
    pub fn significant(mut self, significant: bool) -> Self {
        self.significant = significant;
        self
    }

    /// The step that follows if this supervisor itself would be restarted more often than the one
    /// above allows. Default: the [`SupervisorConfig::on_limit`] of the one above.
    pub fn on_limit(mut self, step: OnLimit) -> Self {
        self.on_limit = Some(step);
        self
    }

    /// Makes it a supervisor of any number of children without an order. They are stopped all at
    /// once, and end for good when it ends or is restarted. Its strategy must be one for one.
    pub fn dynamic(mut self) -> Self {
        self.dynamic = true;
        self
    }

    /// If false, it ends for good when it gives up: its supervisor neither restarts it nor counts a
    /// failure. Default: true.
    pub fn escalates(mut self, escalates: bool) -> Self {
        self.escalates = escalates;
        self
    }
}
