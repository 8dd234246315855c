//! What a supervisor does about a child that ends.

mod decision;
mod node;

use std::error::Error;
use std::fmt;
use std::time::Duration;

pub use self::decision::{Decision, RestartWindow, decide};
pub(crate) use self::node::{Command, NewChild, Place, SupervisorNode};

use crate::ExitReason;

/// Which ends of a child are followed by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RestartPolicy {
    /// Every one but a shutdown, so a normal stop too.
    #[default]
    Permanent,
    /// Failures only: an error, a panic, a kill.
    Transient,
    /// None.
    Temporary,
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
    },
}

impl RestartStrategy {
    /// The delay before a restart; `attempt` is how many restarts in a row preceded it, so 0 for
    /// the first.
    pub fn delay(&self, attempt: u32) -> Duration {
        match *self {
            Self::Immediate => Duration::ZERO,
            Self::Fixed { delay } => delay,
            Self::ExponentialBackoff { initial_delay, max_delay, multiplier } => {
                // `max` also turns NaN into 1.
                let factor = multiplier.max(1.0).powf(f64::from(attempt));
                let seconds = initial_delay.as_secs_f64() * factor;
                Duration::try_from_secs_f64(seconds).map_or(max_delay, |delay| delay.min(max_delay))
            }
        }
    }
}

/// How often and how fast a supervisor restarts its children.
///
/// The default is 3 restarts within 5 s, after delays of 10 ms, 20 ms, 40 ms and so on up to 1 s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupervisorConfig {
    /// The most restarts, of all children together, within `within_duration`; one more and the
    /// supervisor gives up.
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
            max_restarts: 3,
            within_duration: Duration::from_secs(5),
            restart_strategy: RestartStrategy::ExponentialBackoff {
                initial_delay: Duration::from_millis(10),
                max_delay: Duration::from_secs(1),
                multiplier: 2.0,
            },
        }
    }
}

/// Whether a supervisor has given up.
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
