//! Handling times of messages: quantiles, and a histogram with fixed bounds.

mod quantiles;

use std::time::Duration;

use quantiles::Quantiles;

/// The upper bounds of the buckets, in nanoseconds: 1, 2.5 and 5 times each power of ten, from a
/// microsecond to ten seconds. The last bucket holds longer times and has no bound.
pub const BUCKET_BOUNDS_NS: [u64; 22] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// The number of buckets.
const BUCKETS: usize = BUCKET_BOUNDS_NS.len() + 1;

/// The handling times of a component's messages.
#[derive(Debug, Default)]
pub(crate) struct HandlingTimes {
    quantiles: Quantiles,
    buckets: [u64; BUCKETS],
    sum_ns: u64,
}

/// A histogram of handling times.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct HandlingHistogram {
    /// The number of messages in each bucket. A message is in the first bucket whose bound in
    /// [`BUCKET_BOUNDS_NS`] its time does not exceed, or in the last bucket.
    pub buckets: Vec<u64>,
    /// The sum of all times, in nanoseconds.
    pub sum_ns: u64,
}

impl HandlingHistogram {
    /// Returns the number of messages.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl HandlingTimes {
    /// Records messages that took this time each.
    pub(crate) fn record(&mut self, messages: u64, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.quantiles.record(messages, nanoseconds);
        self.buckets[BUCKET_BOUNDS_NS.partition_point(|bound| *bound < nanoseconds)] += messages;
        self.sum_ns = self.sum_ns.saturating_add(nanoseconds.saturating_mul(messages));
    }

    /// Returns the time within which this part of the messages was handled, in nanoseconds. Returns
    /// `None` if no message was handled.
    pub(crate) fn quantile(&self, part: f64) -> Option<u64> {
        self.quantiles.at(part)
    }

    pub(crate) fn histogram(&self) -> HandlingHistogram {
        HandlingHistogram { buckets: self.buckets.to_vec(), sum_ns: self.sum_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let mut times = HandlingTimes::default();
        for nanoseconds in [0, 1_000, 1_001, 2_500, 10_000_000_000, 10_000_000_001, u64::MAX / 2] {
            times.record(1, Duration::from_nanos(nanoseconds));
        }
        let histogram = times.histogram();
        assert_eq!(histogram.buckets[..3], [2, 2, 0]);
        assert_eq!(histogram.buckets[BUCKETS - 2..], [1, 2]);
        assert_eq!(histogram.count(), 7);
        assert_eq!(histogram.sum_ns, 4_501 + 20_000_000_001 + u64::MAX / 2);
    }

    #[test]
    fn bounds_grow() {
        assert!(BUCKET_BOUNDS_NS.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn quantile_is_none_before_the_first_message() {
        let mut times = HandlingTimes::default();
        assert_eq!(times.quantile(0.99), None);
        times.record(3, Duration::from_micros(7));
        assert_eq!((times.histogram().count(), times.histogram().sum_ns), (3, 21_000));
        let median = times.quantile(0.5).unwrap();
        assert!((7_000..7_071).contains(&median), "{median}");
    }
}
