//! The timers of an incarnation, and beside them its streams.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use airssys_core::ExitReason;
use futures_util::Stream;
use once_cell::race::OnceBox;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::guard::{discard, guard};
use crate::streams::Streams;
use crate::sync::{later, lock};

/// The number of a timer, which cancels it. No two timers of a process have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimerId {
    /// The actor's number among those that have set timers.
    owner: u64,
    number: u64,
}

/// The last number of an actor that has set timers. A counter of the process, because an actor can get
/// the numbers of another system's timers.
static LAST_OWNER: AtomicU64 = AtomicU64::new(0);

/// The timers and streams that are running. Most incarnations have none.
pub(crate) struct Timers<M>(OnceBox<Shared<M>>);

struct Shared<M> {
    owner: u64,
    /// True if there may be timers or streams.
    any: AtomicBool,
    running: Mutex<Running<M>>,
    /// Polled in turn with the timers.
    streams: Mutex<Streams<M>>,
    /// True if the last message was from a timer, so that streams are polled first.
    ticked: AtomicBool,
    /// The message that is due, or the reason of a failure to make it.
    due: Mutex<Option<Result<M, ExitReason>>>,
}

/// The result of a look at the timers and streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Message,
    /// A timer or a stream failed to make its message.
    Failure,
}

struct Running<M> {
    last: u64,
    by_time: BTreeMap<(Instant, u64), Timer<M>>,
    times: BTreeMap<u64, Instant>,
    /// The sleep until the first timer.
    sleep: Option<Pin<Box<Sleep>>>,
}

enum Timer<M> {
    Once(M),
    Every(Duration, Box<dyn FnMut() -> M + Send>),
}

impl<M> Default for Timers<M> {
    fn default() -> Self {
        Self(OnceBox::new())
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
        let shared = self.shared();
        let mut running = lock(&shared.running);
        running.last += 1;
        let number = running.last;
        running.insert(time, number, timer);
        shared.any.store(true, Ordering::Relaxed);
        TimerId { owner: shared.owner, number }
    }

    /// Cancels a timer; returns true if it was running here.
    pub(crate) fn cancel(&self, timer: TimerId) -> bool {
        let Some(shared) = self.0.get().filter(|shared| shared.owner == timer.owner) else { return false };
        let cancelled = {
            let mut running = lock(&shared.running);
            let Some(time) = running.times.remove(&timer.number) else { return false };
            let cancelled = running.by_time.remove(&(time, timer.number));
            shared.update(&running);
            cancelled
        };
        cancelled.is_some()
    }

    /// Delivers the items of a stream.
    pub(crate) fn attach(&self, stream: impl Stream<Item = M> + Send + 'static) {
        let shared = self.shared();
        lock(&shared.streams).push(Box::pin(stream));
        shared.any.store(true, Ordering::Relaxed);
    }

    fn shared(&self) -> &Shared<M> {
        self.0.get_or_init(|| {
            let owner = LAST_OWNER.fetch_add(1, Ordering::Relaxed) + 1;
            Box::new(Shared {
                owner,
                any: AtomicBool::new(false),
                running: Mutex::new(Running::default()),
                streams: Mutex::new(Streams::new()),
                ticked: AtomicBool::new(false),
                due: Mutex::new(None),
            })
        })
    }

    /// Ends all timers and streams. They are dropped, with their messages and closures, and the first
    /// panic in that is returned as the reason of a failure.
    pub(crate) fn end(&mut self) -> Result<(), ExitReason> {
        let Some(shared) = self.0.get() else { return Ok(()) };
        shared.any.store(false, Ordering::Relaxed);
        let timers = {
            let mut running = lock(&shared.running);
            // The next incarnation goes on counting, so that no number is used again.
            let next = Running { last: running.last, ..Running::default() };
            std::mem::replace(&mut *running, next).by_time
        };
        let due = lock(&shared.due).take();
        let streams = lock(&shared.streams).end();
        timers.into_values().map(discard).fold(discard(due), Result::and).and(streams)
    }

    /// Returns true if a timer or a stream is running.
    pub(crate) fn any(&self) -> bool {
        self.0.get().is_some_and(|shared| shared.any.load(Ordering::Relaxed))
    }

