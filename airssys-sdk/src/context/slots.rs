//! The callbacks that the component waits for: one slot per request id, with its own waker.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};

use crate::context::Context;
use crate::host::{self, Callback, RequestId};

/// The slots, in the order of their request ids. The host counts ids up and mostly answers in
/// order. So slots are added at the end, and removed near the beginning.
#[derive(Default)]
pub(super) struct Slots {
    slots: RefCell<VecDeque<(RequestId, Slot)>>,
    /// Woken when a slot is opened.
    #[cfg(feature = "http")]
    opened: RefCell<Option<Waker>>,
}

enum Slot {
    Open(Waker),
    Decided(Callback),
}

impl Slots {
    /// Puts the callback into the request's slot and wakes its future. Does nothing if the future was
    /// dropped, and its slot with it.
    pub(super) fn deliver(&self, request: RequestId, what: Callback) {
        let mut slots = self.slots.borrow_mut();
        let Ok(place) = place(&slots, request) else { return };
        let slot = std::mem::replace(&mut slots[place].1, Slot::Decided(what));
        drop(slots);
        if let Slot::Open(waker) = slot {
            waker.wake();
        }
    }

    /// Returns true if a slot waits for its callback.
    #[cfg(feature = "http")]
    pub(super) fn has_open(&self) -> bool {
        self.slots.borrow().iter().any(|(_, slot)| matches!(slot, Slot::Open(_)))
    }

    /// Wakes this task when a slot is opened, once.
    #[cfg(feature = "http")]
    pub(super) fn on_open(&self, waker: &Waker) {
        self.opened.replace(Some(waker.clone()));
    }

    fn open(&self, request: RequestId, waker: Waker) {
        #[cfg(feature = "http")]
        if let Some(opened) = self.opened.take() {
            opened.wake();
        }
        let mut slots = self.slots.borrow_mut();
        let slot = (request, Slot::Open(waker));
        match slots.back() {
            Some((last, _)) if *last >= request => {
                let place = place(&slots, request).unwrap_or_else(|place| place);
                slots.insert(place, slot);
            }
            _ => slots.push_back(slot),
        }
    }
}

/// The index of a request's slot, or the index at which to insert it.
fn place(slots: &VecDeque<(RequestId, Slot)>, request: RequestId) -> Result<usize, usize> {
    match slots.front() {
        Some((first, _)) if *first == request => Ok(0),
        _ => slots.binary_search_by_key(&request, |(id, _)| *id),
    }
}

/// Waits for the callback of one request id. Cancels the request if it is dropped before that.
pub(super) struct Waiting {
    context: Context,
    request: RequestId,
    /// True if the callback has been returned.
    is_over: bool,
}

impl Waiting {
    /// Opens the request's slot, with this task's waker.
    pub(super) fn new(context: Context, request: RequestId, task: &TaskContext<'_>) -> Waiting {
        context.inner.slots.open(request, task.waker().clone());
        Waiting { context, request, is_over: false }
    }

    pub(super) fn request(&self) -> RequestId {
        self.request
    }
}

impl Future for Waiting {
    type Output = Callback;

    fn poll(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<Callback> {
        let this = &mut *self;
        let mut slots = this.context.inner.slots.slots.borrow_mut();
        let Ok(place) = place(&slots, this.request) else { return Poll::Pending };
        if let Slot::Open(waker) = &mut slots[place].1 {
            waker.clone_from(task.waker());
            return Poll::Pending;
        }
        match slots.remove(place) {
            Some((_, Slot::Decided(what))) => {
                this.is_over = true;
                Poll::Ready(what)
            }
            _ => Poll::Pending,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut slots = self.context.inner.slots.slots.borrow_mut();
        let Ok(place) = place(&slots, self.request) else { return };
        let slot = slots.remove(place);
        drop(slots);
        if let Some((_, Slot::Open(_))) = slot {
            host::messaging::cancel_request(self.request);
        }
    }
}
