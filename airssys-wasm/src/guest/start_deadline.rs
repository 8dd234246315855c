//! The deadline of a start, for a guest that runs.
//!
//! The caller of a start ends a guest that waits. It cannot end one that runs, because a directly entered
//! guest keeps the caller's thread. So the epoch check of the guest reads the deadline too.

use std::time::{Duration, Instant};

use crate::guest::meter::EPOCH_TICK;

/// The time that the caller gives a running guest beyond the deadline, so that the guest's own check is the
/// first to find it.
pub(crate) const GRACE: Duration = Duration::from_nanos(2 * EPOCH_TICK.as_nanos() as u64);

/// The deadline of a start, or of a look at the guest's health.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartDeadline {
    /// The call that is made.
    pub(crate) call: &'static str,
    pub(crate) limit: Duration,
    /// `None` if no clock reaches it.
    at: Option<Instant>,
}

impl StartDeadline {
    /// Begins the time for a call, and for those that follow it.
    pub(crate) fn within(limit: Duration, call: &'static str) -> StartDeadline {
        StartDeadline { call, limit, at: Instant::now().checked_add(limit) }
    }

    pub(crate) fn has_passed(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now >= at)
    }
}

/// Raised in a guest that still runs at the deadline of its start.
#[derive(Debug, thiserror::Error)]
#[error("still running")]
pub(crate) struct StillRunning(pub(crate) StartDeadline);
