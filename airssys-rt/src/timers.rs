//! The timers of an incarnation.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::sync::{later, lock};

/// The number of a timer, which cancels it. No two timers of a process have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId {
    /// The incarnation's number among those that have set timers.
    owner: u64,
    number: u64,
}

/// The last number of an incarnation that has set timers. A counter of the process, because an actor
/// can get the numbers of another system's timers.
static LAST_OWNER: AtomicU64 = AtomicU64::new(0);

/// The timers that are running.
pub(crate) struct Timers<M>(OnceLock<Box<Shared<M>>>);

struct Shared<M> {
    owner: u64,
    /// True if there may be timers.
    any: AtomicBool,
    running: Mutex<Running<M>>,
}

struct Running<M> {
    last: u64,
    by_time: BTreeMap<(Instant, u64), Timer<M>>,
    times: BTreeMap<u64, Instant>,
    /// The sleep until the first timer.
    sleep: Pin<Box<Sleep>>,
}

enum Timer<M> {
    Once(M),
    Every(Duration, Box<dyn FnMut() -> M + Send>),
}

impl<M> Default for Timers<M> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<M> Timers<M> {
    pub(crate) fn once(&self, after: Duration, message: M) -> TimerId {
        self.add(after, Timer::Once(message))
    }

    pub(crate) fn every(&self, period: Duration, make: Box<dyn FnMut() -> M + Send>) -> TimerId {
        // A period is never shorter than the resolution of the clock.
        let period = period.max(Duration::from_millis(1));
        self.add(period, Timer::Every(period, make))
    }

    fn add(&self, after: Duration, timer: Timer<M>) -> TimerId {
        let time = later(Instant::now(), after);
        let shared = self.0.get_or_init(|| {
            let (by_time, times) = (BTreeMap::new(), BTreeMap::new());
            let running = Running { last: 0, by_time, times, sleep: Box::pin(sleep_until(time)) };
            let owner = LAST_OWNER.fetch_add(1, Ordering::Relaxed) + 1;
            Box::new(Shared { owner, any: AtomicBool::new(false), running: Mutex::new(running) })
        });
        let mut running = lock(&shared.running);
        running.last += 1;
        let number = running.last;
        running.by_time.insert((time, number), timer);
        running.times.insert(number, time);
        shared.any.store(true, Ordering::Relaxed);
        TimerId { owner: shared.owner, number }
    }

    /// Cancels a timer; returns true if it was running here.
    pub(crate) fn cancel(&self, timer: TimerId) -> bool {
        let Some(shared) = self.0.get().filter(|shared| shared.owner == timer.owner) else { return false };
        let mut running = lock(&shared.running);
        let Some(time) = running.times.remove(&timer.number) else { return false };
        let cancelled = running.by_time.remove(&(time, timer.number));
        shared.any.store(!running.by_time.is_empty(), Ordering::Relaxed);
        cancelled.is_some()
    }

    /// Returns true if a timer is running.
    pub(crate) fn any(&self) -> bool {
        self.0.get().is_some_and(|shared| shared.any.load(Ordering::Relaxed))
    }

    /// The message of a timer that is due. Registers the task for the next timer otherwise.
    #[inline]
    pub(crate) fn poll_due(&self, context: &mut Context<'_>) -> Poll<M> {
        match self.0.get() {
            Some(shared) if shared.any.load(Ordering::Relaxed) => shared.poll_due(context),
            _ => Poll::Pending,
        }
    }
}

impl<M> Shared<M> {
    fn poll_due(&self, context: &mut Context<'_>) -> Poll<M> {
        let mut running = lock(&self.running);
        let running = &mut *running;
        let Some((&(time, number), _)) = running.by_time.first_key_value() else { return Poll::Pending };
        if running.sleep.deadline() != time {
            running.sleep.as_mut().reset(time);
        }
        if running.sleep.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let Some((_, timer)) = running.by_time.pop_first() else { return Poll::Pending };
        running.times.remove(&number);
        let message = match timer {
            Timer::Once(message) => message,
            Timer::Every(period, mut make) => {
                let message = make();
                // Missed messages are not delivered later.
                let (next, now) = (later(time, period), Instant::now());
                let next = if next > now { next } else { later(now, period) };
                running.by_time.insert((next, number), Timer::Every(period, make));
                running.times.insert(number, next);
                message
            }
        };
        self.any.store(!running.by_time.is_empty(), Ordering::Relaxed);
        Poll::Ready(message)
    }
}
