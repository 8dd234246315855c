//! The messages of an actor as it handles them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Cell;
use crate::mailbox::Fetched;
#[cfg(test)]
use crate::mailbox::Urgent;

/// The messages of an actor as it handles them: fetched from the mailbox in batches, handed out one
/// by one.
///
/// One for all incarnations. If the next does not begin at once, the messages that have not been
/// handed out are [put back](Self::put_back).
pub(crate) struct Inbox<M> {
    cell: Arc<Cell<M>>,
    batch: VecDeque<M>,
}

impl<M> Inbox<M> {
    pub(crate) fn new(cell: Arc<Cell<M>>) -> Self {
        Self { cell, batch: VecDeque::new() }
    }

    pub(crate) fn cell(&self) -> &Cell<M> {
        &self.cell
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
        self.cell.mailbox.hand_out();
        Some(message)
    }

    /// The next message at hand, if nothing overtakes it.
    #[inline]
    pub(super) fn peek(&self) -> Option<&M> {
        if self.is_ready() { self.batch.front() } else { None }
    }

    /// Puts back the messages that it has not handed out.
    pub(crate) fn put_back(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let lost = self.cell.mailbox.put_back(&mut self.batch);
        if let Some(cause) = lost {
            self.cell.lose_all(std::mem::take(&mut self.batch), cause);
        }
    }

    /// Ready if something is urgent, or once there are messages at hand. Registers the task if there is
    /// nothing.
    ///
    /// If `registered` is given, it is set to true if the task has been registered already, with its
    /// only message. If it handles that in the same poll, and the inbox [is done](Self::is_done) then,
    /// it need not look again before it sleeps.
    #[inline]
    pub(crate) fn poll_fetch(
        &mut self,
        registered: Option<&mut bool>,
        context: &mut Context<'_>,
    ) -> Poll<Fetched> {
        self.cell.mailbox.poll_fetch(&mut self.batch, registered, context)
    }

    /// Returns true if there is no message at hand, and nothing else to do that is known.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        let mailbox = &self.cell.mailbox;
        self.batch.is_empty() && !mailbox.is_urgent() && !mailbox.has_waiting()
    }

    /// Fetches, and takes what is urgent.
    #[cfg(test)]
    pub(crate) fn poll_any(&mut self, incarnation: u64, context: &mut Context<'_>) -> Poll<Option<Urgent>> {
        self.poll_fetch(None, context).map(|fetched| match fetched {
            Fetched::Messages => None,
            Fetched::Urgent => self.cell.mailbox.take_urgent(incarnation),
        })
    }
}

impl<M> Drop for Inbox<M> {
    fn drop(&mut self) {
        self.put_back();
    }
}
