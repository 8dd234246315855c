//! Requests: the slot for a reply, shared by who asks, who answers and the clock.

mod deadlines;
#[cfg(all(test, shuttle))]
mod model;

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

pub(crate) use self::deadlines::Deadlines;
use self::deadlines::Expire;
use crate::sync::{Mutex, lock};

/// Where the reply to a request goes; dropped without a reply, the requester is told at once.
pub struct ReplyTo<R> {
    /// None once it has replied.
    slot: Option<Arc<Slot<R>>>,
}

/// The requester's end: resolves to the reply. The first time that it is polled it does not look:
/// the task that made the slot is woken anyway.
pub(crate) struct Reply<R> {
    slot: Arc<Slot<R>>,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    New,
    Polled,
    Over,
}

/// Why there is no reply.
pub(crate) enum Unanswered {
    Dropped,
    TimedOut,
}

struct Slot<R>(Mutex<State<R>>);

enum State<R> {
    Waiting(Waker),
    Replied(R),
    /// Who was to answer dropped the request.
    Dropped,
    TimedOut,
    /// Nobody waits for the reply, or it has been taken.
    Done,
}

/// Makes a slot for the task with this waker: its two ends.
pub(crate) fn slot<R>(requester: &Waker) -> (ReplyTo<R>, Reply<R>) {
    let slot = Arc::new(Slot(Mutex::new(State::Waiting(requester.clone()))));
    (ReplyTo { slot: Some(slot.clone()) }, Reply { slot, stage: Stage::New })
}

impl<R> Slot<R> {
    /// Changes the state if somebody still waits, and wakes them; hands the new state back if not.
    fn settle(&self, settled: State<R>) -> Result<(), State<R>> {
        let mut state = lock(&self.0);
        if !matches!(*state, State::Waiting(_)) {
            return Err(settled);
        }
        let before = mem::replace(&mut *state, settled);
        drop(state);
        if let State::Waiting(requester) = before {
            requester.wake();
        }
        Ok(())
    }
}

impl<R> ReplyTo<R> {
    /// Replies; hands the reply back if nobody waits for it any more.
    pub fn send(mut self, reply: R) -> Result<(), R> {
        let Some(slot) = self.slot.take() else { return Err(reply) };
        match slot.settle(State::Replied(reply)) {
            Err(State::Replied(reply)) => Err(reply),
            _ => Ok(()),
        }
    }

    /// Whether nobody waits for the reply any more.
    pub fn is_closed(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| !matches!(*lock(&slot.0), State::Waiting(_)))
    }
}

impl<R> Drop for ReplyTo<R> {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            // Nobody waits, or they are told.
            let _ = slot.settle(State::Dropped);
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
        if self.stage == Stage::New {
            self.stage = Stage::Polled;
            return Poll::Pending;
        }
        let mut state = lock(&self.slot.0);
        if let State::Waiting(requester) = &mut *state {
            requester.clone_from(context.waker());
            return Poll::Pending;
        }
        let settled = mem::replace(&mut *state, State::Done);
        drop(state);
        self.stage = Stage::Over;
        Poll::Ready(match settled {
            State::Replied(reply) => Ok(reply),
            State::TimedOut => Err(Unanswered::TimedOut),
            _ => Err(Unanswered::Dropped),
        })
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if self.stage != Stage::Over {
            let left = mem::replace(&mut *lock(&self.slot.0), State::Done);
            // A reply that came meanwhile is dropped outside the lock.
            drop(left);
        }
    }
}

impl<R: Send> Expire for Slot<R> {
    fn expire(&self) {
        // An answer that came in time stays.
        let _ = self.settle(State::TimedOut);
    }

    fn forsake(&self) {
        let _ = self.settle(State::Dropped);
    }
}

impl<R: Send + 'static> Reply<R> {
    /// The task may have changed since the slot was made.
    pub(crate) fn moved(&mut self) {
        self.stage = Stage::Polled;
    }

    /// The slot as the clock sees it.
    pub(crate) fn expires(&self) -> Arc<dyn Expire> {
        self.slot.clone()
    }
}
