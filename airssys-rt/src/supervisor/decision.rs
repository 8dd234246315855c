//! The decision what to do about a child that ended: values in, value out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{AutoShutdown, RestartPolicy, SupervisionStrategy, SupervisorConfig};
use crate::ExitReason;

/// What a supervisor does about a child that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Restart it, and whoever else is in the scope.
    Restart {
        /// Who is restarted.
        scope: Scope,
        /// The delay before that.
        after: Duration,
    },
    /// Let it be gone.
    Remove,
    /// Let it be gone, stop all others and end: it was significant.
    ShutDown,
    /// Stop all children and fail: there were too many restarts.
    GiveUp,
}

/// Whom a restart concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The child alone.
    One,
    /// All children.
    All,
    /// The child, and those that were started after it.
    Rest,
}

/// A child that ended by itself.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// Which of its ends are followed by a restart.
    pub policy: RestartPolicy,
    /// Whether it counts for the auto-shutdown.
    pub significant: bool,
    /// How many other significant children there are.
    pub others_significant: usize,
    /// How it ended.
    pub exit: &'a ExitReason,
    /// How many times in a row it has been restarted without living for the supervisor's
    /// `within_duration`: it sets the delay.
    pub attempt: u32,
    /// What chance adds to the decision, from 0 to 1: how much of the jitter applies.
    pub random: f64,
    /// When it ended.
    pub now: Instant,
}

/// The restarts of the last while, at most as many as a supervisor allows.
#[derive(Debug, Clone, Default)]
pub struct RestartWindow {
    /// The oldest first.
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
        let old = self.restarts.partition_point(|then| now.saturating_duration_since(*then) >= within);
        u32::try_from(self.restarts.len() - old).unwrap_or(u32::MAX)
    }

    /// Notes a restart decided at `now`, and forgets those that no longer count. Nothing is noted
    /// if the supervisor has no limit.
    pub fn record(&mut self, now: Instant, config: &SupervisorConfig) {
        if config.max_restarts == u32::MAX {
            return;
        }
        let within = config.within_duration;
        while self.restarts.front().is_some_and(|then| now.saturating_duration_since(*then) >= within) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
    }
}

/// Whether a child with this policy is restarted after such an end.
pub(super) fn comes_back(policy: RestartPolicy, exit: &ExitReason) -> bool {
    match policy {
        RestartPolicy::Permanent => true,
        RestartPolicy::Transient => exit.is_failure(),
        RestartPolicy::Temporary => false,
    }
}

/// Decides what to do about a child that ended by itself.
///
/// Nothing is noted: the caller calls [`RestartWindow::record`] if it restarts.
pub fn decide(config: &SupervisorConfig, window: &RestartWindow, child: &Ended<'_>) -> Decision {
    if !comes_back(child.policy, child.exit) {
        let ends = match config.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => child.significant,
            AutoShutdown::AllSignificant => child.significant && child.others_significant == 0,
        };
        return if ends { Decision::ShutDown } else { Decision::Remove };
    }
    let unlimited = config.max_restarts == u32::MAX;
    if !unlimited && window.count(child.now, config.within_duration) >= config.max_restarts {
        return Decision::GiveUp;
    }
    let scope = match config.strategy {
        SupervisionStrategy::OneForOne => Scope::One,
        SupervisionStrategy::OneForAll => Scope::All,
        SupervisionStrategy::RestForOne => Scope::Rest,
    };
    Decision::Restart { scope, after: config.restart_strategy.delay(child.attempt, child.random) }
}

#[cfg(test)]
mod tests;
