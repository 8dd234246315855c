//! A distribution of times: quantiles, and a histogram with fixed bounds.

use std::time::Duration;

use super::quantiles::Quantiles;

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

/// A distribution of times.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct TimeHistogram {
    /// The time that half of the messages did not exceed, in nanoseconds; `None` without messages.
    pub p50_ns: Option<u64>,
    /// The time that 99 of 100 messages did not exceed, in nanoseconds; `None` without messages.
    pub p99_ns: Option<u64>,
    /// The sum of all times, in nanoseconds.
    pub sum_ns: u64,
    /// The buckets that are not empty, by ascending bounds.
    pub buckets: Vec<TimeBucket>,
}

/// The messages whose time lies between the bound before and this bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct TimeBucket {
    /// The longest time, in nanoseconds: one of [`BUCKET_BOUNDS_NS`], or `None` for longer times.
    pub up_to_ns: Option<u64>,
    /// The number of messages.
    pub messages: u64,
}

impl TimeHistogram {
    /// Returns the number of messages.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.messages).sum()
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Distribution {
    quantiles: Quantiles,
    buckets: [u64; BUCKETS],
    sum_ns: u64,
}

/// Neighbouring values that are recorded together.
struct Run {
    count: u64,
    first: u64,
    least: u64,
    most: u64,
}

impl Distribution {
    /// Records a time of so many messages.
    pub(super) fn record(&mut self, messages: u64, time: Duration) {
        let nanoseconds = nanoseconds(time);
        self.count_values(messages, nanoseconds);
        self.add(nanoseconds.saturating_mul(messages));
    }

    /// Records the times of messages. Times that follow each other and hardly differ cost little.
    pub(super) fn record_each(&mut self, times: impl Iterator<Item = Duration>) {
        let mut run = Run { count: 0, first: 0, least: 1, most: 0 };
        for time in times {
            let value = nanoseconds(time);
            self.add(value);
            if (run.least..=run.most).contains(&value) {
                run.count += 1;
                continue;
            }
            self.count_values(run.count, run.first);
            let (bucket, step) = (bucket_of(value), Quantiles::same_as(value));
            let above = bucket.checked_sub(1).map_or(0, |before| BUCKET_BOUNDS_NS[before] + 1);
            let bound = BUCKET_BOUNDS_NS.get(bucket).copied().unwrap_or(u64::MAX);
            run =
                Run { count: 1, first: value, least: above.max(*step.start()), most: bound.min(*step.end()) };
        }
        self.count_values(run.count, run.first);
    }

    /// Returns the number of messages.
    pub(super) fn count(&self) -> u64 {
        self.quantiles.count()
    }

    /// Returns the times of both.
    pub(super) fn merged(&self, other: &Distribution) -> Distribution {
        let mut merged = self.clone();
        merged.quantiles.merge(&other.quantiles);
        merged.buckets.iter_mut().zip(other.buckets).for_each(|(own, other)| *own += other);
        merged.add(other.sum_ns);
        merged
    }

    pub(super) fn histogram(&self) -> TimeHistogram {
        let bounds = BUCKET_BOUNDS_NS.into_iter().map(Some).chain([None]);
        let buckets = bounds.zip(self.buckets).filter(|(_, messages)| *messages > 0);
        TimeHistogram {
            p50_ns: self.quantiles.at(0.50),
            p99_ns: self.quantiles.at(0.99),
            sum_ns: self.sum_ns,
            buckets: buckets.map(|(up_to_ns, messages)| TimeBucket { up_to_ns, messages }).collect(),
        }
    }

    fn count_values(&mut self, count: u64, value: u64) {
        if count > 0 {
            self.quantiles.record(count, value);
            self.buckets[bucket_of(value)] += count;
        }
    }

    fn add(&mut self, nanoseconds: u64) {
        self.sum_ns = self.sum_ns.saturating_add(nanoseconds);
    }
}

/// Returns the index of the first bucket whose bound a time does not exceed, or of the last bucket.
fn bucket_of(nanoseconds: u64) -> usize {
    BUCKET_BOUNDS_NS.partition_point(|bound| *bound < nanoseconds)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Distribution {
        let mut times = Distribution::default();
        values.iter().for_each(|value| times.record(1, Duration::from_nanos(*value)));
        times
    }

    #[test]
    fn time_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let longest = u64::MAX / 2;
        let histogram = of(&[0, 1_000, 1_001, 2_500, 10_000_000_000, 10_000_000_001, longest]).histogram();
        let buckets: Vec<_> = histogram.buckets.iter().map(|one| (one.up_to_ns, one.messages)).collect();
        assert_eq!(buckets, [(Some(1_000), 2), (Some(2_500), 2), (Some(10_000_000_000), 1), (None, 2)]);
        assert_eq!((histogram.count(), histogram.sum_ns), (7, 4_501 + 20_000_000_001 + longest));
    }

    #[test]
    fn quantiles_are_absent_before_the_first_message() {
        assert_eq!(Distribution::default().histogram(), TimeHistogram::default());
        let median = of(&[7_000; 3]).histogram().p50_ns.unwrap();
        assert!((7_000..7_071).contains(&median), "{median}");
    }

    #[test]
    fn bounds_grow() {
        assert!(BUCKET_BOUNDS_NS.is_sorted_by(|one, next| one < next));
    }

    proptest! {
        #[test]
        fn times_recorded_together_or_merged_are_those_recorded_one_by_one(
            values in prop::collection::vec(
                prop_oneof![0_u64..3_000, 990_u64..1_010, 0_u64..20_000_000_000, Just(u64::MAX)],
                0..200,
            ),
            cut in 0_usize..200,
        ) {
            let expected = of(&values).histogram();
            let mut together = Distribution::default();
            together.record_each(values.iter().copied().map(Duration::from_nanos));
            prop_assert_eq!(&together.histogram(), &expected);
            prop_assert_eq!(together.count(), values.len() as u64);
            let (one, other) = values.split_at(cut.min(values.len()));
            prop_assert_eq!(of(one).merged(&of(other)).histogram(), expected);
        }
    }
}