    /// Ready with a message of a timer that is due or of a stream, or a failure to make it, for
    /// [`take_due`](Self::take_due). Registers the task for the next otherwise.
    pub(crate) fn poll_due(&self, context: &mut Context<'_>) -> Poll<Due> {
        let Some(shared) = self.0.get().filter(|shared| shared.any.load(Ordering::Relaxed)) else {
            return Poll::Pending;
        };
        let made = ready!(shared.poll_due(context));
        let due = if made.is_ok() { Due::Message } else { Due::Failure };
        *lock(&shared.due) = Some(made);
        Poll::Ready(due)
    }

    /// Takes the message that is due, or the reason of a failure to make it.
    pub(crate) fn take_due(&self) -> Option<Result<M, ExitReason>> {
        lock(&self.0.get()?.due).take()
    }
}

impl<M> Drop for Timers<M> {
    fn drop(&mut self) {
        if let Err(reason) = self.end() {
            tracing::error!(%reason, "a timer panicked when it was dropped");
        }
    }
}

impl<M> Shared<M> {
    /// Polls the timers and the streams, in turns: a timer that is always due starves no stream.
    fn poll_due(&self, context: &mut Context<'_>) -> Poll<Result<M, ExitReason>> {
        let streams_first = self.ticked.swap(false, Ordering::Relaxed);
        if streams_first && let Poll::Ready(message) = self.poll_streams(context) {
            return Poll::Ready(message);
        }
        if let Poll::Ready(message) = self.poll_timers(context) {
            self.ticked.store(true, Ordering::Relaxed);
            return Poll::Ready(message);
        }
        if streams_first { Poll::Pending } else { self.poll_streams(context) }
    }

    fn poll_streams(&self, context: &mut Context<'_>) -> Poll<Result<M, ExitReason>> {
        let mut streams = lock(&self.streams);
        if streams.is_empty() {
            return Poll::Pending;
        }
        let polled = streams.poll_next(context);
        if streams.is_empty() {
            drop(streams);
            self.update(&lock(&self.running));
        }
        polled
    }

    /// Looks if there is still a timer or a stream.
    fn update(&self, running: &Running<M>) {
        let any = !running.by_time.is_empty() || !lock(&self.streams).is_empty();
        self.any.store(any, Ordering::Relaxed);
    }

    fn poll_timers(&self, context: &mut Context<'_>) -> Poll<Result<M, ExitReason>> {
        let Some((time, number, timer)) = self.pop_due(context) else { return Poll::Pending };
        let (period, mut make) = match timer {
            Timer::Once(message) => return Poll::Ready(Ok(message)),
            Timer::Every(period, make) => (period, make),
        };
        let message = match guard(&mut make) {
            Ok(message) => message,
            Err(reason) => {
                // The first failure counts.
                let _ = discard(make);
                return Poll::Ready(Err(reason));
            }
        };
        // Missed messages are not delivered later.
        let (next, now) = (later(time, period), Instant::now());
        let next = if next > now { next } else { later(now, period) };
        lock(&self.running).insert(next, number, Timer::Every(period, make));
        self.any.store(true, Ordering::Relaxed);
        Poll::Ready(Ok(message))
    }

    /// Takes the first timer, if it is due. Registers the task for it otherwise.
    fn pop_due(&self, context: &mut Context<'_>) -> Option<(Instant, u64, Timer<M>)> {
        let mut running = lock(&self.running);
        let running = &mut *running;
        let (&(time, number), _) = running.by_time.first_key_value()?;
        let sleep = running.sleep.get_or_insert_with(|| Box::pin(sleep_until(time)));
        if sleep.deadline() != time {
            sleep.as_mut().reset(time);
        }
        if sleep.as_mut().poll(context).is_pending() {
            return None;
        }
        let (_, timer) = running.by_time.pop_first()?;
        running.times.remove(&number);
        self.update(running);
        Some((time, number, timer))
    }
}

impl<M> Running<M> {
    fn insert(&mut self, time: Instant, number: u64, timer: Timer<M>) {
        self.by_time.insert((time, number), timer);
        self.times.insert(number, time);
    }
}

impl<M> Default for Running<M> {
    fn default() -> Self {
        Self { last: 0, by_time: BTreeMap::new(), times: BTreeMap::new(), sleep: None }
    }
}
