//! Quantiles of times, in little memory, because every component has them.

use std::ops::RangeInclusive;

/// Steps in each power of two, so that quantiles are exact to one part in 128.
const STEPS: u64 = 128;

/// Steps in a block.
const BLOCK_STEPS: usize = 16;

/// The number of values in each step. Only blocks with values take memory: one block for a single
/// message, up to a few hundred for widely scattered times.
#[derive(Clone, Debug, Default)]
pub(super) struct Quantiles {
    /// Sorted by number.
    blocks: Vec<Block>,
    count: u64,
}

#[derive(Clone, Debug)]
struct Block {
    number: u16,
    counts: [u64; BLOCK_STEPS],
}

impl Quantiles {
    /// Records a value `count` times.
    pub(super) fn record(&mut self, count: u64, value: u64) {
        if count == 0 {
            return;
        }
        let step = step_of(value);
        let steps = &mut self.block((step / BLOCK_STEPS) as u16).counts[step % BLOCK_STEPS];
        *steps = steps.saturating_add(count);
        self.count = self.count.saturating_add(count);
    }

    fn block(&mut self, number: u16) -> &mut Block {
        let at = match self.blocks.binary_search_by_key(&number, |block| block.number) {
            Ok(at) => at,
            Err(at) => {
                self.blocks.reserve_exact(1);
                self.blocks.insert(at, Block { number, counts: [0; BLOCK_STEPS] });
                at
            }
        };
        &mut self.blocks[at]
    }

    /// Adds the values of another.
    pub(super) fn merge(&mut self, other: &Quantiles) {
        for Block { number, counts } in &other.blocks {
            let own = &mut self.block(*number).counts;
            own.iter_mut().zip(counts).for_each(|(own, other)| *own = own.saturating_add(*other));
        }
        self.count = self.count.saturating_add(other.count);
    }

    /// Returns the number of values.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the values that are recorded in the same step as `value`.
    pub(super) fn same_as(value: u64) -> RangeInclusive<u64> {
        let step = step_of(value);
        step.checked_sub(1).map_or(0, |before| largest_of(before) + 1)..=largest_of(step)
    }

    /// Returns the largest value of the step within which this part of all values lies. Returns `None`
    /// if there are no values.
    pub(super) fn at(&self, part: f64) -> Option<u64> {
        let enough = ((self.count as f64 * part).ceil() as u64).max(1);
        let mut seen = 0_u64;
        let steps = self.blocks.iter().flat_map(|block| {
            let first = usize::from(block.number) * BLOCK_STEPS;
            block.counts.iter().enumerate().map(move |(step, count)| (first + step, *count))
        });
        let mut last = None;
        for (step, count) in steps.filter(|(_, count)| *count > 0) {
            seen = seen.saturating_add(count);
            last = Some(step);
            if seen >= enough {
                break;
            }
        }
        last.map(largest_of)
    }
}

/// Returns the step of a value. Below two times [`STEPS`], each value is a step of its own. Above, each
/// power of two has [`STEPS`] steps.
fn step_of(value: u64) -> usize {
    let shift = shift_of(value);
    (u64::from(shift) * STEPS + (value >> shift)) as usize
}

/// Returns the largest value of a step.
fn largest_of(step: usize) -> u64 {
    let step = step as u64;
    let shift = (step / STEPS).saturating_sub(1);
    let begin = step - shift * STEPS;
    (begin << shift) + ((1 << shift) - 1)
}

/// Returns the number of low bits to drop, so that a number from [`STEPS`] to twice that remains.
fn shift_of(value: u64) -> u32 {
    (u64::BITS - value.leading_zeros()).saturating_sub(STEPS.trailing_zeros() + 1)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn value_is_within_its_step_and_steps_are_contiguous() {
        let edges = (0..u64::BITS).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        for value in edges.chain(0..1_000).chain([u64::MAX - 1, u64::MAX]) {
            let largest = largest_of(step_of(value));
            assert!(value <= largest && largest - value <= value / STEPS, "{value}: {largest}");
            assert_eq!(step_of(largest), step_of(value));
            assert!(Quantiles::same_as(value).contains(&value));
            assert_eq!(Quantiles::same_as(value), Quantiles::same_as(largest));
            assert!(largest == u64::MAX || step_of(largest + 1) == step_of(value) + 1, "{value}");
        }
    }

    #[test]
    fn equal_values_take_one_block() {
        let mut quantiles = Quantiles::default();
        quantiles.record(0, 1);
        assert_eq!((quantiles.blocks.capacity(), quantiles.at(0.5)), (0, None));
        quantiles.record(1_000, 7_000);
        assert_eq!(quantiles.blocks.capacity(), 1);
    }

    proptest! {
        #[test]
        fn quantiles_equal_those_of_a_histogram_of_two_digits(
            values in prop::collection::vec((0_u64..50, 0_u64..20_000_000_000), 1..200),
        ) {
            let mut quantiles = Quantiles::default();
            let mut reference = Histogram::<u64>::new(2).unwrap();
            for (count, value) in values {
                quantiles.record(count, value);
                reference.record_n(value, count).unwrap();
            }
            for part in [0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0] {
                let expected = (!reference.is_empty()).then(|| reference.value_at_quantile(part));
                prop_assert_eq!(quantiles.at(part), expected, "{}", part);
            }
        }
    }
}
