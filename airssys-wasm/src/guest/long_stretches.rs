//! Stretches of a guest that nothing could interrupt: one instruction that fills or copies much memory.
//!
//! No epoch check happens within such an instruction, so a guest can keep its worker with it. The first
//! of them is seen when the guest returns. The calls after it are then measured exactly, and made on a
//! thread that has handed its worker over.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The time without an epoch check from which on a stretch counts as long.
pub(crate) const LONG: Duration = Duration::from_millis(10);

/// The number of calls for which a component is watched after a long stretch.
const WATCHED_CALLS: u32 = 64;

/// The long stretches of a component, over all its instances and incarnations.
#[derive(Debug, Default)]
pub(crate) struct LongStretches {
    /// The calls that are still measured exactly.
    exact: AtomicU32,
    /// The calls that still hand over their worker.
    handed_over: AtomicU32,
    /// The calls that wait for a permit to run long before they begin: one for each call that ran long.
    awaiting_permit: AtomicU32,
}

/// The measures for one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) is_exact: bool,
    pub(crate) hands_over: bool,
    pub(crate) awaits_permit: bool,
}

impl LongStretches {
    /// Notes a stretch that was long by the clock. The thread may have had no processor meanwhile.
    pub(crate) fn suspect(&self) {
        self.exact.store(WATCHED_CALLS, Ordering::Relaxed);
    }

    /// Notes a stretch that was long on its processor.
    pub(crate) fn found(&self) {
        self.suspect();
        self.handed_over.store(WATCHED_CALLS, Ordering::Relaxed);
    }

    /// Notes a call that ran long and could be interrupted. The next one probably does, too.
    pub(crate) fn ran_long(&self) {
        self.awaiting_permit.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the measures for the next call.
    pub(crate) fn watch(&self) -> Watch {
        Watch {
            is_exact: count_down(&self.exact),
            hands_over: count_down(&self.handed_over),
            awaits_permit: count_down(&self.awaiting_permit),
        }
    }
}

/// Takes one off a counter. Returns false if it was zero.
fn count_down(counter: &AtomicU32) -> bool {
    // The usual case is one load, because every call passes here.
    counter.load(Ordering::Relaxed) > 0
        && counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn component_is_watched_for_a_number_of_calls_after_its_last_long_stretch() {
        let stretches = LongStretches::default();
        assert_eq!(stretches.watch(), Watch::default());
        stretches.suspect();
        assert_eq!(stretches.watch(), Watch { is_exact: true, ..Watch::default() });
        stretches.found();
        for _ in 0..WATCHED_CALLS {
            assert_eq!(stretches.watch(), Watch { is_exact: true, hands_over: true, ..Watch::default() });
        }
        assert_eq!(stretches.watch(), Watch::default());
    }

    #[test]
    fn one_call_waits_for_a_permit_after_each_that_ran_long() {
        let stretches = LongStretches::default();
        stretches.ran_long();
        stretches.ran_long();
        let waiting = (0..4).filter(|_| stretches.watch().awaits_permit).count();
        assert_eq!(waiting, 2);
    }
}
