//! How many bytes may wait in the mailboxes of a component.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many bytes may wait in the mailboxes of a component: its memory once more, and at least two
/// of its largest messages.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    limit: usize,
    used: AtomicUsize,
    freed: Notify,
}

/// Bytes that wait. Dropping it gives them back.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    budget: Arc<ByteBudget>,
    bytes: usize,
}

impl ByteBudget {
    pub(crate) fn new(memory_bytes: usize, message_size_bytes: usize) -> Arc<ByteBudget> {
        let limit = memory_bytes.max(message_size_bytes.saturating_mul(2));
        Arc::new(ByteBudget { limit, used: AtomicUsize::new(0), freed: Notify::new() })
    }

    /// Takes room for a message, if there is so much.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Option<HeldBytes> {
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        taken.ok().map(|_| HeldBytes { budget: Arc::clone(self), bytes })
    }

    /// How many bytes wait, and how many may.
    pub(crate) fn used(&self) -> (usize, usize) {
        (self.used.load(Ordering::Acquire), self.limit)
    }

    /// Waits until half of the budget is free, so that any message has room. Cancel safe.
    pub(crate) async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            if self.used.load(Ordering::Acquire) <= self.limit / 2 {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        let before = self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
        if before > self.budget.limit / 2 {
            self.budget.freed.notify_waiters();
        }
    }
}
