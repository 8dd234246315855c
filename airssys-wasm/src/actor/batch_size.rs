//! The size of the batches that a guest gets.

use std::time::Duration;

/// The most messages of a batch.
pub(crate) use airssys_spec::manifest::MAX_BATCH_SIZE;

/// The intended time of a batch, because a stop, a callback and other components wait for its end. A call
/// costs less than a hundredth of it.
const TARGET_TIME: Duration = Duration::from_micros(200);

/// The single messages that are handled after a batch was split, before batches grow again.
const SINGLES_AFTER_SPLIT: u32 = 16;

/// The number of messages that a guest gets in its next batch. It doubles after each batch that is
/// handled as a whole, and falls to one when a batch is split.
#[derive(Debug)]
pub(crate) struct BatchSize {
    max: usize,
    current: usize,
    /// The single messages to handle before batches grow again.
    singles_left: u32,
}

impl BatchSize {
    pub(crate) fn up_to(max: usize) -> BatchSize {
        BatchSize { max: max.clamp(1, MAX_BATCH_SIZE), current: 1, singles_left: 0 }
    }

    pub(crate) fn get(&self) -> usize {
        self.current
    }

    /// Adapts the size to a batch that was handled as a whole.
    pub(crate) fn batch_handled(&mut self, messages: usize, took: Duration) {
        if self.singles_left > 0 {
            self.singles_left -= 1;
            return;
        }
        let each = took.as_nanos() / messages.max(1) as u128;
        let fit = TARGET_TIME
            .as_nanos()
            .checked_div(each)
            .map_or(self.max, |fit| fit.min(MAX_BATCH_SIZE as u128) as usize);
        self.current = (self.current * 2).min(self.max).min(fit).max(1);
    }

    /// Adapts the size to a batch that was split, because a message was deferred, retried or failed.
    pub(crate) fn batch_split(&mut self) {
        (self.current, self.singles_left) = (1, SINGLES_AFTER_SPLIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_nanos(200);

    #[test]
    fn batches_double_up_to_the_maximum() {
        for (max, sizes) in [(64, [1, 2, 4, 8, 16, 32, 64, 64]), (5, [1, 2, 4, 5, 5, 5, 5, 5]), (1, [1; 8])] {
            let mut size = BatchSize::up_to(max);
            for expected in sizes {
                assert_eq!(size.get(), expected);
                size.batch_handled(expected, FAST);
            }
        }
    }

    #[test]
    fn slow_messages_come_in_small_batches() {
        let mut size = BatchSize::up_to(64);
        for _ in 0..10 {
            size.batch_handled(size.get(), Duration::from_micros(20) * size.get() as u32);
        }
        assert_eq!(size.get(), 10);
        size.batch_handled(10, Duration::from_millis(50));
        assert_eq!(size.get(), 1, "5 ms each");
    }

    #[test]
    fn batches_grow_again_some_messages_after_a_split() {
        let mut size = BatchSize::up_to(64);
        for _ in 0..10 {
            size.batch_handled(size.get(), FAST);
        }
        size.batch_split();
        for _ in 0..SINGLES_AFTER_SPLIT {
            assert_eq!(size.get(), 1);
            size.batch_handled(1, FAST);
        }
        assert_eq!(size.get(), 1);
        size.batch_handled(1, FAST);
        assert_eq!(size.get(), 2);
    }
}
