//! What a supervisor does about a child that ends.

mod children;
mod decision;
mod node;
mod reference;
mod runner;
mod spec;
mod task;

use std::error::Error;
use std::fmt;
use std::time::Duration;

pub(crate) use self::children::Key;
pub use self::decision::{Decision, Ended, RestartWindow, Scope, decide};
pub(crate) use self::node::{Limit, Order, SupervisorNode};
pub use self::reference::{ChildKind, ChildSummary, SupervisorRef};
pub(crate) use self::runner::{Root, SupervisorRunner};
pub use self::spec::SupervisorSpec;
pub(crate) use self::task::Runnable;

use crate::ExitReason;

/// Which ends of a child are followed by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RestartPolicy {
    /// Every one, so a normal stop too.
    #[default]
    Permanent,
    /// Failures only: an error, a panic, a kill, a supervisor that gave up.
    Transient,
    /// None.
    Temporary,
}

/// Who is restarted when a child is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupervisionStrategy {
    /// The child alone.
    #[default]
    OneForOne,
    /// All children of the supervisor.
    OneForAll,
    /// The child, and those that were started after it.
    RestForOne,
}

/// Whether a supervisor ends with its significant children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AutoShutdown {
    /// It does not: it takes no significant children.
    #[default]
    Never,
    /// When one of them has ended by itself and is not restarted.
    AnySignificant,
    /// When the last of them has ended by itself and is not restarted.
    AllSignificant,
}

/// How a supervisor stops a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// By aborting it: its last hooks do not run.
    Kill,
    /// By asking it; after this time it is aborted.
    After(Duration),
    /// By asking it, and waiting for as long as it takes.
    Unbounded,
}

impl Default for Shutdown {
    /// 5 s.
    fn default() -> Self {
        Self::After(Duration::from_secs(5))
    }
}

impl From<Duration> for Shutdown {
    fn from(time: Duration) -> Self {
        Self::After(time)
    }
}

/// How long a supervisor waits before it restarts a child.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RestartStrategy {
    /// Not at all.
    Immediate,
    /// Always equally long.
    Fixed {
        /// How long.
        delay: Duration,
    },
    /// Longer with each restart in a row.
    ExponentialBackoff {
        /// Before the first restart.
        initial_delay: Duration,
        /// Never longer than this.
        max_delay: Duration,
        /// How much longer than the one before each delay is. Less than 1, or not a number,
        /// counts as 1.
        multiplier: f64,
        /// The share of a delay that chance may take off it, from 0 to 1: so that many that fail
        /// at once do not come back at once. Not a number counts as 0.
        jitter: f64,
    },
}

impl RestartStrategy {
    /// The delay before a restart.
    ///
    /// `attempt` is how many restarts in a row preceded it, so 0 for the first; `random`, from 0 to
    /// 1, is how much of the jitter applies.
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        match *self {
            Self::Immediate => Duration::ZERO,
            Self::Fixed { delay } => delay,
            Self::ExponentialBackoff { initial_delay, max_delay, multiplier, jitter } => {
                // `max` also turns NaN into 1.
                let factor = multiplier.max(1.0).powf(f64::from(attempt));
                let seconds = initial_delay.as_secs_f64() * factor;
                let delay =
                    Duration::try_from_secs_f64(seconds).map_or(max_delay, |delay| delay.min(max_delay));
                // `max` also turns NaN into 0.
                let off = jitter.max(0.0).clamp(0.0, 1.0) * random.max(0.0).clamp(0.0, 1.0);
                let shorter = Duration::try_from_secs_f64(delay.as_secs_f64() * (1.0 - off));
                if off == 0.0 { delay } else { shorter.map_or(delay, |shorter| shorter.min(delay)) }
            }
        }
    }
}

/// How a supervisor restarts its children, how often and how fast.
///
/// The default is one for one, no auto-shutdown, and 3 restarts within 5 s, after delays of 10 ms,
/// 20 ms, 40 ms and so on up to 1 s, each shortened by up to a tenth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupervisorConfig {
    /// Who is restarted when a child is.
    pub strategy: SupervisionStrategy,
    /// Whether the supervisor ends with its significant children.
    pub auto_shutdown: AutoShutdown,
    /// The most restarts, of all children together, within `within_duration`; one more and the
    /// supervisor gives up. `u32::MAX` is no limit: nothing is counted then. A restart of several
    /// children because of one counts once.
    pub max_restarts: u32,
    /// The time over which restarts are counted. A child that has lived for as long starts its
    /// delays anew. If it is zero, no restart counts and no child's delay grows.
    pub within_duration: Duration,
    /// How long to wait before each restart.
    pub restart_strategy: RestartStrategy,
}

impl Default for SupervisorConfig {
    fn default() -> Self {
        Self {
            strategy: SupervisionStrategy::default(),
            auto_shutdown: AutoShutdown::default(),
            max_restarts: 3,
            within_duration: Duration::from_secs(5),
            restart_strategy: RestartStrategy::ExponentialBackoff {
                initial_delay: Duration::from_millis(10),
                max_delay: Duration::from_secs(1),
                multiplier: 2.0,
                jitter: 0.1,
            },
        }
    }
}

/// Whether the root has given up.
#[derive(Debug, Clone)]
pub(crate) enum Outlook {
    Sound,
    /// It is stopping its children, because one ended too often.
    Failing,
    Failed(SupervisorFailure),
}

/// A supervisor gave up: a child would have been restarted more often than allowed.
///
/// [`source`](Error::source) is the error that ended the child, if one did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SupervisorFailure {
    /// The name of the child that ended once too often.
    pub child: String,
    /// How it ended the last time.
    pub reason: ExitReason,
    /// How many restarts, of all children, there had been.
    pub restarts: u32,
    /// The time over which they are counted.
    pub within: Duration,
}

impl fmt::Display for SupervisorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { child, reason, restarts, within } = self;
        write!(f, "`{child}` {} after {restarts} restarts within {within:?}", reason.without_source())
    }
}

impl Error for SupervisorFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason.source()
    }
}
