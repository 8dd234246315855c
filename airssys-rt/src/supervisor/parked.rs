//! Children without a task.

use std::time::Duration;

use airssys_core::ExitReason;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The runner of a child without a task.
pub(super) trait ParkedRunner: Send {
    /// Gives the child a task again; returns `None` if its supervisor is gone.
    fn spawn(
        self: Box<Self>,
        delay: Duration,
        started: Option<oneshot::Sender<()>>,
    ) -> Option<JoinHandle<()>>;

    /// Drops it, and catches a panic in that.
    fn discard(self: Box<Self>);
}

/// A child that waits for a restart of its group, or to be resumed.
pub(super) struct ParkedChild {
    pub(super) runner: Box<dyn ParkedRunner>,
    /// How it failed, if it did.
    pub(super) failure: Option<ExitReason>,
}
