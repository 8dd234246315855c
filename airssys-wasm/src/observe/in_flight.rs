//! The messages and callbacks of an app that are in flight, and the moment when there are none.
//!
//! Each component has a counter of its own, which only its senders and its instances write. The whole
//! count knows only the number of components with something in flight.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crossbeam_utils::CachePadded;
use tokio::sync::Notify;

use crate::sync::lock;

/// The least number of parts at which dropped parts are removed.
const LEAST_PARTS: usize = 64;

/// The whole count: messages not handled yet, and callbacks not delivered yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlightCount {
    shared: Arc<Shared>,
}

/// The count of one component.
#[derive(Clone, Debug)]
pub(crate) struct InFlightPart {
    part: Arc<Part>,
}

/// One message or callback in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    part: InFlightPart,
}

#[derive(Debug)]
struct Part {
    count: CachePadded<AtomicUsize>,
    /// The callbacks and the failures of instances, which count too and are not messages.
    guards: AtomicUsize,
    whole: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The number of parts that are not zero.
    busy: AtomicUsize,
    idle: Notify,
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    all: Vec<Weak<Part>>,
    /// The number of parts at which dropped parts are removed next.
    most: usize,
}

impl InFlightCount {
    /// Returns a new part of this count.
    pub(crate) fn part(&self) -> InFlightPart {
        let whole = Arc::clone(&self.shared);
        let count = CachePadded::new(AtomicUsize::new(0));
        let part = Arc::new(Part { count, guards: AtomicUsize::new(0), whole });
        let mut parts = lock(&self.shared.parts);
        if parts.all.len() >= parts.most {
            parts.all.retain(|part| part.strong_count() > 0);
            parts.most = (2 * parts.all.len()).max(LEAST_PARTS);
        }
        parts.all.push(Arc::downgrade(&part));
        InFlightPart { part }
    }

    /// Returns the number of messages and callbacks in flight.
    pub(crate) fn get(&self) -> usize {
        let parts = lock(&self.shared.parts);
        let live = parts.all.iter().filter_map(Weak::upgrade);
        live.map(|part| part.count.load(Ordering::Acquire)).sum()
    }

    /// Waits until nothing is in flight. Cancel safe.
    pub(crate) async fn none(&self) {
        loop {
            let idle = self.shared.idle.notified();
            if self.shared.busy.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl InFlightPart {
    /// Adds one, until the returned guard is dropped.
    pub(crate) fn begin(&self) -> InFlight {
        self.part.guards.fetch_add(1, Ordering::Relaxed);
        self.add();
        InFlight { part: self.clone() }
    }

    /// Adds one, until [`end`](InFlightPart::end) removes it.
    pub(crate) fn add(&self) {
        let Part { count, whole, .. } = &*self.part;
        let one_more = |count: usize| (count > 0).then_some(count + 1);
        if count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok() {
            return;
        }
        // The part is counted as busy before its count leaves zero.
        whole.busy.fetch_add(1, Ordering::SeqCst);
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            whole.leave();
        }
    }

    /// Returns the number of them.
    pub(crate) fn get(&self) -> usize {
        self.part.count.load(Ordering::Acquire)
    }

    /// Returns the number of messages among them.
    pub(crate) fn messages(&self) -> usize {
        self.get().saturating_sub(self.part.guards.load(Ordering::Relaxed))
    }

    /// Removes `number` of them.
    pub(crate) fn end(&self, number: usize) {
        let Part { count, whole, .. } = &*self.part;
        if number > 0 && count.fetch_sub(number, Ordering::SeqCst) == number {
            whole.leave();
        }
    }
}

impl Shared {
    fn leave(&self) {
        if self.busy.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.idle.notify_waiters();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.part.end(1);
        self.part.part.guards.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn count_is_zero_when_each_part_has_removed_all_it_added() {
        let whole = InFlightCount::default();
        let (one, other) = (whole.part(), whole.part());
        assert!(whole.none().now_or_never().is_some());
        one.add();
        one.add();
        let guard = other.begin();
        assert_eq!((whole.get(), one.messages(), other.messages()), (3, 2, 0));
        one.end(2);
        assert!(whole.none().now_or_never().is_none());
        drop(guard);
        assert_eq!(whole.get(), 0);
        assert!(whole.none().now_or_never().is_some());
    }

    #[test]
    fn last_removal_wakes_the_waiter() {
        let whole = InFlightCount::default();
        let part = whole.part();
        part.add();
        let mut none = std::pin::pin!(whole.none());
        assert!(none.as_mut().now_or_never().is_none());
        part.end(1);
        assert!(none.now_or_never().is_some());
    }

    #[test]
    fn whole_is_busy_while_any_thread_has_added_one() {
        const TIMES: usize = 20_000;
        let whole = InFlightCount::default();
        let part = whole.part();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..TIMES {
                        part.add();
                        assert!(whole.shared.busy.load(Ordering::SeqCst) > 0);
                        part.end(1);
                    }
                });
            }
        });
        assert_eq!((whole.get(), whole.shared.busy.load(Ordering::SeqCst)), (0, 0));
    }

    #[test]
    fn dropped_parts_are_removed() {
        let whole = InFlightCount::default();
        for _ in 0..10 * LEAST_PARTS {
            drop(whole.part());
        }
        assert!(lock(&whole.shared.parts).all.len() <= LEAST_PARTS);
    }
}
