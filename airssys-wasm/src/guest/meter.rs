//! The execution time of a guest, measured against its limit.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Measures the execution time of a message. Only stretches in which the guest runs count. A stretch
/// ends when the guest returns, or when its call is suspended to wait for the host.
#[derive(Debug)]
pub(crate) struct Meter {
    created: Instant,
    limit: Duration,
    /// The nanoseconds of the message's earlier stretches.
    spent_ns: AtomicU64,
    /// The start of the present stretch, in nanoseconds since `created`.
    resumed_ns: AtomicU64,
}

impl Meter {
    pub(crate) fn new(limit: Duration) -> Arc<Meter> {
        let zero = || AtomicU64::new(0);
        Arc::new(Meter { created: Instant::now(), limit, spent_ns: zero(), resumed_ns: zero() })
    }

    /// Begins a new message, which gets the whole limit.
    pub(crate) fn reset(&self) {
        self.spent_ns.store(0, Ordering::Relaxed);
    }

    /// Begins a new message within a stretch. It gets the whole limit.
    pub(crate) fn restart(&self) {
        self.resumed_ns.store(self.now_ns(), Ordering::Relaxed);
        self.reset();
    }

    /// Returns the limit on the execution time of a message.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns the execution time that is left. Called between stretches.
    pub(crate) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed)))
    }

    /// Returns the execution time that is left, or `None` if it is used up. Called within a stretch.
    pub(crate) fn left(&self) -> Option<Duration> {
        let stretch = self.now_ns().saturating_sub(self.resumed_ns.load(Ordering::Relaxed));
        let spent = Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed) + stretch);
        self.limit.checked_sub(spent).filter(|left| !left.is_zero())
    }

    /// Runs the guest as one stretch.
    pub(crate) fn stretch<R>(&self, body: impl FnOnce() -> R) -> R {
        self.stretch_from(Instant::now(), body).0
    }

    /// Runs the guest as one stretch that began at `began`. Also returns the time at its end.
    pub(crate) fn stretch_from<R>(&self, began: Instant, body: impl FnOnce() -> R) -> (R, Instant) {
        self.resumed_ns.store(self.ns_at(began), Ordering::Relaxed);
        let result = body();
        let returned = Instant::now();
        // Later than `began` by the length of the pauses.
        let resumed = self.resumed_ns.load(Ordering::Relaxed);
        self.spent_ns.fetch_add(self.ns_at(returned).saturating_sub(resumed), Ordering::Relaxed);
        (result, returned)
    }

    /// Runs host code within a stretch without counting its time. For work that can be held up, such
    /// as writing to the log.
    pub(crate) fn pause<R>(&self, body: impl FnOnce() -> R) -> R {
        let began = self.now_ns();
        let result = body();
        self.resumed_ns.fetch_add(self.now_ns() - began, Ordering::Relaxed);
        result
    }

    /// Runs a guest whose call can be suspended. Each poll is a stretch.
    pub(crate) fn metered<F: Future>(self: &Arc<Meter>, call: F) -> Metered<F> {
        Metered { meter: Arc::clone(self), call: Box::pin(call) }
    }

    fn now_ns(&self) -> u64 {
        self.ns_at(Instant::now())
    }

    fn ns_at(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.created).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A call into a guest that can be suspended, with its execution time counted.
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
