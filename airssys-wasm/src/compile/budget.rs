//! The time that compiling a component may take, all its parts together.

use std::cell::Cell;
use std::time::Duration;

/// The most time on all processors together, in seconds.
pub(super) const CPU_SECONDS: u64 = 120;

/// The most time from the starts of the child processes to their ends.
pub(super) const WALL_TIME: Duration = Duration::from_secs(300);

/// A span of time on processors, and one on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) cpu: Duration,
    pub(super) wall: Duration,
}

/// The time that is left for a component.
pub(crate) struct Budget {
    left: Cell<Spent>,
}

impl Budget {
    /// Returns the budget of a component.
    pub(crate) fn whole() -> Budget {
        let whole = Spent { cpu: Duration::from_secs(CPU_SECONDS), wall: WALL_TIME };
        Budget { left: Cell::new(whole) }
    }

    /// Returns the time that is left. Returns `None` if either is exhausted.
    pub(super) fn left(&self) -> Option<Spent> {
        let left = self.left.get();
        (!left.cpu.is_zero() && !left.wall.is_zero()).then_some(left)
    }

    /// Subtracts the time that a child process has taken.
    pub(super) fn spend(&self, spent: Spent) {
        let Spent { cpu, wall } = self.left.get();
        let (cpu, wall) = (cpu.saturating_sub(spent.cpu), wall.saturating_sub(spent.wall));
        self.left.set(Spent { cpu, wall });
    }
}
