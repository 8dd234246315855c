//! How many messages a guest gets together.

use std::time::Duration;

/// The most messages that a guest gets together.
pub(crate) const MOST: usize = airssys_spec::manifest::MAX_BATCH_SIZE;

/// How long a run takes at most, as far as can be foreseen: a stop, or a callback, waits for it.
const AIM: Duration = Duration::from_millis(1);

/// Messages that are handled one by one after a run has come apart, before the next is tried.
const PATIENCE: u32 = 16;

/// How many messages a guest gets together: more and more while it handles all that it gets, and one
/// at a time as long as it does not.
#[derive(Debug)]
pub(crate) struct BatchSize {
    most: usize,
    now: usize,
    /// Messages that are handled one by one before that changes.
    patience: u32,
}

impl BatchSize {
    pub(crate) fn up_to(most: usize) -> BatchSize {
        BatchSize { most: most.clamp(1, MOST), now: 1, patience: 0 }
    }

    pub(crate) fn get(&self) -> usize {
        self.now
    }

    /// So many messages were handled, all that there were in the run, in this time.
    pub(crate) fn handled(&mut self, messages: usize, took: Duration) {
        if self.patience > 0 {
            self.patience -= 1;
            return;
        }
        let each = took.as_nanos() / messages.max(1) as u128;
        let fit = AIM.as_nanos().checked_div(each).map_or(self.most, |fit| fit.min(MOST as u128) as usize);
        self.now = (self.now * 2).min(self.most).min(fit).max(1);
    }

    /// A run came apart: a message of it was deferred, is to be handled again, or failed.
    pub(crate) fn came_apart(&mut self) {
        (self.now, self.patience) = (1, PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_nanos(200);

    #[test]
    fn it_grows_while_all_goes_well_and_never_beyond_the_most() {
        for (most, lengths) in
            [(64, [1, 2, 4, 8, 16, 32, 64, 64]), (5, [1, 2, 4, 5, 5, 5, 5, 5]), (1, [1; 8])]
        {
            let mut run = BatchSize::up_to(most);
            for expected in lengths {
                assert_eq!(run.get(), expected);
                run.handled(expected, FAST);
            }
        }
    }

    #[test]
    fn slow_messages_come_few_at_a_time() {
        let mut run = BatchSize::up_to(64);
        for _ in 0..10 {
            run.handled(run.get(), Duration::from_micros(100) * run.get() as u32);
        }
        assert_eq!(run.get(), 10);
        run.handled(10, Duration::from_millis(50));
        assert_eq!(run.get(), 1, "5 ms each");
    }

    #[test]
    fn a_run_that_came_apart_is_not_tried_again_at_once() {
        let mut run = BatchSize::up_to(64);
        for _ in 0..10 {
            run.handled(run.get(), FAST);
        }
        run.came_apart();
        for _ in 0..PATIENCE {
            assert_eq!(run.get(), 1);
            run.handled(1, FAST);
        }
        assert_eq!(run.get(), 1);
        run.handled(1, FAST);
        assert_eq!(run.get(), 2);
    }
}
