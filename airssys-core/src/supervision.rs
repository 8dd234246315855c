//! The configuration of supervisors and their children.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which ends of a child are followed by a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RestartPolicy {
    /// Every end, so also when it stops itself. A stop by the holder of a reference is final all the
    /// same, as OTP's `terminate_child` is.
    #[default]
    Permanent,
    /// Failures only: an error, a panic, a kill, a supervisor that gave up.
    Transient,
    /// No end: the child runs once.
    Temporary,
}

/// Which children of a supervisor are restarted when one of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
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

/// Which ends of significant children end their supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AutoShutdown {
    /// No end: the supervisor takes no significant children.
    #[default]
    Never,
    /// The first end of a significant child that is not followed by a restart.
    AnySignificant,
    /// The end of the last significant child that is not followed by a restart.
    AllSignificant,
}

/// The restarts that count together towards the limit of a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitScope {
    /// Those of all children together, as in OTP.
    #[default]
    Shared,
    /// Those of each child alone: a child that fails often uses up only its own limit.
    PerChild,
}

/// The step that follows when a child would be restarted more often than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnLimit {
    /// The supervisor gives up, as in OTP: it stops all children and fails.
    #[default]
    Escalate,
    /// The child alone gives up, and waits: its mailbox takes messages, its name stays taken, and
    /// nothing runs until it is resumed. A restart of the supervisor starts it too; a restart of the
    /// group does not.
    Quarantine,
    /// The child alone gives up, and has ended for good.
    End,
}

/// How a supervisor stops a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// Aborts it at once: its last hooks do not run.
    Kill,
    /// Asks it to stop, and aborts it after this time.
    After(Duration),
    /// Asks it to stop, and waits without a limit.
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

/// The delay before a supervisor restarts a child.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RestartStrategy {
    /// No delay.
    Immediate,
    /// Always the same delay.
    Fixed {
        /// The delay.
        delay: Duration,
    },
    /// A delay that grows with each restart in a row.
    ExponentialBackoff {
        /// The delay before the first restart.
        initial_delay: Duration,
        /// The longest delay.
        max_delay: Duration,
        /// The ratio of a delay to the one before. Less than 1, or not a number, counts as 1.
        multiplier: f64,
        /// The largest share that chance may take off a delay, from 0 to 1, so that many children
        /// that fail at once do not restart at once. Not a number counts as 0.
        jitter: f64,
    },
}

impl RestartStrategy {
    /// The delay before a restart.
    ///
    /// `attempt` is the number of restarts in a row before this one: 0 for the first. `random`,
    /// from 0 to 1, is the share of the jitter that applies.
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

/// Which children a supervisor restarts, how often and how fast.
///
/// The default is one for one, no auto-shutdown, and 3 restarts of all children together within 5 s,
/// after delays of 10 ms, 20 ms, 40 ms and so on up to 1 s, each shortened by up to a tenth. After one
/// restart too many, the supervisor gives up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupervisorConfig {
    /// Which children are restarted when one of them is.
    pub strategy: SupervisionStrategy,
    /// Which ends of significant children end the supervisor.
    pub auto_shutdown: AutoShutdown,
    /// The most restarts within `within_duration`: instead of one more, `on_limit` follows.
    /// `u32::MAX` means no limit, and nothing is counted then. The restart of a group counts once,
    /// for the child that caused it.
    pub max_restarts: u32,
    /// The restarts that count together.
    pub limit_scope: LimitScope,
    /// The step that follows instead of one restart too many. A child may have its own.
    pub on_limit: OnLimit,
    /// The time over which restarts are counted. A child that has lived as long starts with the
    /// first delay again. If it is zero, no restart counts and delays do not grow.
    pub within_duration: Duration,
    /// The delay before each restart.
    pub restart_strategy: RestartStrategy,
}

impl SupervisorConfig {
    /// The default, for children that do not depend on each other: each has a limit of its own, and
    /// a child that reaches it ends for good alone.
    pub fn independent() -> Self {
        Self { limit_scope: LimitScope::PerChild, on_limit: OnLimit::End, ..Self::default() }
    }
}

impl Default for SupervisorConfig {
    fn default() -> Self {
        Self {
            strategy: SupervisionStrategy::default(),
            auto_shutdown: AutoShutdown::default(),
            max_restarts: 3,
            limit_scope: LimitScope::default(),
            on_limit: OnLimit::default(),
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
