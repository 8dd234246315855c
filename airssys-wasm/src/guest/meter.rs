//! The execution time of a guest, measured against its limit.
//!
//! The execution time is the guest's time on a processor. Time in which the process is stopped, the
//! machine is suspended or other threads have the processor does not count.
//!
//! The processor time of a thread costs a system call, which would double the cost of a short call of
//! the guest. So a stretch begins with the clock of the machine, and counts at most [`UNCHECKED`] or
//! half the limit by it. A message that runs longer is measured exactly from its first epoch check on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::guest::long_stretches::{LONG, LongStretches, Watch};
use crate::observe::handling_times::Took;

/// The interval of the epoch, at which a running guest can be interrupted. Limits on execution time
/// are exact to one tick.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(1);

/// The most time of a stretch that counts before its first epoch check. The check comes after a tick,
/// so a stretch that seems longer was interrupted. A short limit counts half of itself at most, because
/// an interruption alone must not use it up.
const UNCHECKED: Duration = Duration::from_nanos(2 * EPOCH_TICK.as_nanos() as u64);

/// The processor time of a stretch that began by the clock of the machine.
const UNKNOWN: u64 = u64::MAX;

/// A point in time, with the execution time of all messages before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    in_guest: Duration,
}

impl Moment {
    /// Returns the time that has passed since an earlier moment.
    pub(crate) fn since(self, earlier: Moment) -> Took {
        let total = self.at.saturating_duration_since(earlier.at);
        Took { total, guest: self.in_guest.saturating_sub(earlier.in_guest).min(total) }
    }

    /// Returns the execution time of all messages before it.
    pub(crate) fn in_guest(self) -> Duration {
        self.in_guest
    }

    /// Returns the moment before so much time had passed.
    pub(crate) fn before(self, took: Took) -> Moment {
        let at = self.at.checked_sub(took.total).unwrap_or(self.at);
        Moment { at, in_guest: self.in_guest.saturating_sub(took.guest) }
    }
}

/// Measures the execution time of a message. Only stretches in which the guest runs count. A stretch
/// ends when the guest returns, or when its call is suspended to wait for the host.
#[derive(Debug)]
pub(crate) struct Meter {
    created: Instant,
    limit: Duration,
    /// The execution time of all messages, in nanoseconds.
    total_ns: AtomicU64,
    /// The total at the beginning of the present message.
    began_ns: AtomicU64,
    /// The time up to which the present stretch is counted, in nanoseconds since `created`.
    counted_ns: AtomicU64,
    /// The thread's processor time up to which the present stretch is counted, or [`UNKNOWN`].
    processor_ns: AtomicU64,
    /// True once the present message has run for so long that its processor time is read.
    is_exact: AtomicBool,
    is_paused: AtomicBool,
    /// True if the present call had a stretch on its processor that was long without a check.
    was_long: AtomicBool,
    long_stretches: Arc<LongStretches>,
}

impl Meter {
    pub(crate) fn new(limit: Duration, long_stretches: Arc<LongStretches>) -> Arc<Meter> {
        let zero = || AtomicU64::new(0);
        Arc::new(Meter {
            created: Instant::now(),
            limit,
            total_ns: zero(),
            began_ns: zero(),
            counted_ns: zero(),
            processor_ns: AtomicU64::new(UNKNOWN),
            is_exact: AtomicBool::new(false),
            is_paused: AtomicBool::new(false),
            was_long: AtomicBool::new(false),
            long_stretches,
        })
    }

    /// Begins a new message, which gets the whole limit.
    pub(crate) fn reset(&self) {
        self.began_ns.store(self.total_ns.load(Ordering::Relaxed), Ordering::Relaxed);
        self.is_exact.store(false, Ordering::Relaxed);
    }

