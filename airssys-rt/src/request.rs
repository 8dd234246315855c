//! Requests: the slot for a reply, which requester, receiver and clock share.

mod deadlines;
#[cfg(all(test, shuttle))]
mod model;
mod spare;
#[cfg(all(test, not(shuttle)))]
mod tests;

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub(crate) use self::deadlines::Deadlines;
use self::deadlines::{Entry, Expire};
use crate::errors::RequestError;
use crate::sync::{Mutex, lock};

/// Sends the reply to a request. Dropped without a reply, it tells the requester at once.
pub struct ReplyTo<R> {
    /// `None` once it has replied.
    slot: Option<Arc<Slot<R>>>,
}

/// The requester's end, which resolves to the reply.
pub(crate) struct Reply<R> {
    /// `None` once it is over.
    slot: Option<Arc<Slot<R>>>,
    /// True if the waker of the task has just been put into the slot, so that the next poll does not
    /// look at it.
    registered: bool,
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

struct SlotState<R> {
    stage: Stage<R>,
    /// The deadline of the request, if it has one.
    deadline: Option<Entry>,
    /// The entry that the clock has of this slot. It may be that of an earlier request.
    filed: Option<Entry>,
}

enum Stage<R> {
    Waiting(Waker),
    Replied(R),
    /// The receiver dropped the `ReplyTo`.
    Dropped,
    TimedOut,
    /// The deadline is not kept any more.
    Abandoned,
    /// The requester has the reply, or has stopped waiting.
    Done,
}

/// Makes a slot for the task with this waker, and returns its two ends.
#[inline]
pub(crate) fn slot<R: Send + 'static>(requester: &Waker) -> (ReplyTo<R>, Reply<R>) {
    slot_in(Slot::ready(), requester)
}

/// As [`slot()`], with a slot that may have been used before.
#[inline]
fn slot_in<R: Send + 'static>(slot: Arc<Slot<R>>, requester: &Waker) -> (ReplyTo<R>, Reply<R>) {
    // A request without a deadline has no entry for the clock.
    slot.ask(requester.clone(), None);
    slot.ends()
}

/// Makes a slot for the task that awaits this.
pub(crate) async fn slot_here<R: Send + 'static>() -> (ReplyTo<R>, Reply<R>) {
    poll_fn(|task| Poll::Ready(slot(task.waker()))).await
}

/// As [`slot_here`], with the time after which the request expires, if it does.
pub(crate) async fn slot_within<R: Send + 'static>(
    timeout: Option<Duration>,
    deadlines: &Deadlines,
) -> (ReplyTo<R>, Reply<R>) {
    poll_fn(|task| {
        let slot = Slot::ready();
        let deadline = timeout.map(|timeout| deadlines.entry(timeout));
        if let Some(unfiled) = slot.ask(task.waker().clone(), deadline) {
            deadlines.add(unfiled, slot.clone());
        }
        Poll::Ready(slot.ends())
    })
    .await
}

impl<R: Send + 'static> Slot<R> {
    /// A slot without a request: one of this thread that was used before, if there is one.
    #[inline]
    fn ready() -> Arc<Self> {
        // The model's locks do not outlive a run.
        let used = if cfg!(shuttle) { None } else { spare::take() };
        used.unwrap_or_else(|| {
            Arc::new(Self(Mutex::new(SlotState { stage: Stage::Done, deadline: None, filed: None })))
        })
    }

    /// Keeps the slot for another request, if neither end can use it any more.
    #[inline]
    fn spare(self: Arc<Self>) {
        if !cfg!(shuttle) {
            drop(spare::put(self));
        }
    }

    /// Begins a request. Returns the entry that the clock has to add.
    #[inline]
    fn ask(&self, requester: Waker, deadline: Option<Entry>) -> Option<Entry> {
        let mut state = lock(&self.0);
        state.stage = Stage::Waiting(requester);
        state.deadline = deadline;
        let unfiled = deadline.filter(|deadline| !state.filed.is_some_and(|filed| filed.covers(*deadline)));
        if unfiled.is_some() {
            state.filed = unfiled;
        }
        unfiled
    }

    #[inline]
    fn ends(self: Arc<Self>) -> (ReplyTo<R>, Reply<R>) {
        (ReplyTo { slot: Some(self.clone()) }, Reply { slot: Some(self), registered: true })
    }
}

