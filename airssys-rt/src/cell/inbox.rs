//! The messages of an actor as it handles them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Cell;
use crate::mailbox::Urgent;

/// The messages of an actor as it handles them: fetched from the mailbox in batches, handed out one
/// by one.
///
/// Each incarnation has one. Dropped, it puts back the messages that it has not handed out.
pub(crate) struct Inbox<M> {
    cell: Arc<Cell<M>>,
    batch: VecDeque<M>,
    /// Messages handed out, ever.
    taken: u64,
}

impl<M> Inbox<M> {
    pub(crate) fn new(cell: Arc<Cell<M>>) -> Self {
        let taken = cell.mailbox.taken();
        Self { cell, batch: VecDeque::new(), taken }
    }

    /// Returns true if there is exactly one message at hand.
    #[inline]
    pub(crate) fn has_one(&self) -> bool {
        self.batch.len() == 1
    }

    /// Returns true if there is a message at hand and nothing overtakes it.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        !self.batch.is_empty() && !self.cell.mailbox.is_urgent()
    }

    /// Hands out the next message at hand.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<M> {
        let message = self.batch.pop_front()?;
        self.cell.mailbox.hand_out(&mut self.taken);
        Some(message)
    }

    /// The next message at hand, if nothing overtakes it.
    #[inline]
    fn peek(&self) -> Option<&M> {
        if self.is_ready() { self.batch.front() } else { None }
    }

    /// Takes what is urgent; gives `None` once there are messages at hand. Registers the task if there
    /// is nothing.
    #[inline]
    pub(crate) fn poll_fetch(&mut self, incarnation: u64, context: &mut Context<'_>) -> Poll<Option<Urgent>> {
        self.cell.mailbox.poll_fetch(&mut self.batch, &mut self.taken, incarnation, context)
    }
}

impl<M> Drop for Inbox<M> {
    fn drop(&mut self) {
        // The slot of a message that failed is free, even if the next incarnation starts late.
        self.cell.mailbox.serve();
        if self.batch.is_empty() {
            return;
        }
        let lost = self.cell.mailbox.put_back(&mut self.batch, self.taken);
        if let Some(cause) = lost {
            self.cell.lose_all(std::mem::take(&mut self.batch), cause);
        }
    }
}

/// The messages behind the one that an actor is handed: those that are at hand now, in their order.
///
/// It gives no more messages once something overtakes messages, or once the actor has to yield. In
/// a mailbox that drops its oldest it gives none, because they may have to make room.
pub struct Behind<'a, M> {
    inbox: &'a mut Inbox<M>,
    left: u8,
    taken: u8,
}

impl<'a, M> Behind<'a, M> {
    pub(crate) fn new(inbox: &'a mut Inbox<M>, left: u8) -> Self {
        Self { inbox, left, taken: 0 }
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

    /// The number of messages taken, to be counted by the caller.
    pub(crate) fn into_taken(mut self) -> u8 {
        std::mem::take(&mut self.taken)
    }
}

impl<M> Drop for Behind<'_, M> {
    /// Counts the messages that an aborted incarnation had taken: they are with the actor, and no
    /// longer in the mailbox.
    fn drop(&mut self) {
        if self.taken > 0 {
            self.inbox.cell.counters.add_handled(self.taken.into());
        }
    }
}

impl<M> std::fmt::Debug for Behind<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Behind").field("taken", &self.taken).finish_non_exhaustive()
    }
}
