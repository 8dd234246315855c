//! Handling times of messages: in the guest, waiting for others, and waiting in the mailbox.

mod distribution;
mod quantiles;

use std::ops::Add;
use std::time::Duration;

use distribution::Distribution;
pub use distribution::{BUCKET_BOUNDS_NS, TimeBucket, TimeHistogram};

/// The time from the begin to the end of a message's handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Took {
    pub(crate) total: Duration,
    /// The part in which the guest ran.
    pub(crate) guest: Duration,
}

impl Took {
    /// Returns the time of each message, if so many had the same.
    pub(crate) fn share(self, messages: u32) -> Took {
        Took { total: self.total / messages.max(1), guest: self.guest / messages.max(1) }
    }
}

impl Add for Took {
    type Output = Took;

    fn add(self, other: Took) -> Took {
        Took { total: self.total + other.total, guest: self.guest + other.guest }
    }
}

/// The handling times of a component's messages.
///
/// The total time of most messages is their time in the guest, so these are recorded once.
#[derive(Debug, Default)]
pub(crate) struct HandlingTimes {
    /// The times of messages whose handler waited for nothing.
    without_waits: Distribution,
    /// The times of messages whose handler waited.
    with_waits: Option<Box<WithWaits>>,
    mailbox: Distribution,
}

#[derive(Debug, Default)]
struct WithWaits {
    total: Distribution,
    guest: Distribution,
    waits: Distribution,
}

/// The handling times of a component's messages, each as a distribution.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct HandlingStats {
    /// From the delivery to the completion: `guest` and `waits` together.
    pub total: TimeHistogram,
    /// In the guest, on a processor. For a native actor, the same as `total`.
    pub guest: TimeHistogram,
    /// Waiting for others while it was handled: for replies, timers, the host or a free processor.
    pub waits: TimeHistogram,
    /// Waiting in the mailbox, from the acceptance to the last delivery.
    pub mailbox: TimeHistogram,
}

impl HandlingTimes {
    /// Records messages that took this time each.
    pub(crate) fn took(&mut self, messages: u64, took: Took) {
        let waits = took.total.saturating_sub(took.guest);
        if waits.is_zero() {
            return self.without_waits.record(messages, took.total);
        }
        let times = self.with_waits.get_or_insert_default();
        times.total.record(messages, took.total);
        times.guest.record(messages, took.guest);
        times.waits.record(messages, waits);
    }

    /// Records the time that each of these messages waited in the mailbox.
    pub(crate) fn waited(&mut self, times: impl Iterator<Item = Duration>) {
        self.mailbox.record_each(times);
    }

    /// Returns a copy for a snapshot.
    pub(crate) fn stats(&self) -> HandlingStats {
        let mailbox = self.mailbox.histogram();
        let without = &self.without_waits;
        let mut at_once = Distribution::default();
        at_once.record(without.count(), Duration::ZERO);
        let Some(with) = &self.with_waits else {
            let total = without.histogram();
            return HandlingStats { guest: total.clone(), total, waits: at_once.histogram(), mailbox };
        };
        HandlingStats {
            total: without.merged(&with.total).histogram(),
            guest: without.merged(&with.guest).histogram(),
            waits: at_once.merged(&with.waits).histogram(),
            mailbox,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(total: u64, guest: u64) -> Took {
        Took { total: Duration::from_micros(total), guest: Duration::from_micros(guest) }
    }

    #[test]
    fn times_in_the_guest_and_of_waits_add_up_to_the_total() {
        let mut times = HandlingTimes::default();
        assert_eq!(times.stats(), HandlingStats::default());
        times.took(3, micros(7, 7));
        let HandlingStats { total, guest, waits, .. } = times.stats();
        assert_eq!((total.count(), total.sum_ns, &total), (3, 21_000, &guest));
        assert_eq!((waits.count(), waits.sum_ns, waits.p99_ns), (3, 0, Some(0)));
        times.took(1, micros(900, 20));
        let HandlingStats { total, guest, waits, .. } = times.stats();
        assert_eq!([total.count(), guest.count(), waits.count()], [4; 3]);
        assert_eq!([total.sum_ns, guest.sum_ns, waits.sum_ns], [921_000, 41_000, 880_000]);
        assert_eq!((waits.p50_ns, guest.buckets.len(), total.buckets.len()), (Some(0), 2, 2));
    }

    #[test]
    fn time_in_the_mailbox_is_a_time_of_its_own() {
        let mut times = HandlingTimes::default();
        times.waited([4, 5, 6_000].map(Duration::from_micros).into_iter());
        let stats = times.stats();
        assert_eq!((stats.mailbox.count(), stats.mailbox.sum_ns, stats.total.count()), (3, 6_009_000, 0));
    }
}
