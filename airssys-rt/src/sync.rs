//! Locks without poisoning.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic: nothing here is left half-changed by one.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
