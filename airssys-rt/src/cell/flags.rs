//! Facts about an actor.

use std::sync::atomic::{AtomicU8, Ordering};

/// Facts about an actor, each a bit. In one byte, because a cell that is one byte larger costs 16 bytes
/// of memory for itself, and more for the alignment of the task beside it.
#[derive(Default)]
pub(super) struct Flags(AtomicU8);

#[derive(Debug, Clone, Copy)]
pub(super) enum Flag {
    /// An incarnation has ever started.
    Started = 1,
    /// It has ever been in a group.
    Grouped = 2,
    /// The failure that ends the incarnation counts towards no limit.
    Excused = 4,
    /// A restart was asked for before the incarnation had started.
    RestartedEarly = 8,
    /// Its task can move to another runtime.
    Movable = 16,
}

impl Flags {
    pub(super) fn has(&self, flag: Flag) -> bool {
        self.0.load(Ordering::Acquire) & flag as u8 != 0
    }

    pub(super) fn set(&self, flag: Flag) {
        // Most are set already, and a look costs less than a change.
        if !self.has(flag) {
            self.0.fetch_or(flag as u8, Ordering::AcqRel);
        }
    }

    /// Clears a flag, and returns true if it was set.
    pub(super) fn take(&self, flag: Flag) -> bool {
        self.has(flag) && self.0.fetch_and(!(flag as u8), Ordering::AcqRel) & flag as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_set_and_taken_apart_from_each_other() {
        let flags = Flags::default();
        let all = [Flag::Started, Flag::Grouped, Flag::Excused, Flag::RestartedEarly, Flag::Movable];
        for flag in all {
            assert!(!flags.has(flag) && !flags.take(flag));
            flags.set(flag);
            assert!(flags.has(flag));
        }
        for (taken, flag) in all.into_iter().enumerate() {
            assert!(flags.take(flag) && !flags.take(flag));
            assert_eq!(all.iter().filter(|flag| flags.has(**flag)).count(), all.len() - 1 - taken);
        }
    }
}
