//! The receiver's side of a mailbox.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::Mailbox;
use super::control::{Fetched, StopRequest};
use crate::events::DeadLetterCause;
use crate::sync::lock;

impl<M> Mailbox<M> {
    /// Returns true if the control lane has something.
    #[inline]
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Relaxed)
    }

    /// Returns true if there are waiters for room.
    #[inline]
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The number of messages that have been handed out, for the receiver: no other task changes it.
    #[inline]
    fn own_taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Counts a message that the receiver hands out, and serves those who wait for room now and then.
    #[inline]
    pub(crate) fn hand_out(&self) {
        // A message that was fetched alone has been counted.
        let taken = self.own_taken() + u64::from(!self.fetches_one());
        self.taken.store(taken, Ordering::Release);
        if self.has_waiting() && taken.is_multiple_of(self.step()) {
            self.serve();
        }
    }

    /// Ready if something is urgent, or once there are messages in the batch, which is filled if it is
    /// empty. Registers the task if there is nothing.
    ///
    /// If `early` is given, it is set to true if the task has been registered already, with the only
    /// message: then it has to be polled again only if it is woken.
    #[inline]
    pub(crate) fn poll_fetch(
        &self,
        batch: &mut VecDeque<M>,
        early: Option<&mut bool>,
        context: &mut Context<'_>,
    ) -> Poll<Fetched> {
        let mut inner = lock(&self.inner);
        if self.has_waiting() {
            drop(inner);
            self.serve();
            inner = lock(&self.inner);
        }
        if self.urgent.load(Ordering::Relaxed) {
            if inner.is_urgent() {
                return Poll::Ready(Fetched::Urgent);
            }
            self.urgent.store(false, Ordering::Relaxed);
        }
        if !batch.is_empty() {
            return Poll::Ready(Fetched::Messages);
        }
        inner.set_taken(self.own_taken());
        let limit = if self.fetches_one() { 1 } else { usize::MAX };
        if inner.fetch(batch, limit) {
            if let Some(early) = early
                && !self.has_waiting()
            {
                *early = inner.set_receiver_early(batch, context.waker());
            }
            if self.fetches_one() {
                let taken = self.own_taken() + 1;
                inner.set_taken(taken);
                self.taken.store(taken, Ordering::Release);
            }
            return Poll::Ready(Fetched::Messages);
        }
        if inner.drains() {
            inner.request_stop(StopRequest::Shutdown);
            self.note_end(&inner);
            self.urgent.store(true, Ordering::Relaxed);
            return Poll::Ready(Fetched::Urgent);
        }
        inner.shrink(batch);
        inner.set_receiver(context.waker());
        Poll::Pending
    }

    /// Takes back the messages that were not handed out. If they are lost, they stay in the batch,
    /// and the cause is returned. Forgets the task of the receiver, which may have ended.
    pub(crate) fn put_back(&self, batch: &mut VecDeque<M>) -> Option<DeadLetterCause> {
        let mut inner = lock(&self.inner);
        if self.fetches_one() {
            let taken = self.own_taken() - 1;
            inner.set_taken(taken);
            self.taken.store(taken, Ordering::Release);
        }
        let (receiver, lost) = (inner.take_receiver(), inner.put_back(batch));
        drop(inner);
        // It is user code when it is dropped, so that happens outside the lock.
        drop(receiver);
        lost
    }
}
