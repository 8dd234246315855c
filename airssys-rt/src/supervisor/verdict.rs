//! The verdict of a supervisor on a child whose incarnation ended.

use std::time::Duration;

use crate::mailbox::StopRequest;

/// The wait before a restart.
#[derive(Debug, Clone, Copy)]
pub(super) struct RestartDelay {
    pub(super) time: Duration,
    /// The least request that cuts the wait short.
    pub(super) interrupted_by: StopRequest,
}

impl RestartDelay {
    pub(super) const NONE: Self = Self { time: Duration::ZERO, interrupted_by: StopRequest::Group };
}

/// The next step of a child's task after an incarnation.
pub(super) enum Verdict {
    /// Waits, and runs the next incarnation.
    Restart(RestartDelay),
    /// As `Restart`, in a new task, because this one is being aborted.
    Respawn(RestartDelay),
    /// Leaves the runner with the supervisor, until its group starts again.
    Park,
    /// Leaves the runner with the supervisor, until the child is resumed.
    Quarantine,
    /// Ends the child for good.
    End,
    /// Does nothing: the supervisor gave up waiting for the child, and has ended it.
    Gone,
}