impl<R> SlotState<R> {
    /// Sets the result if the requester still waits, and returns its waker. Hands the result back
    /// otherwise.
    #[inline]
    fn resolve(&mut self, result: Stage<R>) -> Result<Waker, Stage<R>> {
        if !matches!(self.stage, Stage::Waiting(_)) {
            return Err(result);
        }
        match mem::replace(&mut self.stage, result) {
            Stage::Waiting(requester) => Ok(requester),
            _ => unreachable!("it waits"),
        }
    }
}

impl<R> Slot<R> {
    /// Sets the result if the requester still waits, and wakes it. Hands the result back otherwise.
    #[inline]
    fn resolve(&self, result: Stage<R>) -> Result<(), Stage<R>> {
        let requester = lock(&self.0).resolve(result)?;
        requester.wake();
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
        match slot.resolve(Stage::Replied(reply)) {
            Err(Stage::Replied(reply)) => Err(reply),
            _ => Ok(()),
        }
    }

    /// Returns true if the requester has stopped waiting.
    pub fn is_closed(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| !matches!(lock(&slot.0).stage, Stage::Waiting(_)))
    }
}

impl<R> Drop for ReplyTo<R> {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            // An error means that the requester has stopped waiting.
            let _ = slot.resolve(Stage::Dropped);
        }
    }
}

impl<R> fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyTo")
    }
}

impl<R: Send + 'static> Future for Reply<R> {
    type Output = Result<R, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if mem::take(&mut self.registered) {
            return Poll::Pending;
        }
        let Some(slot) = &self.slot else { return Poll::Ready(Err(Unanswered::Dropped)) };
        let mut state = lock(&slot.0);
        if let Stage::Waiting(requester) = &state.stage {
            if requester.will_wake(context.waker()) {
                return Poll::Pending;
            }
            drop(state);
            // A waker is user code when it is copied or dropped, so neither happens under the lock.
            let waker = context.waker().clone();
            state = lock(&slot.0);
            if let Stage::Waiting(requester) = &mut state.stage {
                let replaced = mem::replace(requester, waker);
                drop(state);
                drop(replaced);
                return Poll::Pending;
            }
        }
        let result = mem::replace(&mut state.stage, Stage::Done);
        drop(state);
        let slot = self.slot.take();
        Poll::Ready(match result {
            Stage::Replied(reply) => {
                slot.into_iter().for_each(Slot::spare);
                Ok(reply)
            }
            Stage::Dropped => {
                slot.into_iter().for_each(Slot::spare);
                Err(Unanswered::Dropped)
            }
            // The `ReplyTo` may still be there.
            Stage::TimedOut => Err(Unanswered::TimedOut),
            _ => Err(Unanswered::Dropped),
        })
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            let left = mem::replace(&mut lock(&slot.0).stage, Stage::Done);
            // A reply that came meanwhile is dropped outside the lock.
            drop(left);
        }
    }
}

// Each looks and changes under one lock, because the slot may be used for another request at once.
impl<R: Send> Expire for Slot<R> {
    fn expire(&self, entry: Entry) -> Option<Entry> {
        let mut state = lock(&self.0);
        if state.filed != Some(entry) {
            return None;
        }
        let later = state.deadline.filter(|deadline| deadline.is_after(entry));
        state.filed = later.filter(|_| matches!(state.stage, Stage::Waiting(_)));
        if state.filed.is_some() || state.deadline.is_none() {
            return state.filed;
        }
        let requester = state.resolve(Stage::TimedOut);
        drop(state);
        // An error means that a reply came in time.
        requester.into_iter().for_each(Waker::wake);
        None
    }

    fn has(&self, entry: Entry) -> bool {
        lock(&self.0).filed == Some(entry)
    }

    fn abandon(&self, entry: Entry) {
        let mut state = lock(&self.0);
        if state.filed != Some(entry) {
            return;
        }
        state.filed = None;
        let requester = state.deadline.and_then(|_| state.resolve(Stage::Abandoned).ok());
        drop(state);
        requester.into_iter().for_each(Waker::wake);
    }
}

impl<R: Send + 'static> Reply<R> {
    /// Makes the next poll look at the slot, because it was made in an earlier poll, perhaps of another
    /// task.
    pub(crate) fn moved(&mut self) {
        self.registered = false;
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

    /// The slot, for the model's clock.
    #[cfg(all(test, shuttle))]
    fn slot(&self) -> Arc<Slot<R>> {
        self.slot.clone().unwrap()
    }
}
