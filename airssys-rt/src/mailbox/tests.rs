//! Any sequence of operations on a mailbox, compared with a model: a list and a few numbers.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};

use airssys_core::Overflow;
use futures_util::FutureExt;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::{Mailbox, StopRequest, Urgent};
use crate::cell::Cell;
use crate::cell::inbox::Inbox;
use crate::services::Services;
use crate::{ActorRef, Permit, ReserveError, SendError};

/// An actor that is never run: the mailbox does not need it.
#[expect(clippy::unwrap_used, reason = "it is a test")]
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().unwrap());

#[derive(Debug, Clone, Copy)]
enum Step {
    TrySend,
    Send,
    TryReserve,
    Reserve,
    /// The numbers below choose one of the existing items.
    Fill(usize),
    Release(usize),
    Room,
    Poll(usize),
    GiveUp(usize),
    Signal,
    /// The receiver fetches a batch, and hands out nothing.
    Fetch,
    Take,
    /// Takes messages until the mailbox is empty.
    TakeAll,
    /// The incarnation ends, and the next begins.
    Restart,
    Drain,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::TrySend),
        6 => Just(Step::Send),
        2 => Just(Step::TryReserve),
        2 => Just(Step::Reserve),
        3 => any::<usize>().prop_map(Step::Fill),
        1 => any::<usize>().prop_map(Step::Release),
        2 => Just(Step::Room),
        4 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::GiveUp),
        1 => Just(Step::Signal),
        2 => Just(Step::Fetch),
        8 => Just(Step::Take),
        1 => Just(Step::TakeAll),
        1 => Just(Step::Restart),
    ]
}

/// The last operations of most mailboxes.
fn end() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![Just(Step::Drain), Just(Step::Close), Just(Step::TakeAll)];
    (end, prop::collection::vec(step(), 0..20)).prop_map(|(end, mut after)| {
        after.insert(0, end);
        after
    })
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

enum Outcome {
    Sent(Result<(), SendError<u64>>),
    Reserved(Result<Permit<u64>, ReserveError>),
    Room,
}

/// A waiter; the first in the list has waited longest.
struct Waiter {
    future: Pin<Box<dyn Future<Output = Outcome>>>,
    message: Option<u64>,
    woken: Arc<Flag>,
}

impl Waiter {
    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }
}

/// The visible state of a mailbox.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
struct Seen {
    accepted: u64,
    rejected: u64,
    waited: u64,
    overflowed: u64,
    dropped: u64,
    depth: usize,
    closed: bool,
}

struct Bench {
    actor: ActorRef<u64>,
    /// `None` between two incarnations.
    inbox: Option<Inbox<u64>>,
    permits: Vec<Permit<u64>>,
    waiters: Vec<Waiter>,
    last: u64,
    /// The messages in the mailbox.
    queue: VecDeque<u64>,
    /// With `DropOldest`: the message that was fetched, has not been handed out, and has no slot.
    in_hand: Option<u64>,
    seen: Seen,
    signalled: bool,
    draining: bool,
    /// True if the receiver has found nothing, and nothing has come since.
    idle: bool,
}

type Checked<T = ()> = Result<T, TestCaseError>;

impl Bench {
    fn new(capacity: usize, overflow: Overflow) -> Self {
        let services = Arc::new(Services::new(RUNTIME.handle().clone()));
        let cell = Arc::new(Cell::new(Some("one".into()), 1, Mailbox::new(capacity, overflow), services));
        Self {
            inbox: Some(Inbox::new(cell.clone())),
            actor: ActorRef::new(cell),
            permits: Vec::new(),
            waiters: Vec::new(),
            last: 0,
            queue: VecDeque::new(),
            in_hand: None,
            seen: Seen::default(),
            signalled: false,
            draining: false,
            idle: false,
        }
    }

    /// The free slots, some of which may be reserved for waiters that were woken.
    fn free(&self) -> usize {
        self.actor.capacity() - self.queue.len() - self.permits.len()
    }

    fn woken(&self) -> usize {
        self.waiters.iter().filter(|waiter| waiter.is_woken()).count()
    }

    /// Records that a message was accepted.
    fn put(&mut self, message: u64) -> Checked {
        prop_assert!(self.free() > 0 && !self.seen.closed);
        self.seen.accepted += 1;
        self.queue.push_back(message);
        self.idle = false;
        Ok(())
    }

