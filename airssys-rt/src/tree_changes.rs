//! Waits for a change of the tree of supervisors.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Wakes the tasks that wait until a supervisor anywhere in the system has changed. An announcement
/// costs one load while no task waits.
#[derive(Default)]
pub(crate) struct TreeChanges {
    waiting: AtomicUsize,
    changed: Notify,
}

impl TreeChanges {
    /// Looks at once and after each change, until there is a result.
    pub(crate) async fn wait_for<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        let _waiting = Waiting::new(&self.waiting);
        loop {
            // Before the look, so that no change after it is missed.
            let changed = self.changed.notified();
            if let Some(found) = look() {
                return found;
            }
            changed.await;
        }
    }

    /// Announces a change, which was made under the lock of a supervisor. A task that looked before
    /// the change took that lock earlier, and had been counted by then.
    pub(crate) fn announce(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.changed.notify_waiters();
        }
    }
}

/// A task that waits, until this is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
