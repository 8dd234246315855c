//! The verdict of a supervisor on a child whose incarnation ended.

use std::time::Duration;

/// The next step of a child's task after an incarnation.
pub(super) enum Verdict {
    /// Waits for the delay, unless a stop of the group or for good is requested, and runs the next
    /// incarnation.
    Restart(Duration),
    /// As `Restart`, in a new task, because this one is being aborted.
    Respawn(Duration),
    /// Leaves the runner with the supervisor, until its group starts again.
    Park,
    /// Leaves the runner with the supervisor, until the child is resumed.
    Quarantine,
    /// Ends the child for good.
    End,
    /// Does nothing: the supervisor gave up waiting for the child, and has ended it.
    Gone,
}
