//! Requests: the slot for a reply, shared by who asks, who answers and the clock.

mod deadlines;

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

pub(crate) use self::deadlines::Deadlines;
use self::deadlines::Expire;
use crate::sync::lock;

/// Where the reply to a request goes; dropped without a reply, the requester is told at once.
pub struct ReplyTo<R> {
    /// None once it has replied.
    slot: Option<Arc<Slot<R>>>,
}

/// The requester's end: resolves to the reply.
pub(crate) struct Reply<R> {
    slot: Arc<Slot<R>>,
}

/// Why there is no reply.
pub(crate) enum Unanswered {
    Dropped,
    TimedOut,
}

struct Slot<R>(Mutex<State<R>>);

enum State<R> {
    Waiting(Option<Waker>),
    Replied(R),
    /// Who was to answer dropped the request.
    Dropped,
    TimedOut,
    /// Nobody waits for the reply, or it has been taken.
    Done,
}

/// Makes a slot: its two ends.
pub(crate) fn slot<R>() -> (ReplyTo<R>, Reply<R>) {
    let slot = Arc::new(Slot(Mutex::new(State::Waiting(None))));
    (ReplyTo { slot: Some(slot.clone()) }, Reply { slot })
}

impl<R> Slot<R> {
    /// Changes the state if somebody still waits, and wakes them; hands the new state back if not.
    fn settle(&self, settled: State<R>) -> Result<(), State<R>> {
        let mut state = lock(&self.0);
        match &mut *state {
            State::Waiting(waker) => {
                let waker = waker.take();
                *state = settled;
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
                Ok(())
            }
            _ => Err(settled),
        }
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

    fn poll(self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.slot.0);
        if let State::Waiting(waker) = &mut *state {
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        Poll::Ready(match mem::replace(&mut *state, State::Done) {
            State::Replied(reply) => Ok(reply),
            State::TimedOut => Err(Unanswered::TimedOut),
            _ => Err(Unanswered::Dropped),
        })
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        let left = mem::replace(&mut *lock(&self.slot.0), State::Done);
        // A reply that came meanwhile is dropped outside the lock.
        drop(left);
    }
}

impl<R: Send> Expire for Slot<R> {
    fn expire(&self) {
        // An answer that came in time stays.
        let _ = self.settle(State::TimedOut);
    }
}

impl<R: Send + 'static> Reply<R> {
    /// The slot as the clock sees it.
    pub(crate) fn expires(&self) -> Arc<dyn Expire> {
        self.slot.clone()
    }
}
