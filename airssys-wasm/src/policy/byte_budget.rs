//! How many bytes may wait in the mailboxes of a component.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use tokio::sync::Notify;

/// How many bytes may wait in the mailboxes of a component: its memory once more, and at least two
/// of its largest messages.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    limit: usize,
    used: CachePadded<AtomicUsize>,
    freed: Notify,
}

/// Bytes that may wait. Dropping it gives them back.
#[derive(Debug)]
pub(crate) struct HeldBytes<'b> {
    budget: &'b ByteBudget,
    bytes: usize,
}

impl ByteBudget {
    pub(crate) fn new(memory_bytes: usize, message_size_bytes: usize) -> Arc<ByteBudget> {
        let limit = memory_bytes.max(message_size_bytes.saturating_mul(2));
        Arc::new(ByteBudget { limit, used: CachePadded::default(), freed: Notify::new() })
    }

    /// Takes room for a message, if there is so much.
    pub(crate) fn take(&self, bytes: usize) -> Option<HeldBytes<'_>> {
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        taken.ok().map(|_| HeldBytes { budget: self, bytes })
    }

    /// Gives back what was taken and kept.
    pub(crate) fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let before = self.used.fetch_sub(bytes, Ordering::AcqRel);
        if before > self.limit / 2 {
            self.freed.notify_waiters();
        }
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

impl HeldBytes<'_> {
    /// Leaves them taken, to be given back by their number.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for HeldBytes<'_> {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}
