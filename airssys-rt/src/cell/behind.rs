//! The messages behind the one that an actor is handed, and the account of both.

use super::inbox::Inbox;
use crate::events::DeadLetterCause;

/// The messages behind the one that an actor is handed: those that are at hand now, in their order.
///
/// It gives no more messages once something overtakes messages, or once the actor has to yield. In
/// a mailbox that drops its oldest it gives none, because they may have to make room.
pub struct Behind<'a, M> {
    inbox: &'a mut Inbox<M>,
    left: u8,
    taken: u8,
    /// True if the first message is to be counted: it came from the mailbox, and is being handled.
    counts: bool,
}

impl<'a, M> Behind<'a, M> {
    /// The messages behind one that is handled now: at most `left`. A message of a timer, which does
    /// not count, has no place in the mailbox, and so none behind it.
    #[inline]
    pub(crate) fn new(inbox: &'a mut Inbox<M>, counts: bool, left: u8) -> Self {
        Self { inbox, left: if counts { left } else { 0 }, taken: 0, counts }
    }

    /// Takes the message that is handled, if it came from the mailbox.
    #[inline]
    pub(crate) fn first(&mut self) -> Option<M> {
        if self.counts { self.inbox.pop() } else { None }
    }

    /// Takes the next message, if there is one and `wanted` returns true for it. Its slot in the
    /// mailbox becomes free.
    #[inline]
    pub fn next_if(&mut self, wanted: impl FnOnce(&M) -> bool) -> Option<M> {
        if self.taken == self.left || !self.inbox.peek().is_some_and(wanted) {
            return None;
        }
        self.taken += 1;
        self.inbox.pop()
    }

    /// Counts the messages as handled. Returns the number of those that were taken.
    #[inline]
    pub(crate) fn handled(mut self) -> u8 {
        let taken = std::mem::take(&mut self.taken);
        let messages = u64::from(taken) + u64::from(std::mem::take(&mut self.counts));
        self.inbox.cell().counters.add_handled(messages);
        taken
    }

    /// Counts the messages as failed: the handler panicked, and all that were taken are lost.
    pub(crate) fn panicked(mut self) {
        let taken = u64::from(std::mem::take(&mut self.taken));
        if taken > 0 {
            let cell = self.inbox.cell();
            cell.add_failed(taken);
            cell.tell_lost(taken, DeadLetterCause::HandlerFailed);
        }
    }
}

impl<M> Drop for Behind<'_, M> {
    /// Counts the messages of a handler that failed on one of them, or was aborted: the others are
    /// with the actor, and no longer in the mailbox.
    fn drop(&mut self) {
        let cell = self.inbox.cell();
        if self.taken > 0 {
            cell.counters.add_handled(self.taken.into());
        }
        if self.counts {
            cell.add_failed(1);
            cell.tell_lost(1, DeadLetterCause::HandlerFailed);
        }
    }
}

impl<M> std::fmt::Debug for Behind<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Behind").field("taken", &self.taken).finish_non_exhaustive()
    }
}
