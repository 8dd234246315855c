//! The load that an instance puts on the workers.
//!
//! An instance is busy if it has taken more than its share of a processor over some time, whatever the number
//! and the length of its messages. A busy instance goes on on threads of lower priority
//! ([`background`](crate::guest::background)). The measure is GCRA, with time on a worker as its cells.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The part of a processor that an instance may take without being busy: one in so many.
const SHARE_ONE_IN: u64 = 16;

/// The time that a quiet instance may take at once without being busy.
const BURST: Duration = Duration::from_millis(2);

/// The time that counts at most for one start. A start can wait.
pub(crate) const START_AT_MOST: Duration = Duration::from_millis(1);

/// The time that counts for a failure, in which the guest's state is dropped.
pub(crate) const FAILURE: Duration = Duration::from_micros(100);

/// The time for which an instance counts as busy while it has messages. With many busy instances, each gets
/// less than its share, and would return to the workers otherwise.
const STAY: Duration = Duration::from_secs(1);

/// The load of an instance, over all its incarnations.
#[derive(Debug)]
pub(crate) struct Load {
    created: Instant,
    /// The time at which all time that was taken is made up for, in nanoseconds since `created`.
    settled_ns: AtomicU64,
}

impl Load {
    pub(crate) fn new(created: Instant) -> Load {
        Load { created, settled_ns: AtomicU64::new(0) }
    }

    /// Counts time that the instance took on a worker until `now`. Returns the time until which it is busy, if
    /// it is. `has_more` tells whether messages wait for it.
    ///
    /// Called by the task of the instance only.
    pub(crate) fn took(
        &self,
        time: Duration,
        now: Instant,
        has_more: impl FnOnce() -> bool,
    ) -> Option<Instant> {
        let now_ns = nanoseconds(now.saturating_duration_since(self.created));
        let burst = nanoseconds(BURST) * SHARE_ONE_IN;
        let debt = self.settled_ns.load(Ordering::Relaxed).saturating_sub(now_ns);
        // Bounded, so that the instance is not busy for long after its last message.
        let debt = debt.saturating_add(nanoseconds(time).saturating_mul(SHARE_ONE_IN)).min(2 * burst);
        self.settled_ns.store(now_ns + debt, Ordering::Relaxed);
        (debt > burst).then(|| now + if has_more() { STAY } else { Duration::from_nanos(debt) })
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn instance_is_busy_after_more_than_a_burst_and_until_that_is_made_up_for() {
        let start = Instant::now();
        let load = Load::new(start);
        assert_eq!(load.took(BURST, start, || false), None);
        assert_eq!(load.took(MILLISECOND, start, || false), Some(start + 48 * MILLISECOND));
        let made_up = start + 48 * MILLISECOND;
        assert_eq!(load.took(BURST, made_up, || false), None);
    }

    #[test]
    fn instance_within_its_share_is_never_busy() {
        let start = Instant::now();
        let load = Load::new(start);
        for number in 0..1_000 {
            assert_eq!(load.took(MILLISECOND / 4, start + number * 4 * MILLISECOND, || true), None);
        }
    }

    #[test]
    fn short_and_long_messages_make_busy_alike() {
        for each in [10, 100, 1_000].map(Duration::from_micros) {
            let start = Instant::now();
            let load = Load::new(start);
            let mut taken = Duration::ZERO;
            while load.took(each, start + taken, || false).is_none() {
                taken += each;
            }
            assert!((2 * MILLISECOND..4 * MILLISECOND).contains(&(taken + each)), "{taken:?}");
        }
    }

    #[test]
    fn busy_instance_stays_so_while_it_has_messages_and_not_long_after_the_last() {
        let start = Instant::now();
        let load = Load::new(start);
        assert_eq!(load.took(Duration::from_secs(10), start, || true), Some(start + STAY));
        let last = load.took(MILLISECOND, start, || false);
        assert_eq!(last, Some(start + 2 * SHARE_ONE_IN as u32 * BURST));
    }
}
