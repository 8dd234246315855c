//! How an actor ended for good.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use airssys_core::ExitReason;

use crate::guard::Contained;

/// How an actor ended for good, in one byte: the common reasons take no other memory.
#[derive(Default)]
pub(super) struct Exit(AtomicU8);

/// A reason that has more than its name. Dropped with the actor, an error of a user's type is dropped
/// too.
pub(super) type FullReason = OnceLock<Contained<ExitReason>>;

const NOT_ENDED: u8 = 0;
const SHUTDOWN: u8 = 1;
const NORMAL: u8 = 2;
const KILLED: u8 = 3;
const FULL: u8 = 4;

impl Exit {
    /// Records the reason. Returns false if there is one already: the first reason counts.
    pub(super) fn set<'a>(&self, reason: &ExitReason, full: impl FnOnce() -> &'a FullReason) -> bool {
        let code = match reason {
            ExitReason::Shutdown => SHUTDOWN,
            ExitReason::Normal => NORMAL,
            ExitReason::Killed => KILLED,
            reason => {
                let _ = full().set(Contained::new(reason.clone()));
                FULL
            }
        };
        self.0.compare_exchange(NOT_ENDED, code, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire) != NOT_ENDED
    }

    pub(super) fn get(&self, full: Option<&FullReason>) -> Option<ExitReason> {
        match self.0.load(Ordering::Acquire) {
            NOT_ENDED => None,
            SHUTDOWN => Some(ExitReason::Shutdown),
            NORMAL => Some(ExitReason::Normal),
            KILLED => Some(ExitReason::Killed),
            _ => full.and_then(OnceLock::get).map(|reason| (**reason).clone()),
        }
    }
}
