//! Calls from services that wait in mailboxes.

use std::any::Any;

use crate::observe::dead_letters::DeadLetterReason;

/// A call from a service while it waits in a mailbox.
pub(crate) trait QueuedCall: Any + Send {
    /// Tells the caller that no instance was entered, for this reason.
    fn not_entered(self: Box<Self>, reason: &DeadLetterReason);
}

/// Reasons for which a component does not take a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallRefused {
    /// The mailbox has no room. The caller can try again later.
    #[error("the mailbox of the component is full")]
    MailboxFull,
    /// The component has ended for good, or was retired.
    #[error("the component has ended")]
    Stopped,
}
