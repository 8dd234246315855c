//! The control lane and the counters of a mailbox.

use std::sync::Arc;
use std::task::Waker;

use airssys_core::{Down, ExitReason};

use crate::guard::Contained;

/// A request to stop. The greater of two requests counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopRequest {
    /// The incarnation stops itself, and no other.
    Own,
    /// The holder of a reference restarts the actor: this incarnation ends, and the next follows.
    Restart,
    /// The supervisor stops this incarnation, and may start the actor again.
    Group,
    /// The supervisor, or the holder of a reference, ends the actor for good.
    Shutdown,
}

impl StopRequest {
    /// The reason with which an incarnation ends that obeys.
    pub(crate) fn reason(self) -> ExitReason {
        match self {
            Self::Own => ExitReason::Normal,
            Self::Restart => ExitReason::Restart,
            Self::Group | Self::Shutdown => ExitReason::Shutdown,
        }
    }
}

/// Work that overtakes messages.
pub(crate) enum Urgent {
    Stop(StopRequest),
    /// A linked actor failed.
    Linked(Arc<Down>),
    /// A linked actor failed, and an earlier incarnation was to end with it: to be dropped outside the
    /// lock.
    Overdue(Contained<Arc<Down>>),
    /// An incarnation of a monitored actor ended.
    Down(Box<Contained<Down>>),
    Signal,
}

/// The result of a look into the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// The batch has messages.
    Messages,
    /// Something overtakes messages.
    Urgent,
}

/// The counters of a mailbox.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MailboxStats {
    pub(crate) accepted: u64,
    pub(crate) dropped: u64,
    pub(crate) overflowed: u64,
    pub(crate) rejected: u64,
    pub(crate) waited: u64,
    pub(crate) depth: usize,
    pub(crate) high_water: usize,
}

/// The wakers of those who waited for room, to be woken once the lock is released.
pub(super) type Wakers = Vec<Waker>;
