//! Requests: the slot for a reply, which requester, receiver and clock share.

mod deadlines;
#[cfg(all(test, shuttle))]
mod model;

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub(crate) use self::deadlines::Deadlines;
use self::deadlines::Expire;
use crate::errors::RequestError;
use crate::sync::{Mutex, lock};

/// Sends the reply to a request. Dropped without a reply, it tells the requester at once.
pub struct ReplyTo<R> {
    /// `None` once it has replied.
    slot: Option<Arc<Slot<R>>>,
}

/// The requester's end, which resolves to the reply. The first poll does not look at the slot, because
/// the waker of the task is in it already.
pub(crate) struct Reply<R> {
    slot: Arc<Slot<R>>,
    stage: ReplyStage,
}

#[derive(PartialEq)]
enum ReplyStage {
    New,
    Polled,
    Over,
}

/// The reason of a missing reply.
pub(crate) enum Unanswered {
    Dropped,
    TimedOut,
}

impl<M> From<Unanswered> for RequestError<M> {
    fn from(reason: Unanswered) -> Self {
        match reason {
            Unanswered::Dropped => Self::NoReply,
            Unanswered::TimedOut => Self::TimedOut,
        }
    }
}

struct Slot<R>(Mutex<SlotState<R>>);

enum SlotState<R> {
    Waiting(Waker),
    Replied(R),
    /// The receiver dropped the `ReplyTo`.
    Dropped,
    TimedOut,
    /// The requester has the reply, or has stopped waiting.
    Done,
}

/// Makes a slot for the task with this waker, and returns its two ends.
pub(crate) fn slot<R>(requester: &Waker) -> (ReplyTo<R>, Reply<R>) {
    let slot = Arc::new(Slot(Mutex::new(SlotState::Waiting(requester.clone()))));
    (ReplyTo { slot: Some(slot.clone()) }, Reply { slot, stage: ReplyStage::New })
}

/// Makes a slot for the task that awaits this.
pub(crate) async fn slot_here<R>() -> (ReplyTo<R>, Reply<R>) {
    poll_fn(|task| Poll::Ready(slot(task.waker()))).await
}

impl<R> Slot<R> {
    /// Sets the result if the requester still waits, and wakes it. Hands the result back otherwise.
    fn resolve(&self, result: SlotState<R>) -> Result<(), SlotState<R>> {
        let mut state = lock(&self.0);
        if !matches!(*state, SlotState::Waiting(_)) {
            return Err(result);
        }
        let before = mem::replace(&mut *state, result);
        drop(state);
        if let SlotState::Waiting(requester) = before {
            requester.wake();
        }
        Ok(())
    }
}

impl<R> ReplyTo<R> {
    /// A reply that is sent to no requester.
    pub(crate) fn to_none() -> Self {
        Self { slot: None }
    }

    /// Takes it, and leaves one to no requester.
    pub(crate) fn take(&mut self) -> Self {
        Self { slot: self.slot.take() }
    }

    /// Replies. Hands the reply back if the requester has stopped waiting.
    pub fn send(mut self, reply: R) -> Result<(), R> {
        let Some(slot) = self.slot.take() else { return Err(reply) };
        match slot.resolve(SlotState::Replied(reply)) {
            Err(SlotState::Replied(reply)) => Err(reply),
            _ => Ok(()),
        }
    }

    /// Returns true if the requester has stopped waiting.
    pub fn is_closed(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| !matches!(*lock(&slot.0), SlotState::Waiting(_)))
    }
}

impl<R> Drop for ReplyTo<R> {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            // An error means that the requester has stopped waiting.
            let _ = slot.resolve(SlotState::Dropped);
        }
    }
}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyTo")
    }
}

impl<R> Future for Reply<R> {
    type Output = Result<R, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.stage == ReplyStage::New {
            self.stage = ReplyStage::Polled;
            return Poll::Pending;
        }
        let mut state = lock(&self.slot.0);
        if let SlotState::Waiting(requester) = &mut *state {
            requester.clone_from(context.waker());
            return Poll::Pending;
        }
        let result = mem::replace(&mut *state, SlotState::Done);
        drop(state);
        self.stage = ReplyStage::Over;
        Poll::Ready(match result {
            SlotState::Replied(reply) => Ok(reply),
            SlotState::TimedOut => Err(Unanswered::TimedOut),
            _ => Err(Unanswered::Dropped),
        })
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if self.stage != ReplyStage::Over {
            let left = mem::replace(&mut *lock(&self.slot.0), SlotState::Done);
            // A reply that came meanwhile is dropped outside the lock.
            drop(left);
        }
    }
}

impl<R: Send> Expire for Slot<R> {
    fn expire(&self) {
        // An error means that a reply came in time.
        let _ = self.resolve(SlotState::TimedOut);
    }

    fn abandon(&self) {
        let _ = self.resolve(SlotState::Dropped);
    }
}

impl<R: Send + 'static> Reply<R> {
    /// Makes the next poll look at the slot, because it was made in an earlier poll, perhaps of another
    /// task.
    pub(crate) fn moved(&mut self) {
        self.stage = ReplyStage::Polled;
    }

    /// Waits until the message is sent, or until the request ends before that.
    pub(crate) async fn while_sending<T>(
        &mut self,
        sending: impl Future<Output = T>,
    ) -> Result<T, Result<R, Unanswered>> {
        self.moved();
        let mut sending = pin!(sending);
        poll_fn(|task| match sending.as_mut().poll(task) {
            Poll::Ready(sent) => Poll::Ready(Ok(sent)),
            Poll::Pending => Pin::new(&mut *self).poll(task).map(Err),
        })
        .await
    }

    /// The slot, as the clock knows it.
    pub(crate) fn expires(&self) -> Arc<dyn Expire> {
        self.slot.clone()
    }
}