    /// Checks the answer to a sender that does not wait.
    fn sent(&mut self, message: u64, answer: Result<(), SendError<u64>>) -> Checked {
        let overflowed = self.actor.stats().overflowed - self.seen.overflowed;
        let full = self.free() <= self.woken();
        match (answer, overflowed) {
            (Ok(()), 0) => self.put(message)?,
            (Ok(()), 1) => {
                prop_assert!(full && !self.seen.closed, "there is room");
                self.seen.overflowed += 1;
                match self.actor.overflow() {
                    Overflow::DropOldest => {
                        prop_assert!(self.queue.pop_front().is_some());
                        self.put(message)?;
                    }
                    other => {
                        prop_assert_eq!(other, Overflow::DropNewest);
                        self.seen.accepted += 1;
                    }
                }
            }
            (Err(SendError::Full(back)), 0) => {
                prop_assert_eq!(back, message);
                prop_assert!(full && !self.seen.closed, "there is room");
                self.refused()?;
                prop_assert_ne!(self.actor.overflow(), Overflow::DropNewest);
            }
            (Err(SendError::Closed(back)), 0) => {
                prop_assert_eq!(back, message);
                prop_assert!(self.seen.closed);
            }
            (_, more) => prop_assert!(false, "{} overflowed", more),
        }
        Ok(())
    }

    fn refused(&mut self) -> Checked {
        self.seen.rejected += 1;
        let drops = self.actor.overflow() == Overflow::DropOldest;
        prop_assert!(!drops || self.queue.is_empty(), "one could have made way");
        Ok(())
    }

    fn reserved(&mut self, answer: Result<Permit<u64>, ReserveError>) -> Checked {
        let evicted = self.actor.stats().overflowed - self.seen.overflowed;
        let full = self.free() <= self.woken();
        match answer {
            Ok(permit) => {
                if evicted > 0 {
                    prop_assert!(full && evicted == 1 && self.actor.overflow() == Overflow::DropOldest);
                    prop_assert!(self.queue.pop_front().is_some());
                    self.seen.overflowed += 1;
                }
                prop_assert!(self.free() > 0 && !self.seen.closed);
                self.permits.push(permit);
            }
            Err(ReserveError::Full) => {
                prop_assert!(full && !self.seen.closed, "there is room");
                self.refused()?;
            }
            Err(ReserveError::Closed) => prop_assert!(self.seen.closed),
        }
        Ok(())
    }

    /// Adds a waiter, if it has to wait.
    fn begin(&mut self, message: Option<u64>, future: Pin<Box<dyn Future<Output = Outcome>>>) -> Checked {
        self.waiters.push(Waiter { future, message, woken: Arc::default() });
        let index = self.waiters.len() - 1;
        self.poll(index)?;
        self.seen.waited += u64::from(self.waiters.len() > index);
        Ok(())
    }

    fn poll(&mut self, index: usize) -> Checked {
        let Some(waiter) = self.waiters.get_mut(index) else { return Ok(()) };
        let waker = Waker::from(waiter.woken.clone());
        let Poll::Ready(outcome) = waiter.future.as_mut().poll(&mut Context::from_waker(&waker)) else {
            waiter.woken.0.store(false, Ordering::Relaxed);
            return Ok(());
        };
        let message = self.waiters.remove(index).message;
        let waits = self.actor.overflow() == Overflow::Wait;
        let in_turn = self.waiters[..index].iter().all(Waiter::is_woken);
        let got = matches!(outcome, Outcome::Sent(Ok(())) | Outcome::Reserved(Ok(_)));
        prop_assert!(!(waits && got) || in_turn, "others have waited longer");
        match (outcome, message) {
            (Outcome::Sent(Ok(())), Some(message)) => self.sent(message, Ok(())),
            (Outcome::Sent(Err(SendError::Closed(back))), Some(message)) => {
                self.sent(message, Err(SendError::Closed(back)))
            }
            (Outcome::Sent(Err(SendError::Full(back))), Some(message)) => {
                prop_assert!(!waits);
                self.sent(message, Err(SendError::Full(back)))
            }
            (Outcome::Reserved(answer), None) => self.reserved(answer),
            (Outcome::Room, None) => {
                prop_assert!(self.seen.closed || self.free() > 0, "a slot must be free");
                Ok(())
            }
            _ => unreachable!("another outcome"),
        }
    }

