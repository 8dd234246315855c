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
pub(crate) use self::control::{MailboxStats, StopRequest, Urgent};
use self::inner::Inner;
use crate::errors::{ReserveError, SendError, SendWithError, TrySendError};
use crate::monitor::Notifications;
use crate::sync::{AtomicBool, AtomicU64, Mutex, lock};

/// A bounded queue for many senders and one receiver at a time.
///
/// It belongs to the actor, not to an incarnation: what is in it when one ends is there for the
/// next. The receiver is an [`Inbox`], which takes all messages at once and hands them out one by
/// one: a message that has not been handed out still takes its slot. With
/// [`Overflow::DropOldest`], it takes one at a time.
pub(crate) struct Mailbox<M> {
    capacity: usize,
    overflow: Overflow,
    /// The control lane has something.
    urgent: AtomicBool,
    /// Somebody waits for room.
    waiting: AtomicBool,
    /// Messages that have been handed out, ever.
    taken: AtomicU64,
    inner: Mutex<Inner<M>>,
}

impl<M> Mailbox<M> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        Self {
            capacity,
            overflow,
            urgent: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            inner: Mutex::new(Inner::new(capacity)),
        }
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.overflow
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn stats(&self) -> MailboxStats {
        let mut inner = lock(&self.inner);
        inner.set_taken(self.taken.load(Ordering::Acquire));
        inner.stats()
    }

    /// How many slots become free before those who wait are looked after: a wake-up costs more than
    /// many messages.
    fn step(&self) -> u64 {
        (self.capacity / 2).max(1) as u64
    }

    /// Whether the receiver takes one message at a time, which then has no slot any more: all others
    /// have to be where they can make way.
    #[inline]
    fn fetches_one(&self) -> bool {
        self.overflow == Overflow::DropOldest
    }

    /// Changes who waits for room, and wakes those whose turn it is once the lock is released.
    fn update<R>(&self, change: impl FnOnce(&mut Inner<M>, &mut Wakers) -> R) -> R {
        let mut wakers = Wakers::new();
        let mut inner = lock(&self.inner);
        let result = change(&mut inner, &mut wakers);
        self.waiting.store(inner.has_waiting(), Ordering::Relaxed);
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Gives the receiver something to do, and wakes it once the lock is released.
    #[inline]
    fn feed<R>(&self, change: impl FnOnce(&mut Inner<M>) -> (R, bool)) -> R {
        let mut inner = lock(&self.inner);
        let (result, news) = change(&mut inner);
        let receiver = if news { inner.take_receiver() } else { None };
        drop(inner);
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        result
    }

    /// Finds out how much room there is: what the receiver has handed out is only looked at when
    /// there seems to be none, since looking takes the receiver's cache line from it.
    #[inline]
    fn has_room(&self, inner: &mut Inner<M>) -> bool {
        if inner.free() == 0 {
            inner.set_taken(self.taken.load(Ordering::Acquire));
        }
        inner.free() > 0
    }

    /// Puts a message in, or does what the policy says; gives the message that was dropped.
    ///
    /// `patient` senders are behind those who wait already, if they would wait themselves.
    #[inline]
    fn put(&self, message: M, patient: bool) -> Result<Option<M>, TrySendError<M>> {
        self.feed(|inner| {
            if inner.closed() {
                return (Err(TrySendError::Closed(message)), false);
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
                // It is not refused yet.
                Overflow::Wait if patient => return (Err(TrySendError::Full(message)), false),
                Overflow::Wait | Overflow::Reject => {}
            }
            inner.count_rejection();
            (Err(TrySendError::Full(message)), false)
        })
    }

    /// Puts a message in, unless that means to wait: then it hands the message back for
    /// [`send_waiting`](Self::send_waiting). Gives the message that was dropped instead.
    #[inline]
    pub(crate) fn send_now(&self, message: M) -> Result<Option<M>, TrySendError<M>> {
        self.put(message, true)
    }

    /// Gives the slots that are free to those who wait for them.
    pub(crate) fn serve(&self) {
        self.update(|inner, wakers| {
            inner.set_taken(self.taken.load(Ordering::Acquire));
            inner.serve(wakers);
        });
    }

    /// The same, unless a slot is known to be free: that one has been [offered](Inner::offer).
    ///
    /// Without this, those who do not wait could keep those who do from their turns.
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

    pub(crate) fn try_send(&self, message: M) -> Result<Option<M>, TrySendError<M>> {
        self.serve_if_full();
        self.put(message, false)
    }

    /// Makes a message and puts it in if there is room, without waking the receiver: whether that
    /// sleeps, and the message that made way.
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

    /// Wakes the receiver if it sleeps.
    pub(crate) fn wake(&self) {
        self.feed(|_| ((), true));
    }

    /// Takes a slot; to be followed by [`fill`](Self::fill) or [`release`](Self::release). Gives
    /// the message that made way.
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

    /// Puts a message into a slot that was taken; hands it back if the mailbox has closed.
    pub(crate) fn fill(&self, message: M) -> Result<(), M> {
        self.feed(|inner| match inner.fill(message) {
            Ok(()) => (Ok(()), true),
            refused => (refused, false),
        })
    }

    /// Gives back a slot that was taken.
    pub(crate) fn release(&self) {
        self.update(Inner::release);
    }

    fn poll_turn(&self, ticket: &mut Option<u64>, waker: &Waker) -> Poll<bool> {
        self.update(|inner, wakers| {
            inner.set_taken(self.taken.load(Ordering::Acquire));
            inner.poll_turn(ticket, waker, wakers)
        })
    }

    /// The turn of a waiter that only wanted to know of it: the slot stays free.
    fn poll_offer(&self, ticket: &mut Option<u64>, waker: &Waker) -> Poll<()> {
        self.update(|inner, wakers| {
            inner.set_taken(self.taken.load(Ordering::Acquire));
            let turn = inner.poll_turn(ticket, waker, wakers);
            if turn == Poll::Ready(true) {
                inner.offer(wakers);
            }
            turn.map(|_| ())
        })
    }

    fn give_up(&self, ticket: u64) {
        self.update(|inner, wakers| {
            if !inner.closed() {
                inner.give_up(ticket, wakers);
            }
        });
    }

    /// Whether the mailbox is full and nobody has been told since it last was not.
    pub(crate) fn is_news_that_full(&self) -> bool {
        lock(&self.inner).is_news_that_full()
    }

    /// Whether the actor was told to end for good.
    pub(crate) fn terminated(&self) -> bool {
        lock(&self.inner).terminated()
    }

    fn urge(&self, change: impl FnOnce(&mut Inner<M>)) {
        self.feed(|inner| {
            change(inner);
            self.urgent.store(true, Ordering::Relaxed);
            ((), true)
        });
    }

    /// Ready if something overtakes the messages; else registers the receiver's task.
    pub(crate) fn poll_urgent(&self, task: &mut Context<'_>) -> Poll<()> {
        let mut inner = lock(&self.inner);
        if self.urgent.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        inner.set_receiver(task.waker());
        Poll::Pending
    }

    pub(crate) fn request_stop(&self, request: StopRequest) {
        self.urge(|inner| inner.request_stop(request));
    }

    /// Takes no more messages; once what is in it has been handled, the actor ends for good.
    pub(crate) fn drain(&self) {
        self.update(Inner::drain);
        // If it is empty already, nothing else tells the receiver.
        self.wake();
    }

    /// Forgets a stop like this, which meant the incarnation before.
    pub(crate) fn forget_stop(&self, forgotten: StopRequest) {
        lock(&self.inner).forget_stop(forgotten);
    }

    /// Ready once a stop like this, or a greater one, is asked for; takes nothing. For the time
    /// between incarnations.
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

    /// Changes the notifications that the actor has not handled.
    pub(crate) fn notify(&self, change: impl FnOnce(&mut Notifications)) {
        self.urge(|inner| change(inner.notifications()));
    }

    pub(crate) fn signal(&self) {
        self.urge(Inner::signal);
    }

    /// Whether messages are refused: the actor has ended for good, or is about to.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.inner).closed()
    }

    /// Closes for good; gives what was left, to be dropped where that may take its time.
    pub(crate) fn close(&self) -> VecDeque<M> {
        self.update(Inner::close)
    }
}
