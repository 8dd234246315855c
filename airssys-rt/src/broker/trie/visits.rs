//! How many nodes of tries this thread has looked at.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn count() {
    COUNT.set(COUNT.get() + 1);
}

/// Those since the last time.
pub(in crate::broker) fn take() -> usize {
    COUNT.take()
}
