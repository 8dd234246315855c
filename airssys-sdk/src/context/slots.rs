//! What the component waits for: one slot per request id, with its own waker.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};

use crate::context::Context;
use crate::host::{self, Callback, RequestId};

#[derive(Default)]
pub(super) struct Slots {
    slots: RefCell<BTreeMap<RequestId, Slot>>,
}

enum Slot {
    Open(Option<Waker>),
    Decided(Callback),
}

impl Slots {
    /// Decides a slot and wakes its waiter. One that nobody waits for any more has no slot.
    pub(super) fn settle(&self, request: RequestId, what: Callback) {
        let waker = match self.slots.borrow_mut().get_mut(&request) {
            Some(slot) => match std::mem::replace(slot, Slot::Decided(what)) {
                Slot::Open(waker) => waker,
                Slot::Decided(_) => None,
            },
            None => None,
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Waits for the callback of one request id. Dropped before that, it cancels it.
pub(super) struct Waiting {
    context: Context,
    request: RequestId,
}

impl Waiting {
    pub(super) fn new(context: Context, request: RequestId) -> Waiting {
        context.inner.slots.slots.borrow_mut().insert(request, Slot::Open(None));
        Waiting { context, request }
    }

    pub(super) fn request(&self) -> RequestId {
        self.request
    }
}

impl Future for Waiting {
    type Output = Callback;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Callback> {
        let mut slots = self.context.inner.slots.slots.borrow_mut();
        match slots.remove(&self.request) {
            Some(Slot::Decided(what)) => Poll::Ready(what),
            Some(Slot::Open(Some(waker))) if waker.will_wake(task.waker()) => {
                slots.insert(self.request, Slot::Open(Some(waker)));
                Poll::Pending
            }
            _ => {
                slots.insert(self.request, Slot::Open(Some(task.waker().clone())));
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let slot = self.context.inner.slots.slots.borrow_mut().remove(&self.request);
        if let Some(Slot::Open(_)) = slot {
            host::messaging::cancel_request(self.request);
        }
    }
}
