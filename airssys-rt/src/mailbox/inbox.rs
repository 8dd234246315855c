//! The receiver's end of a mailbox.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use super::{StopRequest, Urgent, Wakers};
use crate::cell::Cell;
use crate::sync::lock;

/// The messages of an actor as it handles them: taken from the mailbox all at once, handed out one
/// by one.
///
/// Each incarnation has one. Dropped, it puts back what it has not handed out.
pub(crate) struct Inbox<M> {
    cell: Arc<Cell<M>>,
    batch: VecDeque<M>,
    /// Messages handed out, ever.
    taken: u64,
}

impl<M> Inbox<M> {
    pub(crate) fn new(cell: Arc<Cell<M>>) -> Self {
        let taken = cell.mailbox.taken.load(Ordering::Acquire);
        Self { cell, batch: VecDeque::new(), taken }
    }

    /// Whether there is a single message at hand.
    #[inline]
    pub(crate) fn has_one(&self) -> bool {
        self.batch.len() == 1
    }

    /// Whether there is a message at hand and nothing overtakes it.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        !self.batch.is_empty() && !self.cell.mailbox.urgent.load(Ordering::Relaxed)
    }

    /// Hands out the next message at hand.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<M> {
        let mailbox = &self.cell.mailbox;
        let message = self.batch.pop_front()?;
        // One that was fetched alone has been counted.
        self.taken += u64::from(!mailbox.fetches_one());
        mailbox.taken.store(self.taken, Ordering::Release);
        if mailbox.waiting.load(Ordering::Relaxed) && self.taken.is_multiple_of(mailbox.step()) {
            self.settle();
        }
        Some(message)
    }

    /// The next message at hand, if nothing overtakes it.
    #[inline]
    fn peek(&self) -> Option<&M> {
        if self.is_ready() { self.batch.front() } else { None }
    }

    /// What is urgent; none once there are messages at hand. Registers the task if there is nothing.
    #[inline]
    pub(crate) fn poll_fetch(&mut self, incarnation: u64, context: &mut Context<'_>) -> Poll<Option<Urgent>> {
        let mut wakers = Wakers::new();
        let fetched = self.fetch(incarnation, context, &mut wakers);
        if !wakers.is_empty() {
            wakers.into_iter().for_each(Waker::wake);
        }
        fetched
    }

    #[inline]
    fn fetch(
        &mut self,
        incarnation: u64,
        context: &mut Context<'_>,
        wakers: &mut Wakers,
    ) -> Poll<Option<Urgent>> {
        let mailbox = &self.cell.mailbox;
        let mut inner = lock(&mailbox.inner);
        if mailbox.urgent.load(Ordering::Relaxed) {
            let urgent = inner.take_urgent(incarnation);
            mailbox.urgent.store(inner.is_urgent(), Ordering::Relaxed);
            if urgent.is_some() {
                return Poll::Ready(urgent);
            }
        }
        if !self.batch.is_empty() {
            return Poll::Ready(None);
        }
        inner.note_taken(self.taken);
        if mailbox.waiting.load(Ordering::Relaxed) {
            inner.serve(wakers);
            mailbox.waiting.store(inner.has_waiting(), Ordering::Relaxed);
        }
        let limit = if mailbox.fetches_one() { 1 } else { usize::MAX };
        if inner.fetch(&mut self.batch, limit) {
            if mailbox.fetches_one() {
                self.taken += 1;
                inner.note_taken(self.taken);
                mailbox.taken.store(self.taken, Ordering::Release);
            }
            return Poll::Ready(None);
        }
        if inner.has_drained() {
            return Poll::Ready(Some(Urgent::Stop(StopRequest::Shutdown)));
        }
        inner.shrink(&mut self.batch);
        inner.set_receiver(context.waker());
        Poll::Pending
    }

    /// Gives the slots that have become free to those who wait for them.
    pub(crate) fn settle(&self) {
        self.cell.mailbox.serve();
    }
}

/// The messages behind the one that an actor is handed: those that are at hand now, in their order.
///
/// What overtakes messages overtakes these too, and the neighbours get their turn: there are none
/// then. In a mailbox that drops its oldest there never are any, as they may have to make way.
pub struct Behind<'a, M> {
    inbox: &'a mut Inbox<M>,
    left: u8,
    taken: u8,
}

impl<'a, M> Behind<'a, M> {
    pub(crate) fn new(inbox: &'a mut Inbox<M>, left: u8) -> Self {
        Self { inbox, left, taken: 0 }
    }

    /// Takes the next message if there is one and it is wanted. It leaves the mailbox: its slot is
    /// free.
    #[inline]
    pub fn next_if(&mut self, wanted: impl FnOnce(&M) -> bool) -> Option<M> {
        if self.taken == self.left || !self.inbox.peek().is_some_and(wanted) {
            return None;
        }
        self.taken += 1;
        self.inbox.pop()
    }

    /// How many were taken, for whoever counts them.
    pub(crate) fn settle(mut self) -> u8 {
        std::mem::take(&mut self.taken)
    }
}

impl<M> Drop for Behind<'_, M> {
    /// The incarnation was aborted: what it had taken is with the actor, and no longer waits here.
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

impl<M> Drop for Inbox<M> {
    fn drop(&mut self) {
        // The slot of a message that failed is free, whenever the next incarnation starts.
        self.settle();
        if self.batch.is_empty() {
            return;
        }
        let mailbox = &self.cell.mailbox;
        let mut inner = lock(&mailbox.inner);
        if mailbox.fetches_one() {
            self.taken -= 1;
            inner.note_taken(self.taken);
            mailbox.taken.store(self.taken, Ordering::Release);
        }
        let lost = inner.put_back(&mut self.batch);
        drop(inner);
        if let Some(cause) = lost {
            self.cell.lose_all(std::mem::take(&mut self.batch), cause);
        }
    }
}
