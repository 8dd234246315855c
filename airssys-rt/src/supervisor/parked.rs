//! Children without a task.

use std::time::Duration;

use airssys_core::ExitReason;
use tokio::task::JoinHandle;

use crate::guard::Contained;
use crate::request::ReplyTo;

/// The runner of a child without a task.
pub(super) trait ParkedRunner: Send {
    /// Gives the child a task again; returns `None` if its supervisor is gone.
    fn spawn(self: Box<Self>, delay: Duration, started: ReplyTo<()>) -> Option<JoinHandle<()>>;

    /// Drops it, and catches a panic in that.
    fn discard(self: Box<Self>);
}

/// A child that waits for a restart of its group, or to be resumed.
pub(super) struct ParkedChild {
    pub(super) runner: Box<dyn ParkedRunner>,
    /// How it failed, if it did.
    pub(super) failure: Option<Contained<ExitReason>>,
}
