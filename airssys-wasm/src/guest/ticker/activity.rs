//! The phases of the ticker.

use super::atomic::{AtomicU8, AtomicUsize, Ordering};

/// A guest was entered since the ticker last looked.
const ACTIVE: u8 = 0;
/// The ticker has looked, and no guest was entered since.
const QUIET: u8 = 1;
/// The ticker sleeps until it is woken.
const PARKED: u8 = 2;
/// The ticker is to end.
const ENDED: u8 = 3;

/// The activity of guests, as far as the ticker has to know it.
#[derive(Default)]
pub(super) struct Activity {
    phase: AtomicU8,
    /// The number of holds.
    held: AtomicUsize,
}

impl Activity {
    /// Notes that a guest is entered. Returns true if the caller has to unpark the ticker.
    ///
    /// The load is relaxed, because it is on the way of each message. It cannot miss that the ticker
    /// parks: the phase was `QUIET` for a look's interval before, and a store is visible to other
    /// processors long before that.
    pub(super) fn wake(&self) -> bool {
        self.phase.load(Ordering::Relaxed) != ACTIVE && self.phase.swap(ACTIVE, Ordering::SeqCst) == PARKED
    }

    pub(super) fn hold(&self) {
        self.held.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn release(&self) {
        self.held.fetch_sub(1, Ordering::SeqCst);
    }

    /// Ticks until the end, or until a tick returns false. Parks after `linger` to twice as many ticks
    /// without activity. `park` can return at any time.
    pub(super) fn run(&self, linger: u32, mut tick: impl FnMut() -> bool, park: impl Fn()) {
        let mut ticks: u32 = 0;
        while tick() && self.phase.load(Ordering::SeqCst) != ENDED {
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(linger) && self.try_park() {
                while self.phase.load(Ordering::SeqCst) == PARKED {
                    park();
                }
            }
        }
    }

    /// Looks at the activity since the last look. Returns true if the ticker has to park.
    fn try_park(&self) -> bool {
        let change =
            |from, to| self.phase.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        !change(ACTIVE, QUIET) && self.held.load(Ordering::SeqCst) == 0 && change(QUIET, PARKED)
    }

    #[cfg(test)]
    pub(super) fn is_parked(&self) -> bool {
        self.phase.load(Ordering::SeqCst) == PARKED
    }

    pub(super) fn end(&self) {
        self.phase.store(ENDED, Ordering::SeqCst);
    }
}
