//! The number of trie nodes that this thread has visited.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn count() {
    COUNT.set(COUNT.get() + 1);
}

/// The number of visits since the last call.
pub(in crate::broker) fn take() -> usize {
    COUNT.take()
}
