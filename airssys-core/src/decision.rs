//! The decision about a child that ended: values in, value out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::{AutoShutdown, ExitReason, OnLimit, RestartPolicy, SupervisionStrategy, SupervisorConfig};

/// The answer of a supervisor to the end of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Restart the child, and the others in the scope.
    Restart {
        /// The children that are restarted.
        scope: Scope,
        /// The delay before the restart.
        after: Duration,
    },
    /// Keep the child until its supervisor starts it again.
    Keep,
    /// Remove the child.
    Remove,
    /// Remove the child, stop all others and end, because the child was significant.
    ShutDown,
    /// Stop all children and fail, because there were too many restarts.
    GiveUp,
    /// Keep the child until it is resumed, because there were too many restarts.
    Quarantine,
    /// Remove the child, because there were too many restarts.
    End,
}

/// The children that a restart concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The child alone.
    One,
    /// All children.
    All,
    /// The child, and those that were started after it.
    Rest,
}

/// The cause of a child's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// The child ended by itself, or was killed.
    Own,
    /// Its supervisor stopped it, to restart it with its group or with the supervisor.
    GroupRestart,
    /// It was told to end for good, or its very first start failed.
    ForGood,
}

/// A child that ended.
#[derive(Debug, Clone, Copy)]
pub struct EndedChild<'a> {
    /// Why it ended.
    pub cause: EndCause,
    /// Which of its ends are followed by a restart.
    pub policy: RestartPolicy,
    /// True if it counts for the auto-shutdown.
    pub significant: bool,
    /// The number of other significant children.
    pub others_significant: usize,
    /// The step that follows if it has been restarted too often.
    pub on_limit: OnLimit,
    /// True if this end counts towards the limit. Otherwise the child is restarted at any number of
    /// restarts.
    pub counts: bool,
    /// True if it was told to restart ([`ExitReason::Restart`]) once it had started: it restarts at once,
    /// and no limit applies. Told before that, it restarts as after a failure, because an actor that
    /// tells itself in every start would restart for ever.
    pub asked: bool,
    /// How it ended.
    pub exit: &'a ExitReason,
    /// The number of its restarts in a row, each before it had lived for the supervisor's
    /// `within_duration`. It sets the delay.
    pub attempt: u32,
    /// A random number from 0 to 1: the share of the jitter that applies.
    pub random: f64,
    /// When it ended.
    pub now: Instant,
}

/// The recent restarts of a supervisor, or of one child: at most as many as it allows.
#[derive(Debug, Clone, Default)]
pub struct RestartWindow {
    /// The oldest first, each with the number of its child.
    restarts: VecDeque<(Instant, u64)>,
}

impl RestartWindow {
    /// A window without restarts.
    pub const fn new() -> Self {
        Self { restarts: VecDeque::new() }
    }

    /// The number of restarts in the time `within` before `now`. A restart that is exactly as old
    /// as that no longer counts.
    pub fn count(&self, now: Instant, within: Duration) -> u32 {
        let old = self.restarts.partition_point(|(then, _)| now.saturating_duration_since(*then) >= within);
        u32::try_from(self.restarts.len() - old).unwrap_or(u32::MAX)
    }

    /// Records a restart of this child decided at `now`, and forgets those that no longer count. Records nothing
    /// if the supervisor has no limit.
    pub fn record(&mut self, child: u64, now: Instant, config: &SupervisorConfig) {
        if config.max_restarts == u32::MAX {
            return;
        }
        let within = config.within_duration;
        while self.restarts.front().is_some_and(|(then, _)| now.saturating_duration_since(*then) >= within) {
            self.restarts.pop_front();
        }
        self.restarts.push_back((now, child));
    }

    /// Forgets the restarts of one child; those of others still count.
    pub fn forget(&mut self, child: u64) {
        self.restarts.retain(|(_, restarted)| *restarted != child);
    }
}

/// Returns true if a child is started again after such an end.
fn returns(child: &EndedChild<'_>) -> bool {
    match (child.cause, child.policy) {
        (EndCause::ForGood, _) | (_, RestartPolicy::Temporary) => false,
        (_, RestartPolicy::Permanent) => true,
        (EndCause::Own, RestartPolicy::Transient) => {
            child.exit.is_failure() || matches!(child.exit, ExitReason::Restart)
        }
        // The shutdown was its supervisor's. A child that had stopped normally before does not return.
        (EndCause::GroupRestart, RestartPolicy::Transient) => !matches!(child.exit, ExitReason::Normal),
    }
}

/// Returns true if the end of this child, which does not return, ends its supervisor.
fn ends_supervisor(config: &SupervisorConfig, child: &EndedChild<'_>) -> bool {
    match config.auto_shutdown {
        _ if child.cause != EndCause::Own => false,
        AutoShutdown::Never => false,
        AutoShutdown::AnySignificant => child.significant,
        AutoShutdown::AllSignificant => child.significant && child.others_significant == 0,
    }
}

/// Decides about a child that ended.
///
/// The window has the restarts that count together, by the supervisor's
/// [`LimitScope`](crate::LimitScope). It is not changed: the caller calls [`RestartWindow::record`] if
/// it restarts the child, unless the restart was asked for ([`EndedChild::asked`]) or the end does not
/// count ([`EndedChild::counts`]).
pub fn decide(config: &SupervisorConfig, window: &RestartWindow, child: &EndedChild<'_>) -> Decision {
    match (returns(child), child.cause) {
        (false, _) if ends_supervisor(config, child) => return Decision::ShutDown,
        (false, _) => return Decision::Remove,
        // The restart of the group has been counted already.
        (true, EndCause::GroupRestart) => return Decision::Keep,
        (true, _) => {}
    }
    if child.asked {
        return Decision::Restart { scope: Scope::One, after: Duration::ZERO };
    }
    let unlimited = config.max_restarts == u32::MAX;
    if child.counts && !unlimited && window.count(child.now, config.within_duration) >= config.max_restarts {
        return match child.on_limit {
            OnLimit::Escalate => Decision::GiveUp,
            OnLimit::Quarantine => Decision::Quarantine,
            OnLimit::End if ends_supervisor(config, child) => Decision::ShutDown,
            OnLimit::End => Decision::End,
        };
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
