//! The byte budget of a component's mailboxes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use tokio::sync::Notify;

/// The bytes of the host that a waiting message takes besides its body: the envelope, its place in the
/// queue, and the allocations behind both. Measured at 225.
const ENVELOPE_BYTES: usize = 256;

/// Returns the bytes of the host that a waiting message takes.
pub(crate) fn message_cost(body_bytes: usize) -> usize {
    body_bytes.saturating_add(ENVELOPE_BYTES)
}

/// The number of bytes that may wait in the mailboxes of a component, each message with its envelope.
///
/// The limit equals the component's memory limit, and is at least twice its largest message.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    limit: usize,
    used: CachePadded<AtomicUsize>,
    freed: Notify,
}

/// Bytes taken from a budget. Dropping it gives them back.
#[derive(Debug)]
pub(crate) struct HeldBytes<'b> {
    budget: &'b ByteBudget,
    bytes: usize,
}

impl ByteBudget {
    pub(crate) fn new(memory_bytes: usize, message_size_bytes: usize) -> Arc<ByteBudget> {
        let limit = memory_bytes.max(message_cost(message_size_bytes).saturating_mul(2));
        Arc::new(ByteBudget { limit, used: CachePadded::default(), freed: Notify::new() })
    }

    /// Takes room for a message with a body of this size. Returns `None` if the budget has less left.
    pub(crate) fn take(&self, body_bytes: usize) -> Option<HeldBytes<'_>> {
        let bytes = message_cost(body_bytes);
        let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        taken.ok().map(|_| HeldBytes { budget: self, bytes })
    }

    /// Gives back bytes taken with [`HeldBytes::keep`].
    pub(crate) fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let before = self.used.fetch_sub(bytes, Ordering::AcqRel);
        if before > self.limit / 2 {
            self.freed.notify_waiters();
        }
    }

    /// Returns the number of bytes taken, and the limit.
    pub(crate) fn used(&self) -> (usize, usize) {
        (self.used.load(Ordering::Acquire), self.limit)
    }

    /// Waits until half of the budget is free, because any message fits into that. Cancel safe.
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
    /// Leaves the bytes taken. The caller gives them back with [`ByteBudget::give_back`].
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for HeldBytes<'_> {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}
