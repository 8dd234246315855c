//! A throttle for lines of the log that repeat.

/// A line that could come at any rate comes once in this time, in nanoseconds.
const ONCE_IN_NS: u64 = 10_000_000_000;

/// Lets a line pass at once and then one in a while, and counts the others.
#[derive(Debug, Default)]
pub(crate) struct LogThrottle {
    passed_ns: Option<u64>,
    suppressed: u64,
}

impl LogThrottle {
    /// Whether a line may pass now, and how many did not since the last that did.
    pub(crate) fn pass(&mut self, now_ns: u64) -> Option<u64> {
        if self.passed_ns.is_some_and(|passed| now_ns.saturating_sub(passed) < ONCE_IN_NS) {
            self.suppressed += 1;
            return None;
        }
        self.passed_ns = Some(now_ns);
        Some(std::mem::take(&mut self.suppressed))
    }

    /// How many lines did not pass since the last that did.
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// Whether there is nothing left to say, and the next line may pass.
    pub(crate) fn is_idle(&self, now_ns: u64) -> bool {
        self.suppressed == 0
            && self.passed_ns.is_none_or(|passed| now_ns.saturating_sub(passed) >= ONCE_IN_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_passes_and_then_one_in_a_while_with_the_number_of_the_others() {
        let mut throttle = LogThrottle::default();
        assert_eq!(throttle.pass(5), Some(0));
        assert!((0..1_000).all(|now| throttle.pass(5 + now).is_none()));
        assert!(!throttle.is_idle(5 + ONCE_IN_NS));
        assert_eq!(throttle.pass(5 + ONCE_IN_NS), Some(1_000));
        assert_eq!(throttle.pass(6 + ONCE_IN_NS), None);
        assert_eq!(throttle.suppressed(), 1);
        assert_eq!(throttle.pass(6 + 2 * ONCE_IN_NS), Some(1));
        assert!(throttle.is_idle(7 + 3 * ONCE_IN_NS));
    }
}
