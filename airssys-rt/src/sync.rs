//! Locks that ignore poisoning, and times without overflow.
//!
//! The mailbox and the slot for a reply take their locks and atomics from here, so that their model
//! tests (built with `--cfg shuttle`) can run them with every order of events.

#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{LockResult, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

#[cfg(shuttle)]
pub(crate) use shuttle::sync::Mutex;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};

use tokio::time::Instant;

/// The guard, also after a panic. No code here panics while it has left the locked value
/// half-changed.
fn ignore_poison<G>(result: LockResult<G>) -> G {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Locks for reading, and ignores poisoning.
pub(crate) fn read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    ignore_poison(lock.read())
}

/// Locks for writing, and ignores poisoning.
pub(crate) fn write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    ignore_poison(lock.write())
}

/// Locks, and ignores poisoning.
#[cfg(not(shuttle))]
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    ignore_poison(mutex.lock())
}

/// Locks, and ignores poisoning. Takes locks of both kinds, because code that is not under test has
/// ordinary ones.
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
        ignore_poison(self.lock())
    }
}

#[cfg(shuttle)]
impl<T> Lock for std::sync::Mutex<T> {
    type Guard<'a>
        = std::sync::MutexGuard<'a, T>
    where
        T: 'a;

    fn lock_anyway(&self) -> Self::Guard<'_> {
        ignore_poison(self.lock())
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

/// `now` plus `by`, at most 30 years.
pub(crate) fn later(now: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(by.min(FAR)).unwrap_or(now)
}
