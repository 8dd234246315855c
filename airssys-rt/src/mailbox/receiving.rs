//! The receiver's side of a mailbox.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use super::Mailbox;
use super::control::{StopRequest, Urgent, Wakers};
use crate::events::DeadLetterCause;
use crate::sync::lock;

impl<M> Mailbox<M> {
    /// Returns true if the control lane has something.
    #[inline]
    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Relaxed)
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
        if self.waiting.load(Ordering::Relaxed) && taken.is_multiple_of(self.step()) {
            self.serve();
        }
    }

    /// Takes what is urgent; gives `None` once there are messages in the batch, which is filled if
    /// it is empty. Registers the task if there is nothing.
    #[inline]
    pub(crate) fn poll_fetch(
        &self,
        batch: &mut VecDeque<M>,
        incarnation: u64,
        context: &mut Context<'_>,
    ) -> Poll<Option<Urgent>> {
        let mut wakers = Wakers::new();
        let fetched = self.fetch(batch, incarnation, context, &mut wakers);
        if !wakers.is_empty() {
            wakers.into_iter().for_each(Waker::wake);
        }
        fetched
    }

    #[inline]
    fn fetch(
        &self,
        batch: &mut VecDeque<M>,
        incarnation: u64,
        context: &mut Context<'_>,
        wakers: &mut Wakers,
    ) -> Poll<Option<Urgent>> {
        let mut inner = lock(&self.inner);
        if self.urgent.load(Ordering::Relaxed) {
            let urgent = inner.take_urgent(incarnation);
            self.urgent.store(inner.is_urgent(), Ordering::Relaxed);
            if urgent.is_some() {
                return Poll::Ready(urgent);
            }
        }
        if !batch.is_empty() {
            return Poll::Ready(None);
        }
        let taken = self.own_taken();
        inner.set_taken(taken);
        if self.waiting.load(Ordering::Relaxed) {
            inner.serve(wakers);
            self.waiting.store(inner.has_waiting(), Ordering::Relaxed);
        }
        let limit = if self.fetches_one() { 1 } else { usize::MAX };
        if inner.fetch(batch, limit) {
            if self.fetches_one() {
                inner.set_taken(taken + 1);
                self.taken.store(taken + 1, Ordering::Release);
            }
            return Poll::Ready(None);
        }
        if inner.has_drained() {
            self.terminated.store(true, Ordering::Release);
            return Poll::Ready(Some(Urgent::Stop(StopRequest::Shutdown)));
        }
        inner.shrink(batch);
        inner.set_receiver(context.waker());
        Poll::Pending
    }

    /// Takes back the messages that were not handed out. If they are lost, they stay in the batch,
    /// and the cause is returned.
    pub(crate) fn put_back(&self, batch: &mut VecDeque<M>) -> Option<DeadLetterCause> {
        let mut inner = lock(&self.inner);
        if self.fetches_one() {
            let taken = self.own_taken() - 1;
            inner.set_taken(taken);
            self.taken.store(taken, Ordering::Release);
        }
        inner.put_back(batch)
    }
}