    /// Begins a new message at an epoch check. It gets the whole limit.
    pub(crate) fn restart(&self) {
        self.began_ns.store(self.total_ns.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Notes that the present call runs long, and has handed over its worker for the first time.
    pub(crate) fn ran_long(&self) {
        self.long_stretches.ran_long();
    }

    /// Begins a call. Returns the measures for it.
    pub(crate) fn begin_call(&self) -> Watch {
        let watch = self.long_stretches.watch();
        if watch.is_exact {
            self.is_exact.store(true, Ordering::Relaxed);
            self.was_long.store(false, Ordering::Relaxed);
        }
        watch
    }

    /// Returns true if the call that has returned had used up the limit where nothing could interrupt it.
    pub(crate) fn has_overrun(&self) -> bool {
        self.was_long.load(Ordering::Relaxed) && self.left().is_none()
    }

    /// Returns the limit on the execution time of a message.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Returns a moment at which the guest does not run, or which was checked.
    pub(crate) fn moment(&self, at: Instant) -> Moment {
        Moment { at, in_guest: Duration::from_nanos(self.total_ns.load(Ordering::Relaxed)) }
    }

    /// Returns the present moment. Called within a stretch.
    pub(crate) fn now(&self) -> Moment {
        let now = Instant::now();
        self.count(now);
        self.moment(now)
    }

    /// Returns the execution time that is left, or `None` if it is used up.
    pub(crate) fn left(&self) -> Option<Duration> {
        let spent = self.total_ns.load(Ordering::Relaxed) - self.began_ns.load(Ordering::Relaxed);
        self.limit.checked_sub(Duration::from_nanos(spent)).filter(|left| !left.is_zero())
    }

    /// Counts the present stretch up to `now`. From here on it is measured by its processor time.
    pub(crate) fn check(&self, now: Instant) {
        self.count(now);
        self.is_exact.store(true, Ordering::Relaxed);
        if self.processor_ns.load(Ordering::Relaxed) == UNKNOWN {
            self.processor_ns.store(processor_ns(), Ordering::Relaxed);
        }
    }

    /// Runs the guest as one stretch.
    pub(crate) fn stretch<R>(&self, body: impl FnOnce() -> R) -> R {
        self.stretch_from(Instant::now(), body).0
    }

    /// Runs the guest as one stretch that began at `began`. Also returns the time at its end.
    pub(crate) fn stretch_from<R>(&self, began: Instant, body: impl FnOnce() -> R) -> (R, Instant) {
        self.resume(began);
        let result = body();
        let returned = Instant::now();
        self.count(returned);
        (result, returned)
    }

    /// Runs host code within a stretch without counting its time: a call that a service counts, and handing
    /// over the worker. A pause within a pause has no effect of its own.
    pub(crate) fn pause<R>(&self, body: impl FnOnce() -> R) -> R {
        if self.is_paused.swap(true, Ordering::Relaxed) {
            return body();
        }
        self.count(Instant::now());
        let result = body();
        self.resume(Instant::now());
        self.is_paused.store(false, Ordering::Relaxed);
        result
    }

    /// Runs a guest whose call can be suspended. Each poll is a stretch.
    pub(crate) fn metered<F: Future>(self: &Arc<Meter>, call: F) -> Metered<F> {
        Metered { meter: Arc::clone(self), call: Box::pin(call) }
    }

    /// Lets the guest run from `now` on.
    fn resume(&self, now: Instant) {
        self.counted_ns.store(self.ns_at(now), Ordering::Relaxed);
        let processor = if self.is_exact.load(Ordering::Relaxed) { processor_ns() } else { UNKNOWN };
        self.processor_ns.store(processor, Ordering::Relaxed);
    }

    /// Counts the time of the present stretch up to `now`.
    fn count(&self, now: Instant) {
        let (now_ns, began) = (self.ns_at(now), self.processor_ns.load(Ordering::Relaxed));
        let ran = if began == UNKNOWN {
            let ran = now_ns.saturating_sub(self.counted_ns.load(Ordering::Relaxed));
            let most = nanoseconds(UNCHECKED.min(self.limit / 2));
            // The message was interrupted, or is in a long call of the host.
            if ran > most {
                self.is_exact.store(true, Ordering::Relaxed);
                if ran > nanoseconds(LONG) {
                    self.long_stretches.suspect();
                }
            }
            ran.min(most)
        } else {
            let processor = processor_ns();
            self.processor_ns.store(processor, Ordering::Relaxed);
            let ran = processor.saturating_sub(began);
            if ran > nanoseconds(LONG) {
                self.was_long.store(true, Ordering::Relaxed);
                self.long_stretches.found();
            }
            ran
        };
        self.counted_ns.store(now_ns, Ordering::Relaxed);
        self.total_ns.store(self.total_ns.load(Ordering::Relaxed) + ran, Ordering::Relaxed);
    }

    fn ns_at(&self, time: Instant) -> u64 {
        nanoseconds(time.saturating_duration_since(self.created))
    }
}

/// Returns the time for which this thread has had a processor, in nanoseconds.
fn processor_ns() -> u64 {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).map_or(0, nanoseconds)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
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

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::thread::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);

