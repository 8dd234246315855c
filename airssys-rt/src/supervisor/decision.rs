//! The decision what to do about a child that ended: values in, value out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{RestartPolicy, SupervisorConfig};
use crate::ExitReason;

/// What a supervisor does about a child that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Restart it.
    Restart {
        /// The delay before that.
        after: Duration,
    },
    /// Let it be gone.
    Remove,
    /// Stop all children and fail: there were too many restarts.
    GiveUp,
}

/// The restarts of the last while, at most as many as a supervisor allows.
#[derive(Debug, Clone, Default)]
pub struct RestartWindow {
    restarts: VecDeque<Instant>,
}

impl RestartWindow {
    /// A window without restarts.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many restarts there were in the time `within` before `now`. One that is exactly as old
    /// as that no longer counts.
    pub fn count(&self, now: Instant, within: Duration) -> u32 {
        let recent = self.restarts.iter().rev();
        let recent = recent.take_while(|then| now.saturating_duration_since(**then) < within);
        u32::try_from(recent.count()).unwrap_or(u32::MAX)
    }

    /// Notes a restart decided at `now`, and forgets those that no longer count.
    pub fn record(&mut self, now: Instant, within: Duration) {
        while self.restarts.front().is_some_and(|then| now.saturating_duration_since(*then) >= within) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
    }
}

/// Decides what to do about a child that ended with `exit` at `now`.
///
/// `attempt` is how many times in a row the child has been restarted without living for
/// `config.within_duration`: it sets the delay. Nothing is noted: the caller calls
/// [`RestartWindow::record`] if it restarts.
pub fn decide(
    policy: RestartPolicy,
    exit: &ExitReason,
    window: &RestartWindow,
    attempt: u32,
    config: &SupervisorConfig,
    now: Instant,
) -> Decision {
    let restart = match (policy, exit) {
        (_, ExitReason::Shutdown) | (RestartPolicy::Temporary, _) => false,
        (RestartPolicy::Transient, exit) => exit.is_failure(),
        (RestartPolicy::Permanent, _) => true,
    };
    if !restart {
        Decision::Remove
    } else if window.count(now, config.within_duration) >= config.max_restarts {
        Decision::GiveUp
    } else {
        Decision::Restart { after: config.restart_strategy.delay(attempt) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::supervisor::RestartStrategy;

    const SECOND: Duration = Duration::from_secs(1);

    fn exits() -> [ExitReason; 5] {
        [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::Error(Arc::new(std::fmt::Error)),
            ExitReason::Panic("boom".into()),
            ExitReason::Killed,
        ]
    }

    #[test]
    fn the_whole_table() {
        use RestartPolicy::{Permanent, Temporary, Transient};
        // Restarted after: Normal, Shutdown, Error, Panic, Killed.
        let table = [
            (Permanent, [true, false, true, true, true]),
            (Transient, [false, false, true, true, true]),
            (Temporary, [false, false, false, false, false]),
        ];
        let start = Instant::now();
        for (policy, expected) in table {
            for (exit, restarted) in exits().iter().zip(expected) {
                for max_restarts in 0..4 {
                    let config = SupervisorConfig {
                        max_restarts,
                        within_duration: 5 * SECOND,
                        restart_strategy: RestartStrategy::Fixed { delay: SECOND },
                    };
                    let mut window = RestartWindow::new();
                    for before in 0..5 {
                        let expected = match restarted {
                            false => Decision::Remove,
                            true if before >= max_restarts => Decision::GiveUp,
                            true => Decision::Restart { after: SECOND },
                        };
                        let found = decide(policy, exit, &window, before, &config, start);
                        assert_eq!(found, expected, "{policy:?} {exit} {before}/{max_restarts}");
                        window.record(start, config.within_duration);
                    }
                }
            }
        }
    }

    #[test]
    fn the_window_slides() {
        let start = Instant::now();
        let mut window = RestartWindow::new();
        for second in [0, 1, 2] {
            window.record(start + second * SECOND, 5 * SECOND);
        }
        for (second, expected) in [(2, 3), (4, 3), (5, 2), (6, 1), (7, 0), (100, 0)] {
            assert_eq!(window.count(start + second * SECOND, 5 * SECOND), expected, "at {second} s");
        }
        window.record(start + 100 * SECOND, 5 * SECOND);
        assert_eq!(window.restarts.len(), 1, "old restarts are forgotten");
    }

    #[test]
    fn attempts_set_the_delay() {
        let config = SupervisorConfig::default();
        let window = RestartWindow::new();
        let after = |attempt| {
            decide(RestartPolicy::Permanent, &ExitReason::Normal, &window, attempt, &config, Instant::now())
        };
        for (attempt, millis) in [(0, 10), (1, 20), (2, 40), (6, 640), (7, 1000), (u32::MAX, 1000)] {
            assert_eq!(after(attempt), Decision::Restart { after: Duration::from_millis(millis) });
        }
    }

    #[test]
    fn odd_multipliers_never_shorten_or_panic() {
        for multiplier in [f64::NAN, 0.0, -3.0, 0.5] {
            let strategy = RestartStrategy::ExponentialBackoff {
                initial_delay: SECOND,
                max_delay: 8 * SECOND,
                multiplier,
            };
            assert_eq!(strategy.delay(5), SECOND, "{multiplier}");
        }
        let endless = RestartStrategy::ExponentialBackoff {
            initial_delay: SECOND,
            max_delay: 8 * SECOND,
            multiplier: f64::INFINITY,
        };
        assert_eq!((endless.delay(0), endless.delay(1)), (SECOND, 8 * SECOND));
    }
}
