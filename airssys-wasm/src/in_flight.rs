//! How much an app has under way, and the moment when it has nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Sees how much is under way: messages not handled yet, callbacks not delivered yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlightCount {
    shared: Arc<Shared>,
}

/// One thing under way. Dropping it takes it away.
#[derive(Debug)]
pub(crate) struct InFlight {
    count: InFlightCount,
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicUsize,
    none: Notify,
}

impl InFlightCount {
    /// Begins one thing.
    pub(crate) fn begin(&self) -> InFlight {
        self.add();
        InFlight { count: self.clone() }
    }

    /// Begins one thing that [`end`](InFlightCount::end) takes away.
    pub(crate) fn add(&self) {
        self.shared.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one thing away.
    pub(crate) fn end(&self) {
        if self.shared.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.none.notify_waiters();
        }
    }

    /// How many things are under way.
    pub(crate) fn get(&self) -> usize {
        self.shared.count.load(Ordering::Acquire)
    }

    /// Waits until nothing is under way. Cancel safe.
    pub(crate) async fn none(&self) {
        loop {
            let none = self.shared.none.notified();
            if self.get() == 0 {
                return;
            }
            none.await;
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.count.end();
    }
}