    /// Returns the execution time of all messages.
    fn total(meter: &Meter) -> Duration {
        meter.moment(Instant::now()).in_guest
    }

    /// Keeps the processor for this time.
    fn work(time: Duration) {
        let until = processor_ns() + nanoseconds(time);
        while processor_ns() < until {
            black_box(());
        }
    }

    #[test]
    fn time_without_a_processor_counts_up_to_the_first_check_at_most() {
        let meter = Meter::new(LIMIT, Arc::default());
        meter.stretch(|| sleep(2 * LIMIT));
        assert_eq!(total(&meter), UNCHECKED);
        meter.stretch(|| sleep(2 * LIMIT));
        assert!(meter.left().is_some(), "a later stretch of a long message counts exactly");
        meter.stretch(|| {
            meter.check(Instant::now());
            sleep(2 * LIMIT);
            meter.check(Instant::now());
        });
        assert!(meter.left().is_some());
    }

    #[test]
    fn interruption_before_the_first_check_never_uses_up_a_short_limit() {
        for limit in [1, 2, 3].map(Duration::from_millis) {
            let meter = Meter::new(limit, Arc::default());
            meter.stretch(|| {
                sleep(Duration::from_millis(50));
                meter.check(Instant::now());
                assert!(meter.left().is_some(), "{limit:?}");
            });
        }
    }

    #[test]
    fn time_on_a_processor_is_used_up_in_one_stretch_or_in_many() {
        let meter = Meter::new(LIMIT, Arc::default());
        meter.stretch(|| {
            meter.check(Instant::now());
            work(LIMIT);
        });
        assert_eq!(meter.left(), None);
        meter.reset();
        assert_eq!(meter.left(), Some(LIMIT));
        for _ in 0..5 {
            meter.stretch(|| work(LIMIT / 4));
        }
        assert_eq!(meter.left(), None, "stretches without a check count, too");
    }

    #[test]
    fn pause_counts_for_nothing_before_and_after_a_check() {
        let meter = Meter::new(LIMIT, Arc::default());
        meter.stretch(|| {
            for _ in 0..2 {
                let before = total(&meter);
                meter.pause(|| meter.pause(|| work(2 * LIMIT)));
                assert!(total(&meter) - before < LIMIT);
                meter.check(Instant::now());
            }
        });
        assert!(meter.left().is_some());
    }

    #[test]
    fn moments_tell_time_in_the_guest_from_waits() {
        let meter = Meter::new(LIMIT, Arc::default());
        let began = meter.moment(Instant::now());
        let (_, returned) = meter.stretch_from(began.at, || {});
        let took = meter.moment(returned).since(began);
        assert!(took.total > Duration::ZERO);
        assert_eq!(took.guest, took.total.min(UNCHECKED));
        sleep(LIMIT);
        let later = meter.moment(Instant::now()).since(began);
        assert_eq!(later.guest, took.guest);
        assert!(later.total >= LIMIT);
    }

    #[test]
    fn message_that_begins_at_a_check_gets_the_whole_limit() {
        let meter = Meter::new(LIMIT, Arc::default());
        meter.stretch(|| {
            meter.check(Instant::now());
            work(LIMIT);
            meter.check(Instant::now());
            assert_eq!(meter.left(), None);
            meter.restart();
            assert_eq!(meter.left(), Some(LIMIT));
        });
    }
}
