//! A throttle for repeated log lines, so that a component which fails often does not flood the log.

use std::fmt;

/// The interval in which one line passes, in nanoseconds.
const INTERVAL_NS: u64 = 10_000_000_000;

/// Lets the first line pass at once, then one in each ten seconds, and counts the suppressed ones.
///
/// The caller passes the time, in nanoseconds since a fixed moment.
#[derive(Debug, Default)]
pub struct LogThrottle {
    passed_ns: Option<u64>,
    suppressed: u64,
}

impl LogThrottle {
    /// Returns the number of lines suppressed since the last one that passed. Returns `None` if this
    /// line is suppressed.
    pub fn pass(&mut self, now_ns: u64) -> Option<u64> {
        if self.passed_ns.is_some_and(|passed| now_ns.saturating_sub(passed) < INTERVAL_NS) {
            self.suppressed += 1;
            return None;
        }
        self.passed_ns = Some(now_ns);
        Some(std::mem::take(&mut self.suppressed))
    }

    /// Returns the number of lines suppressed since the last one that passed.
    pub fn suppressed(&self) -> u64 {
        self.suppressed
    }

    /// Returns true if no line is suppressed and the next one may pass.
    pub fn is_idle(&self, now_ns: u64) -> bool {
        self.suppressed == 0
            && self.passed_ns.is_none_or(|passed| now_ns.saturating_sub(passed) >= INTERVAL_NS)
    }
}

/// The number of lines that were suppressed since the last one. It is displayed as the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suppressed(pub u64);

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            lines => write!(f, " (and {lines} more of this kind since the last line)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_passes_in_each_interval_with_the_number_of_suppressed_ones() {
        let mut throttle = LogThrottle::default();
        assert_eq!(throttle.pass(5), Some(0));
        assert!((0..1_000).all(|now| throttle.pass(5 + now).is_none()));
        assert!(!throttle.is_idle(5 + INTERVAL_NS));
        assert_eq!(throttle.pass(5 + INTERVAL_NS), Some(1_000));
        assert_eq!(throttle.pass(6 + INTERVAL_NS), None);
        assert_eq!(throttle.suppressed(), 1);
        assert_eq!(throttle.pass(6 + 2 * INTERVAL_NS), Some(1));
        assert!(throttle.is_idle(7 + 3 * INTERVAL_NS));
    }
}
