//! Time in the guest: the clock behind the limit on execution time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Counts the time that a guest spends on one message. Time in which its call is suspended,
/// waiting for the host, does not count.
#[derive(Debug)]
pub(crate) struct Meter {
    born: Instant,
    limit: Duration,
    /// Nanoseconds spent in the message's earlier stretches.
    spent_ns: AtomicU64,
    /// When the present stretch began, in nanoseconds since `born`.
    resumed_ns: AtomicU64,
}

impl Meter {
    pub(crate) fn new(limit: Duration) -> Arc<Meter> {
        let zero = || AtomicU64::new(0);
        Arc::new(Meter { born: Instant::now(), limit, spent_ns: zero(), resumed_ns: zero() })
    }

    /// Begins a new message with the whole of the limit.
    pub(crate) fn reset(&self) {
        self.spent_ns.store(0, Ordering::Relaxed);
    }

    /// Begins a new message in the middle of a stretch, with the whole of the limit.
    pub(crate) fn restart(&self) {
        self.resumed_ns.store(self.now_ns(), Ordering::Relaxed);
        self.reset();
    }

    /// The most that one message may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// What is left of the limit, seen from outside of a stretch.
    pub(crate) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed)))
    }

    /// What is left of the limit, seen from inside the guest; none when it is used up.
    pub(crate) fn left(&self) -> Option<Duration> {
        let stretch = self.now_ns().saturating_sub(self.resumed_ns.load(Ordering::Relaxed));
        let spent = Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed) + stretch);
        self.limit.checked_sub(spent).filter(|left| !left.is_zero())
    }

    /// Runs the guest without suspension, from now on, and counts its time.
    pub(crate) fn stretch<R>(&self, run: impl FnOnce() -> R) -> R {
        self.stretch_from(Instant::now(), run).0
    }

    /// The same from a time that has just been looked at; also gives the time when it returned.
    pub(crate) fn stretch_from<R>(&self, began: Instant, run: impl FnOnce() -> R) -> (R, Instant) {
        self.resumed_ns.store(self.ns_at(began), Ordering::Relaxed);
        let result = run();
        let returned = Instant::now();
        // Later than it began, if there were pauses.
        let resumed = self.resumed_ns.load(Ordering::Relaxed);
        self.spent_ns.fetch_add(self.ns_at(returned).saturating_sub(resumed), Ordering::Relaxed);
        (result, returned)
    }

    /// Does something for the guest that can be held up, such as writing to the log: it is not the
    /// guest's time.
    pub(crate) fn pause<R>(&self, run: impl FnOnce() -> R) -> R {
        let began = self.now_ns();
        let result = run();
        self.resumed_ns.fetch_add(self.now_ns() - began, Ordering::Relaxed);
        result
    }

    /// Runs the guest with suspensions, and counts the time between them.
    pub(crate) fn metered<F: Future>(self: &Arc<Meter>, call: F) -> Metered<F> {
        Metered { meter: Arc::clone(self), call: Box::pin(call) }
    }

    fn now_ns(&self) -> u64 {
        self.ns_at(Instant::now())
    }

    fn ns_at(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.born).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A call into a guest whose time on the processor is counted.
pub(crate) struct Metered<F> {
    meter: Arc<Meter>,
    call: Pin<Box<F>>,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let meter = Arc::clone(&self.meter);
        meter.stretch(|| self.call.as_mut().poll(context))
    }
}
