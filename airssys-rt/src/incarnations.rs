//! The incarnations of an actor, as links need them.

use std::sync::atomic::Ordering;

use crate::sync::AtomicU64;

/// The running or next incarnation of an actor, and its stage.
///
/// A link is between two incarnations. Linked actors that fail together restart together, and link
/// each other anew. So a link is not made with an incarnation that is about to fail, but with the one
/// after it. Otherwise the old incarnation would end the new one of the other actor, and so on for ever.
#[derive(Debug)]
pub(crate) struct Incarnations {
    /// The number of the incarnation, and a [`Stage`] in the lowest bits.
    state: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The incarnation has not begun.
    Waiting = 0,
    Running = 1,
    /// The incarnation is running, and will fail because a linked actor failed.
    Doomed = 2,
}

const STAGE_BITS: u32 = 2;
const STAGE_MASK: u64 = (1 << STAGE_BITS) - 1;

fn pack(incarnation: u64, stage: Stage) -> u64 {
    incarnation << STAGE_BITS | stage as u64
}

/// All accesses are sequentially consistent, because an actor that makes a link must see the end of
/// the other, or the other the link.
const ORDER: Ordering = Ordering::SeqCst;

impl Incarnations {
    pub(crate) fn new() -> Self {
        Self { state: AtomicU64::new(pack(0, Stage::Waiting)) }
    }

    fn load(&self) -> (u64, u64) {
        let state = self.state.load(ORDER);
        (state >> STAGE_BITS, state & STAGE_MASK)
    }

    /// Records that this incarnation begins.
    pub(crate) fn begin(&self, incarnation: u64) {
        self.state.store(pack(incarnation, Stage::Running), ORDER);
    }

    /// Records that this incarnation will fail. Returns false if it is not running, or will fail
    /// already.
    pub(crate) fn doom(&self, incarnation: u64) -> bool {
        let (running, doomed) = (pack(incarnation, Stage::Running), pack(incarnation, Stage::Doomed));
        self.state.compare_exchange(running, doomed, ORDER, ORDER).is_ok()
    }

    /// Records that the incarnation has ended, if one was running.
    pub(crate) fn end(&self) {
        let (incarnation, stage) = self.load();
        if stage != Stage::Waiting as u64 {
            // Its own task records it, and nothing else changes the number.
            self.state.store(pack(incarnation + 1, Stage::Waiting), ORDER);
        }
    }

    /// The number of the next incarnation, when none is running. One whose end was not recorded counts
    /// as over.
    pub(crate) fn next(&self) -> u64 {
        let (incarnation, stage) = self.load();
        incarnation + u64::from(stage != Stage::Waiting as u64)
    }

    /// The number of the incarnation that runs, or ran last; 0 before the first.
    pub(crate) fn current(&self) -> u64 {
        let (incarnation, stage) = self.load();
        if stage == Stage::Waiting as u64 { incarnation.saturating_sub(1) } else { incarnation }
    }

    /// The incarnation that a link made now is with.
    pub(crate) fn next_link(&self) -> u64 {
        let (incarnation, stage) = self.load();
        incarnation + u64::from(stage == Stage::Doomed as u64)
    }

    /// Returns true if this incarnation is running, and not about to fail because of a link.
    #[cfg(all(test, shuttle))]
    pub(crate) fn is_running(&self, incarnation: u64) -> bool {
        self.state.load(ORDER) == pack(incarnation, Stage::Running)
    }

    /// Returns true if this incarnation has ended.
    pub(crate) fn is_over(&self, incarnation: u64) -> bool {
        self.load().0 > incarnation
    }
}
