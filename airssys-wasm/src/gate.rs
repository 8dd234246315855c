//! How often a line of the log is repeated, and the clock by which that is told.

use tokio::time::Instant;

/// A line that could come at any rate comes once in this time, in nanoseconds.
const ONCE_IN_NS: u64 = 10_000_000_000;

/// The time since a host was made: the one clock of its rates. Pauses with tokio's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

/// Lets a line pass at once and then one in a while, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    passed_ns: Option<u64>,
    held: u64,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock(Instant::now())
    }
}

impl Clock {
    /// Nanoseconds; never goes back.
    pub(crate) fn now_ns(self) -> u64 {
        self.ns_at(Instant::now())
    }

    /// The same at a time that has been looked at before.
    pub(crate) fn ns_at(self, time: Instant) -> u64 {
        let elapsed = time.saturating_duration_since(self.0);
        elapsed.as_secs().wrapping_mul(1_000_000_000).wrapping_add(elapsed.subsec_nanos().into())
    }
}

impl Gate {
    /// Whether a line may pass now, and how many did not since the last that did.
    pub(crate) fn pass(&mut self, now_ns: u64) -> Option<u64> {
        if self.passed_ns.is_some_and(|passed| now_ns.saturating_sub(passed) < ONCE_IN_NS) {
            self.held += 1;
            return None;
        }
        self.passed_ns = Some(now_ns);
        Some(std::mem::take(&mut self.held))
    }

    /// How many lines did not pass since the last that did.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// Whether there is nothing left to say, and the next line may pass.
    pub(crate) fn is_idle(&self, now_ns: u64) -> bool {
        self.held == 0 && self.passed_ns.is_none_or(|passed| now_ns.saturating_sub(passed) >= ONCE_IN_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_passes_and_then_one_in_a_while_with_the_number_of_the_others() {
        let mut gate = Gate::default();
        assert_eq!(gate.pass(5), Some(0));
        assert!((0..1_000).all(|now| gate.pass(5 + now).is_none()));
        assert!(!gate.is_idle(5 + ONCE_IN_NS));
        assert_eq!(gate.pass(5 + ONCE_IN_NS), Some(1_000));
        assert_eq!(gate.pass(6 + ONCE_IN_NS), None);
        assert_eq!(gate.held(), 1);
        assert_eq!(gate.pass(6 + 2 * ONCE_IN_NS), Some(1));
        assert!(gate.is_idle(7 + 3 * ONCE_IN_NS));
    }
}
