//! Bounded mailboxes, with a control lane beside the messages.

mod control;
mod inner;
#[cfg(all(test, shuttle))]
mod model;
mod receiving;
#[cfg(all(test, not(shuttle)))]
mod tests;
mod waiting;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use airssys_core::Overflow;

use self::control::Wakers;
pub(crate) use self::control::{Fetched, MailboxStats, StopRequest, Urgent};
use self::inner::{EndFlags, Inner};
use crate::errors::{ReserveError, SendError, SendWithError};
use crate::monitor::Notifications;
use crate::sync::{AtomicBool, AtomicU8, AtomicU64, Mutex, lock};

/// A bounded queue for many senders and one receiver at a time.
///
/// It belongs to the actor, so its messages are there for the next incarnation. The receiver is an
/// `Inbox`, which takes all messages at once and hands them out one by one. A message that has not
/// been handed out still takes its slot. With [`Overflow::DropOldest`], the receiver takes one at a
/// time.
pub(crate) struct Mailbox<M> {
    capacity: u32,
    overflow: Overflow,
    /// True if the control lane has something.
    urgent: AtomicBool,
    /// True if there are waiters for room.
    waiting: AtomicBool,
    /// The [`EndFlags`]: changed under the lock, and read without it by look-ups and restarts.
    end: AtomicU8,
    /// Messages that have been handed out, ever.
    taken: AtomicU64,
    inner: Mutex<Inner<M>>,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        // Messages are counted in 32 bits.
        let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
        Self {
            capacity,
            overflow,
            urgent: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            end: AtomicU8::new(0),
            taken: AtomicU64::new(0),
            inner: Mutex::new(Inner::new(capacity)),
        }
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.overflow
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity as usize
    }

    pub(crate) fn stats(&self) -> MailboxStats {
        let mut inner = lock(&self.inner);
        inner.set_taken(self.taken.load(Ordering::Acquire));
        inner.stats()
    }

    /// The number of slots that become free before waiters are served, because a wake-up costs more
    /// than many messages.
    fn step(&self) -> u64 {
        u64::from((self.capacity / 2).max(1))
    }

    /// Returns true if the receiver takes one message at a time, which then has no slot any more. The
    /// others stay in the queue, where they can be dropped.
    #[inline]
    fn fetches_one(&self) -> bool {
        self.overflow == Overflow::DropOldest
    }

    /// Publishes the flags that are read without the lock.
    fn note_end(&self, inner: &Inner<M>) {
        self.end.store(inner.end_flags().0, Ordering::Release);
    }

    /// Changes the waiters for room, and wakes those that are served once the lock is released.
    fn update<R>(&self, change: impl FnOnce(&mut Inner<M>, &mut Wakers) -> R) -> R {
        let mut wakers = Wakers::new();
        let mut inner = lock(&self.inner);
        let result = change(&mut inner, &mut wakers);
        self.waiting.store(inner.has_waiting(), Ordering::Relaxed);
        // Before the lock is released, so that a sender that has been refused sees it.
        self.note_end(&inner);
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Adds work for the receiver, and wakes it once the lock is released.
    #[inline]
    fn feed<R>(&self, change: impl FnOnce(&mut Inner<M>) -> (R, bool)) -> R {
        let mut inner = lock(&self.inner);
        let (result, has_work) = change(&mut inner);
        let receiver = if has_work { inner.take_receiver() } else { None };
        drop(inner);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        result
    }

    /// Returns true if there is room. The receiver's counter is only read when there seems to be no
    /// room, because reading it takes the cache line from the receiver.
    #[inline]
    fn has_room(&self, inner: &mut Inner<M>) -> bool {
        if inner.free() == 0 {
            inner.set_taken(self.taken.load(Ordering::Acquire));
        }
        inner.free() > 0
    }

    /// Puts a message in, or applies the policy; returns the message that was dropped.
    ///
    /// A `patient` sender would wait for room, and so queues behind the waiters.
    #[inline]
    fn put(&self, message: M, patient: bool) -> Result<Option<M>, SendError<M>> {
        self.feed(|inner| {
            if inner.closed() {
                return (Err(SendError::Closed(message)), false);
            }
            let queues = patient && self.overflow == Overflow::Wait && inner.has_waiting();
            if !queues && self.has_room(inner) {
                inner.push(message);
                return (Ok(None), true);
            }
            match self.overflow {
                Overflow::DropNewest => {
                    inner.count_overflow();
                    return (Ok(Some(message)), false);
                }
                Overflow::DropOldest => {
                    if let Some(oldest) = inner.evict() {
                        inner.push(message);
                        return (Ok(Some(oldest)), true);
                    }
                }
                // The sender will wait: it is not refused yet.
                Overflow::Wait if patient => return (Err(SendError::Full(message)), false),
                Overflow::Wait | Overflow::Reject => {}
            }
            inner.count_rejection();
            (Err(SendError::Full(message)), false)
        })
    }

    /// Puts a message in, or hands it back for [`send_waiting`](Self::send_waiting). Returns the
    /// message that was dropped instead.
    #[inline]
    pub(crate) fn send_now(&self, message: M) -> Result<Option<M>, SendError<M>> {
        self.put(message, true)
    }

    /// Gives free slots to the waiters.
    pub(crate) fn serve(&self) {
        self.update(|inner, wakers| {
            inner.set_taken(self.taken.load(Ordering::Acquire));
            inner.serve(wakers);
        });
    }

    /// As [`serve`](Self::serve), for a receiver whose handler waits: it need not be woken for messages.
    pub(crate) fn serve_meanwhile(&self) {
        let receiver = self.update(|inner, wakers| {
            inner.set_taken(self.taken.load(Ordering::Acquire));
            inner.serve(wakers);
            inner.take_receiver()
        });
        drop(receiver);
    }

    /// Gives free slots to the waiters, unless a slot is known to be free: that one has been
    /// [offered](Inner::offer).
    ///
    /// Without this, senders that do not wait could starve the waiters.
    #[inline]
    fn serve_if_full(&self) {
        if !self.waiting.load(Ordering::Relaxed) {
            return;
        }
        self.update(|inner, wakers| {
            if inner.free() == 0 {
                inner.set_taken(self.taken.load(Ordering::Acquire));
                inner.serve(wakers);
            }
        });
    }

    /// Waits for room and puts a message in.
    pub(crate) async fn send_waiting(&self, message: M) -> Result<(), SendError<M>> {
        match self.slot().await {
            true => self.fill(message).map_err(SendError::Closed),
            false => Err(SendError::Closed(message)),
        }
    }

    pub(crate) fn try_send(&self, message: M) -> Result<Option<M>, SendError<M>> {
        self.serve_if_full();
        self.put(message, false)
    }

    /// Makes a message and puts it in if there is room, without waking the receiver. Returns true if
    /// the receiver sleeps, and the message that was dropped.
    #[inline]
    pub(crate) fn send_with<E>(
        &self,
        make: impl FnOnce() -> Result<M, E>,
    ) -> Result<(bool, Option<M>), SendWithError<E>> {
        self.serve_if_full();
        let mut inner = lock(&self.inner);
        if inner.closed() {
            return Err(SendWithError::Closed);
        }
        let has_room = self.has_room(&mut inner);
        let one_can_go = self.overflow == Overflow::DropOldest && inner.has_queued();
        if !has_room && !one_can_go {
            inner.count_rejection();
            return Err(SendWithError::Full);
        }
        let message = make().map_err(SendWithError::NotMade)?;
        let dropped = if has_room { None } else { inner.evict() };
        inner.push(message);
        Ok((inner.sleeps(), dropped))
    }

    /// As [`send_with`](Self::send_with), but drops no message, whatever the policy, and counts nothing
    /// if there is no room.
    pub(crate) fn send_if_room<E>(
        &self,
        make: impl FnOnce() -> Result<M, E>,
    ) -> Result<bool, SendWithError<E>> {
        self.serve_if_full();
        let mut inner = lock(&self.inner);
        if inner.closed() {
            return Err(SendWithError::Closed);
        }
        if !self.has_room(&mut inner) {
            return Err(SendWithError::Full);
        }
        inner.push(make().map_err(SendWithError::NotMade)?);
        Ok(inner.sleeps())
    }

    /// Wakes the receiver if it sleeps.
    pub(crate) fn wake(&self) {
        self.feed(|_| ((), true));
    }

    /// Takes a slot, to be followed by [`fill`](Self::fill) or [`release`](Self::release). Returns the
    /// message that was dropped.
    pub(crate) fn try_reserve(&self) -> Result<Option<M>, ReserveError> {
        self.serve_if_full();
        self.feed(|inner| (self.reserve(inner), false))
    }

    fn reserve(&self, inner: &mut Inner<M>) -> Result<Option<M>, ReserveError> {
        if inner.closed() {
            return Err(ReserveError::Closed);
        }
        let mut evicted = None;
        if !self.has_room(inner) {
            evicted = (self.overflow == Overflow::DropOldest).then(|| inner.evict()).flatten();
            if evicted.is_none() {
                inner.count_rejection();
                return Err(ReserveError::Full);
            }
        }
        inner.reserve();
        Ok(evicted)
    }

    /// Puts a message into a taken slot. Hands it back if the mailbox has closed.
    pub(crate) fn fill(&self, message: M) -> Result<(), M> {
        self.feed(|inner| match inner.fill(message) {
            Ok(()) => (Ok(()), true),
            refused => (refused, false),
        })
    }

    /// Gives back a taken slot.
    pub(crate) fn release(&self) {
        self.update(Inner::release);
    }

    fn poll_slot(&self, ticket: &mut Option<u64>, waker: &Waker) -> Poll<bool> {
        // A waker is user code when it is copied or dropped, so neither happens under the lock.
        let mut waker = Some(waker.clone());
        self.update(|inner, wakers| {
            inner.set_taken(self.taken.load(Ordering::Acquire));
            let polled = inner.poll_slot(ticket, &mut waker, wakers);
            if polled.is_pending() {
                // It may be about to sleep without another look.
                wakers.extend(inner.take_receiver());
            }
            polled
        })
    }

    /// Polls a waiter that only wants to know of the room: its slot stays free.
    fn poll_offer(&self, ticket: &mut Option<u64>, waker: &Waker) -> Poll<()> {
        let mut waker = Some(waker.clone());
        self.update(|inner, wakers| {
            inner.set_taken(self.taken.load(Ordering::Acquire));
            let polled = inner.poll_slot(ticket, &mut waker, wakers);
            match polled {
                Poll::Ready(true) => inner.offer(wakers),
                Poll::Ready(false) => {}
                Poll::Pending => wakers.extend(inner.take_receiver()),
            }
            polled.map(|_| ())
        })
    }

    fn give_up(&self, ticket: u64) {
        let removed = self.update(|inner, wakers| match inner.closed() {
            true => None,
            false => inner.give_up(ticket, wakers),
        });
        drop(removed);
    }

    /// Returns true once each time that the mailbox becomes full.
    pub(crate) fn becomes_full(&self) -> bool {
        lock(&self.inner).becomes_full()
    }

    /// Returns true if the actor was told to end for good.
    pub(crate) fn terminated(&self) -> bool {
        lock(&self.inner).end_flags().terminated()
    }

    /// As [`terminated`](Self::terminated), without the lock: misses an order that comes at this moment.
    pub(crate) fn seems_terminated(&self) -> bool {
        EndFlags(self.end.load(Ordering::Acquire)).terminated()
    }

    fn urge<R>(&self, change: impl FnOnce(&mut Inner<M>) -> R) -> R {
        let (result, handler) = self.feed(|inner| {
            let result = change(inner);
            self.urgent.store(true, Ordering::Relaxed);
            ((result, inner.take_overtaken()), true)
        });
        if let Some(handler) = handler {
            handler.wake();
        }
        result
    }

    /// Ready if something overtakes the messages. Otherwise registers the task of the handler that
    /// waits for that.
    pub(crate) fn poll_urgent(&self, task: &mut Context<'_>) -> Poll<()> {
        // The waker can be a user's, so it is copied and dropped outside the lock.
        let waker = task.waker().clone();
        let mut inner = lock(&self.inner);
        if self.urgent.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        let before = inner.set_overtaken(waker);
        drop(inner);
        drop(before);
        Poll::Pending
    }

    /// Takes the urgent work with the highest priority, if there still is some.
    pub(crate) fn take_urgent(&self, incarnation: u64) -> Option<Urgent> {
        let mut inner = lock(&self.inner);
        let urgent = inner.take_urgent(incarnation);
        self.urgent.store(inner.is_urgent(), Ordering::Relaxed);
        urgent
    }

    pub(crate) fn request_stop(&self, request: StopRequest) {
        self.urge(|inner| {
            inner.request_stop(request);
            self.note_end(inner);
        });
    }

    /// Takes no more messages. The actor ends for good once it has handled those in the mailbox.
    pub(crate) fn drain(&self) {
        self.update(Inner::drain);
        // If it is empty already, nothing else wakes the receiver.
        self.wake();
    }

    /// Withdraws a stop like this, or a lesser one, which was meant for the incarnation before.
    pub(crate) fn forget_stop(&self, forgotten: StopRequest) {
        // A request that this misses comes after it.
        if self.is_urgent() {
            lock(&self.inner).forget_stop(forgotten);
        }
    }

    /// Ready once a stop like this, or a greater one, is requested; takes nothing. For the time between
    /// incarnations.
    pub(crate) fn poll_stop(&self, least: StopRequest, context: &Context<'_>) -> Poll<StopRequest> {
        let mut inner = lock(&self.inner);
        match inner.stop_request().filter(|request| *request >= least) {
            Some(request) => Poll::Ready(request),
            None => {
                inner.set_receiver(context.waker());
                Poll::Pending
            }
        }
    }

    /// Changes the notifications that the actor has not handled. Drops those that are not needed any
    /// more once the lock is released.
    pub(crate) fn notify<T>(&self, change: impl FnOnce(&mut Notifications) -> Option<T>) {
        let unneeded = self.urge(|inner| change(inner.notifications()));
        drop(unneeded);
    }

    pub(crate) fn signal(&self) {
        self.urge(Inner::signal);
    }

    /// Returns true if messages are refused, because the actor has ended for good or is about to.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        EndFlags(self.end.load(Ordering::Acquire)).closed()
    }

    /// Closes for good. Returns the messages left, to be dropped outside the lock.
    pub(crate) fn close(&self) -> VecDeque<M> {
        self.update(Inner::close)
    }
}
