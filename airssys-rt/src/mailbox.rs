//! Bounded mailboxes, with a control lane beside the messages.

mod inner;
mod waiting;

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use smallvec::SmallVec;

use self::inner::Inner;
pub(crate) use self::waiting::{Room, Slot};
use crate::ExitReason;
use crate::errors::{ReserveError, SendError, TrySendError};
use crate::sync::lock;

/// What a mailbox that is full does to `send`.
///
/// Every other way in (`try_send`, `try_reserve`) answers `Full` at once whatever the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// `send` waits for room.
    #[default]
    Wait,
    /// `send` fails at once and hands the message back.
    Reject,
}

/// Who asked an actor to stop; of two, the greater counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopRequest {
    /// This incarnation itself: it means no other.
    Own,
    /// Somebody who holds a reference.
    Asked,
    /// The supervisor, which may start the actor again: it means this incarnation.
    Group,
    /// The supervisor, for good.
    Shutdown,
}

impl StopRequest {
    /// How an incarnation ends that obeys.
    pub(crate) fn reason(self) -> ExitReason {
        match self {
            Self::Own | Self::Asked => ExitReason::Normal,
            Self::Group | Self::Shutdown => ExitReason::Shutdown,
        }
    }
}

/// What an actor has to do next.
pub(crate) enum Event<M> {
    Stop(StopRequest),
    Signal,
    Message(M),
}

/// The figures of a mailbox.
pub(crate) struct Figures {
    pub(crate) accepted: u64,
    pub(crate) dropped: u64,
    pub(crate) depth: usize,
    pub(crate) high_water: usize,
}

type Wakers = SmallVec<[Waker; 2]>;

/// A bounded queue for many senders and one receiver at a time.
///
/// It belongs to the actor, not to an incarnation: what is in it when one ends is there for the
/// next.
pub(crate) struct Mailbox<M> {
    overflow: Overflow,
    inner: Mutex<Inner<M>>,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        Self { overflow, inner: Mutex::new(Inner::new(capacity)) }
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.overflow
    }

    pub(crate) fn capacity(&self) -> usize {
        lock(&self.inner).capacity()
    }

    pub(crate) fn figures(&self) -> Figures {
        lock(&self.inner).figures()
    }

    /// Changes the state, and wakes whom that concerns once the lock is released.
    fn update<R>(&self, change: impl FnOnce(&mut Inner<M>, &mut Wakers) -> R) -> R {
        let mut wakers = Wakers::new();
        let result = change(&mut lock(&self.inner), &mut wakers);
        for waker in wakers {
            waker.wake();
        }
        result
    }

    pub(crate) async fn send(&self, message: M) -> Result<(), SendError<M>> {
        let refused = self.update(|inner, wakers| {
            // Behind those who wait already, even if there is room this very moment.
            match inner.closed() || (inner.free() > 0 && !inner.has_waiting()) {
                true => inner.put(message, wakers),
                false => Err(TrySendError::Full(message)),
            }
        });
        match refused {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(message)) => Err(SendError::Closed(message)),
            Err(TrySendError::Full(message)) => match self.overflow {
                Overflow::Reject => Err(SendError::Full(message)),
                Overflow::Wait => match Slot::new(self).await {
                    true => self.fill(message).map_err(SendError::Closed),
                    false => Err(SendError::Closed(message)),
                },
            },
        }
    }

    pub(crate) fn try_send(&self, message: M) -> Result<(), TrySendError<M>> {
        self.update(|inner, wakers| inner.put(message, wakers))
    }

    /// Takes a slot; to be followed by [`fill`](Self::fill) or [`release`](Self::release).
    pub(crate) fn try_reserve(&self) -> Result<(), ReserveError> {
        self.update(|inner, _| inner.try_reserve())
    }

    /// Puts a message into a slot that was taken; hands it back if the mailbox has closed.
    pub(crate) fn fill(&self, message: M) -> Result<(), M> {
        self.update(|inner, wakers| inner.fill(message, wakers))
    }

    /// Gives back a slot that was taken.
    pub(crate) fn release(&self) {
        self.update(Inner::release);
    }

    /// Resolves when there is room, or the mailbox has closed.
    pub(crate) fn room(&self) -> Room<'_, M> {
        Room::new(self)
    }

    /// Whether the actor was told to end for good.
    pub(crate) fn terminated(&self) -> bool {
        lock(&self.inner).terminated()
    }

    pub(crate) fn request_stop(&self, request: StopRequest) {
        self.update(|inner, wakers| inner.request_stop(request, wakers));
    }

    /// Forgets a stop that only meant the incarnation before.
    pub(crate) fn forget_own_stop(&self) {
        self.update(|inner, _| inner.forget_own_stop());
    }

    /// Ready once a stop like this, or a greater one, is asked for; takes nothing. For the time
    /// between incarnations.
    pub(crate) fn poll_stop(&self, least: StopRequest, context: &Context<'_>) -> Poll<StopRequest> {
        self.update(|inner, _| match inner.stop_request().filter(|request| *request >= least) {
            Some(request) => Poll::Ready(request),
            None => {
                inner.set_receiver(context.waker());
                Poll::Pending
            }
        })
    }

    pub(crate) fn signal(&self) {
        self.update(Inner::signal);
    }

    /// What to do next: control first, then messages in their order. Cancel safe.
    pub(crate) async fn next(&self) -> Event<M> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Event<M>> {
        self.update(|inner, wakers| match inner.take(wakers) {
            Some(event) => Poll::Ready(event),
            None => {
                inner.set_receiver(context.waker());
                Poll::Pending
            }
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.inner).closed()
    }

    /// Closes for good; gives what was left, to be dropped where that may take its time.
    pub(crate) fn close(&self) -> impl Iterator<Item = M> + use<M> {
        self.update(Inner::close).into_iter()
    }
}
