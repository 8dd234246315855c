//! Quantiles of times, in little memory: every instance has some.

/// Times that are told apart within a power of two: quantiles are exact to one part in 128.
const STEPS: u64 = 128;

/// Steps that are kept together.
const TOGETHER: usize = 16;

/// How many values lay within which step. Only blocks of steps that have some take memory, so a
/// component that has handled a message has one, and one whose times are all over the place up to a
/// few hundred.
#[derive(Debug, Default)]
pub(super) struct Quantiles {
    /// In order.
    blocks: Vec<Block>,
    count: u64,
}

#[derive(Debug)]
struct Block {
    number: u16,
    counts: [u64; TOGETHER],
}

impl Quantiles {
    /// So many had this value.
    pub(super) fn record(&mut self, count: u64, value: u64) {
        if count == 0 {
            return;
        }
        let step = step_of(value);
        let number = (step / TOGETHER) as u16;
        let at = match self.blocks.binary_search_by_key(&number, |block| block.number) {
            Ok(at) => at,
            Err(at) => {
                self.blocks.reserve_exact(1);
                self.blocks.insert(at, Block { number, counts: [0; TOGETHER] });
                at
            }
        };
        let steps = &mut self.blocks[at].counts[step % TOGETHER];
        *steps = steps.saturating_add(count);
        self.count = self.count.saturating_add(count);
    }

    /// The largest value of the step that this part of all values is within; none if there is none.
    pub(super) fn at(&self, part: f64) -> Option<u64> {
        let enough = ((self.count as f64 * part).ceil() as u64).max(1);
        let mut seen = 0_u64;
        let steps = self.blocks.iter().flat_map(|block| {
            let first = usize::from(block.number) * TOGETHER;
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

/// Below two times [`STEPS`] each value is a step of its own; from there on, each power of two has
/// [`STEPS`] of them.
fn step_of(value: u64) -> usize {
    let shift = shift_of(value);
    (u64::from(shift) * STEPS + (value >> shift)) as usize
}

/// The largest value of a step.
fn largest_of(step: usize) -> u64 {
    let step = step as u64;
    let shift = (step / STEPS).saturating_sub(1);
    let begin = step - shift * STEPS;
    (begin << shift) + ((1 << shift) - 1)
}

/// By how many bits a value is shortened, so that [`STEPS`] to twice that are left.
fn shift_of(value: u64) -> u32 {
    (u64::BITS - value.leading_zeros()).saturating_sub(STEPS.trailing_zeros() + 1)
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_within_its_step_and_steps_follow_one_another() {
        let edges = (0..u64::BITS).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        for value in edges.chain(0..1_000).chain([u64::MAX - 1, u64::MAX]) {
            let largest = largest_of(step_of(value));
            assert!(value <= largest && largest - value <= value / STEPS, "{value}: {largest}");
            assert_eq!(step_of(largest), step_of(value));
            assert!(largest == u64::MAX || step_of(largest + 1) == step_of(value) + 1, "{value}");
        }
    }

    #[test]
    fn one_value_takes_one_block() {
        let mut quantiles = Quantiles::default();
        quantiles.record(0, 1);
        assert_eq!((quantiles.blocks.capacity(), quantiles.at(0.5)), (0, None));
        quantiles.record(1_000, 7_000);
        assert_eq!(quantiles.blocks.capacity(), 1);
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_a_histogram_of_two_digits(
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
