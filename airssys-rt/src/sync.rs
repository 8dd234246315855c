//! Locks without poisoning, and times without overflow.
//!
//! The mailbox and the slot for a reply take their locks and atomics from here, so that their model
//! tests (built with `--cfg shuttle`) can run them with every order of events.

use std::sync::PoisonError;
#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

#[cfg(shuttle)]
pub(crate) use shuttle::sync::Mutex;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64};

use tokio::time::Instant;

/// Locks, also after a panic: nothing here is left half-changed by one.
#[cfg(not(shuttle))]
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same for locks of either kind: what is not under test has ordinary ones.
#[cfg(shuttle)]
pub(crate) fn lock<L: Lock + ?Sized>(mutex: &L) -> L::Guard<'_> {
    mutex.lock_anyway()
}

#[cfg(shuttle)]
pub(crate) trait Lock {
    type Guard<'a>
    where
        Self: 'a;
    fn lock_anyway(&self) -> Self::Guard<'_>;
}

#[cfg(shuttle)]
impl<T> Lock for Mutex<T> {
    type Guard<'a>
        = shuttle::sync::MutexGuard<'a, T>
    where
        T: 'a;

    fn lock_anyway(&self) -> Self::Guard<'_> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(shuttle)]
impl<T> Lock for std::sync::Mutex<T> {
    type Guard<'a>
        = std::sync::MutexGuard<'a, T>
    where
        T: 'a;

    fn lock_anyway(&self) -> Self::Guard<'_> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(shuttle)]
impl<L: Lock> Lock for std::sync::Arc<L> {
    type Guard<'a>
        = L::Guard<'a>
    where
        L: 'a;

    fn lock_anyway(&self) -> Self::Guard<'_> {
        (**self).lock_anyway()
    }
}

/// `now` and this much; in 30 years if the clock does not reach that far.
pub(crate) fn later(now: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(by.min(FAR)).unwrap_or(now)
}
