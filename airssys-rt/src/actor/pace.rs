//! The pace of an actor: the time that its handlers take, and when it yields.

use std::future::poll_fn;
use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;

use crate::cell::Counters;

/// One wake-up for a single message in this many is timed and stands for all, because reading the
/// clock twice takes as long as handling a small message.
const TIMED_ONE_IN: u8 = 8;

/// The number of messages and signals that an actor handles before it yields.
const COOP_BUDGET: u8 = 64;

/// The most time that timers and I/O wait for the worker of a busy actor, beside its messages.
const REST: Duration = Duration::from_micros(500);

/// A point in time, in half the memory of an [`Instant`]: nanoseconds, counted from 2^63.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment(NonZeroU64);

impl Moment {
    /// Long before every other.
    const NEVER: Self = Self(NonZeroU64::MIN);

    #[inline]
    fn now() -> Self {
        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        const AT_ORIGIN: u64 = 1 << 63;
        let now = Instant::now();
        // A paused clock may be before the origin.
        let nanos = match now.checked_duration_since(*ORIGIN) {
            Some(after) => AT_ORIGIN.saturating_add(nanos(after)),
            None => AT_ORIGIN.saturating_sub(nanos(ORIGIN.saturating_duration_since(now))),
        };
        Self(NonZeroU64::new(nanos).unwrap_or(NonZeroU64::MIN))
    }

    #[inline]
    fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

#[inline]
fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into())
}

/// Times the handlers of an incarnation, and says when it yields.
///
/// tokio's `yield_now` puts a task behind all others of its worker, where idle workers do not find it,
/// but timers and I/O come first. A task that wakes itself goes to the back of the run queue, where
/// idle workers can steal it, but timers then run late. So we re-queue, and call `yield_now` every
/// [`REST`].
pub(super) struct Pace {
    /// The start of the wake-up, if it is timed.
    timed_since: Option<Moment>,
    /// The last `yield_now`. `None` on a runtime of one thread, where no other worker can steal.
    /// [`Moment::NEVER`] until the first, because the kind of the runtime costs as much as a restart
    /// to look up, and the time too.
    rested: Option<Moment>,
    /// The number of wake-ups that this one stands for.
    weight: u8,
    /// The number of wake-ups for a single message, modulo 256.
    singles: u8,
    /// The number of messages since the last yield.
    spent: u8,
    /// True if the running handler has waited, and is timed on its own.
    pub(super) alone: bool,
    /// True if the task was registered with its only message, in this poll.
    pub(super) registered: bool,
    /// True if the last message was from one of the actor's own timers.
    pub(super) ticked: bool,
    /// True if the timers are due to be polled, although there are messages.
    pub(super) polls_timers: bool,
}

impl Pace {
    pub(super) fn begin() -> Self {
        Self {
            timed_since: None,
            rested: Some(Moment::NEVER),
            weight: 0,
            singles: 0,
            spent: 0,
            alone: false,
            registered: false,
            ticked: false,
            polls_timers: false,
        }
    }

    /// Begins a wake-up; `single` if there is one message only.
    #[inline]
    pub(super) fn resume(&mut self, single: bool) {
        self.weight = 1;
        if single {
            self.singles = self.singles.wrapping_add(1);
            if !self.singles.is_multiple_of(TIMED_ONE_IN) {
                return;
            }
            self.weight = TIMED_ONE_IN;
        }
        self.timed_since = Some(Moment::now());
    }

    /// Ends a wake-up.
    #[inline]
    pub(super) fn pause(&mut self, counters: &Counters) {
        if let Some(since) = self.timed_since.take() {
            counters.add_busy(Moment::now().since(since) * u32::from(self.weight));
        }
    }

    /// Begins a new budget, because the actor waits for work, and other tasks run.
    ///
    /// With the rest of an old budget, an actor that is woken for some messages would yield in the
    /// middle of them. Those that follow the messages on their way would be woken once more.
    #[inline]
    pub(super) fn rest(&mut self) {
        self.spent = 0;
    }

    /// Times the handler that waits now on its own.
    pub(super) fn time_alone(&mut self, counters: &Counters) {
        self.registered = false;
        self.pause(counters);
        self.resume(false);
    }

    /// The number of messages left in the budget, beside the one that is being handled.
    #[inline]
    pub(super) fn left(&self) -> u8 {
        COOP_BUDGET - 1 - self.spent
    }

    /// Takes messages out of the budget that were handled together with another.
    #[inline]
    pub(super) fn spend(&mut self, messages: u8) {
        self.spent += messages;
    }

    /// Takes one message out of the budget, and returns true if it is spent.
    #[inline]
    pub(super) fn spends_last(&mut self) -> bool {
        self.spent += 1;
        self.spent >= COOP_BUDGET
    }

    /// Yields to other tasks, and begins a new budget and a new wake-up.
    pub(super) fn yield_worker(&mut self, counters: &Counters) -> impl Future<Output = ()> + Send {
        self.pause(counters);
        self.registered = false;
        self.spent = 0;
        let now = Moment::now();
        if self.rested == Some(Moment::NEVER) && !has_workers() {
            self.rested = None;
        }
        let requeues = self.rested.is_some_and(|rested| now.since(rested) < REST);
        if !requeues {
            self.rested = self.rested.map(|_| now);
        }
        async move {
            match requeues {
                true => requeue().await,
                false => tokio::task::yield_now().await,
            }
            self.resume(false);
            self.polls_timers = true;
        }
    }
}

/// Returns true if other workers can steal tasks.
fn has_workers() -> bool {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    matches!(flavor, Ok(RuntimeFlavor::MultiThread))
}

/// Puts the task at the back of the run queue, where idle workers can steal it. Other than
/// [`tokio::task::yield_now`], it does not poll timers and I/O first, so a task that calls it again and
/// again lets them run late. Cancel safe.
pub fn requeue() -> impl Future<Output = ()> + Send {
    let mut requeued = false;
    poll_fn(move |task| {
        if std::mem::replace(&mut requeued, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
}