    /// The next message of the receiver; `None` if the mailbox is empty.
    fn take(&mut self) -> Checked<Option<u64>> {
        loop {
            if let Some(message) = self.inbox.as_mut().and_then(Inbox::pop) {
                let oldest = self.in_hand.take().or_else(|| self.queue.pop_front());
                prop_assert_eq!(Some(message), oldest);
                return Ok(oldest);
            }
            if !self.fetch()? {
                return Ok(None);
            }
        }
    }

    /// Returns false if there is nothing to fetch.
    fn fetch(&mut self) -> Checked<bool> {
        let Some(inbox) = &mut self.inbox else { return Ok(false) };
        let Some(fetched) = poll_fn(|task| inbox.poll_any(0, task)).now_or_never() else {
            prop_assert!(self.queue.is_empty() && !self.signalled && !self.draining);
            self.idle = true;
            return Ok(false);
        };
        match fetched {
            Some(Urgent::Signal) => prop_assert!(std::mem::take(&mut self.signalled)),
            Some(Urgent::Stop(request)) => {
                prop_assert_eq!(request, StopRequest::Shutdown);
                prop_assert!(self.draining && self.queue.is_empty());
                return Ok(false);
            }
            Some(_) => prop_assert!(false, "nothing else is urgent"),
            None if self.actor.overflow() == Overflow::DropOldest && self.in_hand.is_none() => {
                self.in_hand = self.queue.pop_front();
            }
            None => {}
        }
        Ok(true)
    }

    fn restart(&mut self) -> Checked {
        self.inbox = None;
        self.inbox = Some(Inbox::new(self.actor.cell().clone()));
        match self.in_hand.take() {
            Some(_) if self.seen.closed && !self.draining => self.seen.dropped += 1,
            // It has had no slot since it was fetched.
            Some(_) if self.actor.stats().overflowed > self.seen.overflowed => {
                let granted = if self.seen.closed { 0 } else { self.woken() };
                prop_assert!(self.free() <= granted, "there is room");
                self.seen.overflowed += 1;
            }
            Some(message) => {
                prop_assert!(self.free() > 0);
                self.queue.push_front(message);
            }
            None => {}
        }
        self.idle = false;
        Ok(())
    }

    fn run(&mut self, step: Step) -> Checked {
        self.last += 1;
        let (message, actor) = (self.last, self.actor.clone());
        match step {
            Step::TrySend => {
                let answer = actor.try_send(message);
                self.sent(message, answer)?;
            }
            Step::Send => {
                let send = async move { Outcome::Sent(actor.send(message).await) };
                self.begin(Some(message), Box::pin(send))?;
            }
            Step::TryReserve => self.reserved(actor.try_reserve())?,
            Step::Reserve => {
                self.begin(None, Box::pin(async move { Outcome::Reserved(actor.reserve().await) }))?;
            }
            Step::Room => {
                let room = async move {
                    actor.room().await;
                    Outcome::Room
                };
                self.begin(None, Box::pin(room))?;
            }
            Step::Fill(which) if !self.permits.is_empty() => {
                let permit = self.permits.remove(which % self.permits.len());
                match permit.send(message) {
                    Ok(()) => self.put(message)?,
                    Err(back) => prop_assert!(back == message && self.seen.closed),
                }
            }
            Step::Release(which) if !self.permits.is_empty() => {
                drop(self.permits.remove(which % self.permits.len()));
            }
            Step::Poll(which) if !self.waiters.is_empty() => self.poll(which % self.waiters.len())?,
            Step::GiveUp(which) if !self.waiters.is_empty() => {
                drop(self.waiters.remove(which % self.waiters.len()));
            }
            Step::Signal => {
                actor.signal();
                self.signalled = true;
            }
            Step::Fetch => drop(self.fetch()?),
            Step::Take => drop(self.take()?),
            Step::TakeAll => while self.take()?.is_some() {},
            Step::Restart => self.restart()?,
            Step::Drain => {
                actor.drain();
                self.draining |= !self.seen.closed;
                self.seen.closed = true;
            }
            Step::Close => {
                self.restart()?;
                self.actor.cell().mailbox.close();
                self.seen.dropped += self.queue.len() as u64;
                self.queue.clear();
                (self.seen.closed, self.draining) = (true, false);
            }
            Step::Fill(_) | Step::Release(_) | Step::Poll(_) | Step::GiveUp(_) => {}
        }
        let turns = if self.seen.closed { usize::MAX } else { self.free() };
        let in_vain = self.waiters.len().min(turns) > self.woken();
        prop_assert!(!(in_vain && (self.idle || self.seen.closed)), "{} woken", self.woken());
        self.check()
    }

