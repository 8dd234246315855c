//! The failures for which actors restart.

use std::sync::{Arc, Weak};

use airssys_core::Down;
use smallvec::SmallVec;

/// The failures for which an actor has been restarted, or a supervisor restarts its children.
///
/// A failure spreads over links and groups, on several ways and at different speeds. It restarts an
/// actor once: if it reaches an incarnation that was started because of it, that goes on. The first
/// [`Down`] of a chain of links stands for the failure.
#[derive(Clone, Default)]
pub(crate) struct Causes {
    /// Failures that are still spreading are alive.
    failures: SmallVec<[Weak<Down>; 1]>,
}

/// More failures than these do not spread at once.
const MAX_CAUSES: usize = 16;

impl Causes {
    pub(crate) fn add(&mut self, failure: &Arc<Down>) {
        if !self.contains(failure) {
            self.push(Arc::downgrade(failure));
        }
    }

    pub(crate) fn extend(&mut self, causes: &Self) {
        for failure in &causes.failures {
            if !self.failures.iter().any(|known| known.ptr_eq(failure)) {
                self.push(failure.clone());
            }
        }
    }

    fn push(&mut self, failure: Weak<Down>) {
        self.failures.retain(|known| known.strong_count() > 0);
        if self.failures.len() == MAX_CAUSES {
            self.failures.remove(0);
        }
        self.failures.push(failure);
    }

    pub(crate) fn contains(&self, failure: &Arc<Down>) -> bool {
        self.failures.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(failure)))
    }
}