    fn check(&mut self) -> Checked {
        let stats = self.actor.stats();
        let seen = Seen {
            accepted: stats.accepted,
            rejected: stats.rejected,
            waited: stats.waited,
            overflowed: stats.overflowed,
            dropped: stats.dropped,
            depth: stats.depth,
            closed: self.actor.is_closed(),
        };
        self.seen.depth = self.queue.len();
        prop_assert_eq!(seen, self.seen);
        prop_assert!(stats.depth <= stats.high_water && stats.high_water <= self.actor.capacity());
        Ok(())
    }

    /// Every taken slot becomes free again.
    fn finish(&mut self) -> Checked {
        self.permits.clear();
        self.waiters.clear();
        self.run(Step::TakeAll)?;
        if !self.seen.closed {
            for _ in 0..self.actor.capacity() {
                self.run(Step::TryReserve)?;
            }
            prop_assert_eq!(self.permits.len(), self.actor.capacity());
        }
        Ok(())
    }
}

fn overflow() -> impl Strategy<Value = Overflow> {
    use Overflow::{DropNewest, DropOldest, Reject, Wait};
    prop_oneof![3 => Just(Wait), 1 => Just(Reject), 1 => Just(DropOldest), 1 => Just(DropNewest)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn mailbox_behaves_like_a_list(
        capacity in 1..7usize,
        overflow in overflow(),
        steps in prop::collection::vec(step(), 0..120),
        end in end(),
    ) {
        let mut bench = Bench::new(capacity, overflow);
        for step in steps.into_iter().chain(end) {
            bench.run(step)?;
        }
        bench.finish()?;
    }
}

/// Looks at the mailbox when it is dropped.
struct Looks(Arc<Mailbox<u32>>, Arc<AtomicBool>);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.1.store(true, Ordering::Relaxed);
        assert_eq!(self.0.stats().depth, 0);
    }
}

#[test]
fn waker_of_a_waiter_that_gives_up_is_dropped_outside_the_lock() {
    let (mailbox, dropped) = (Arc::new(Mailbox::new(1, Overflow::Wait)), Arc::<AtomicBool>::default());
    let reserved = mailbox.try_reserve().unwrap();
    assert!(reserved.is_none());
    let waker = Waker::from(Arc::new(Looks(mailbox.clone(), dropped.clone())));
    let mut room = Box::pin(mailbox.room());
    assert!(room.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert!(!dropped.load(Ordering::Relaxed), "the waiter waits");
    drop(room);
    assert!(dropped.load(Ordering::Relaxed));
}

#[test]
fn waker_of_a_handler_that_waits_again_is_dropped_outside_the_lock() {
    let (mailbox, dropped) = (Arc::new(Mailbox::new(1, Overflow::Wait)), Arc::<AtomicBool>::default());
    let waker = Waker::from(Arc::new(Looks(mailbox.clone(), dropped.clone())));
    assert!(mailbox.poll_urgent(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert!(!dropped.load(Ordering::Relaxed), "the handler waits");
    assert!(mailbox.poll_urgent(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(dropped.load(Ordering::Relaxed));
}

#[test]
fn mailbox_keeps_no_waker_of_a_receiver_that_has_ended() {
    let (mailbox, dropped) = (Arc::new(Mailbox::new(4, Overflow::Wait)), Arc::<AtomicBool>::default());
    let waker = Waker::from(Arc::new(Looks(mailbox.clone(), dropped.clone())));
    let mut batch = VecDeque::new();
    assert!(mailbox.poll_fetch(&mut batch, None, &mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert!(!dropped.load(Ordering::Relaxed), "the receiver waits");
    assert_eq!(mailbox.put_back(&mut batch), None);
    assert!(dropped.load(Ordering::Relaxed));
}
