//! How much an app has under way, and the moment when it has nothing.
//!
//! Each component counts its own: whoever sends to it and whoever handles it meet there, and nobody
//! else. The whole knows only how many of these have something.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crossbeam_utils::CachePadded;
use tokio::sync::Notify;

/// Parts are looked through for those that are gone when there are so many at least.
const LEAST_PARTS: usize = 64;

/// Sees how much is under way: messages not handled yet, callbacks not delivered yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlightCount {
    shared: Arc<Shared>,
}

/// What one component has under way.
#[derive(Clone, Debug)]
pub(crate) struct InFlightPart {
    part: Arc<Part>,
}

/// One thing under way. Dropping it takes it away.
#[derive(Debug)]
pub(crate) struct InFlight {
    part: InFlightPart,
}

#[derive(Debug)]
struct Part {
    count: CachePadded<AtomicUsize>,
    whole: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Parts that have something under way.
    busy: AtomicUsize,
    none: Notify,
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    all: Vec<Weak<Part>>,
    /// When those that are gone are looked for next.
    most: usize,
}

impl InFlightCount {
    /// A count that is a part of this one.
    pub(crate) fn part(&self) -> InFlightPart {
        let whole = Arc::clone(&self.shared);
        let part = Arc::new(Part { count: CachePadded::new(AtomicUsize::new(0)), whole });
        let mut parts = self.lock();
        if parts.all.len() >= parts.most {
            parts.all.retain(|part| part.strong_count() > 0);
            parts.most = (2 * parts.all.len()).max(LEAST_PARTS);
        }
        parts.all.push(Arc::downgrade(&part));
        InFlightPart { part }
    }

    /// How many things are under way.
    pub(crate) fn get(&self) -> usize {
        let parts = self.lock();
        let live = parts.all.iter().filter_map(Weak::upgrade);
        live.map(|part| part.count.load(Ordering::Acquire)).sum()
    }

    /// Waits until nothing is under way. Cancel safe.
    pub(crate) async fn none(&self) {
        loop {
            let none = self.shared.none.notified();
            if self.shared.busy.load(Ordering::SeqCst) == 0 {
                return;
            }
            none.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.shared.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlightPart {
    /// Begins one thing.
    pub(crate) fn begin(&self) -> InFlight {
        self.add();
        InFlight { part: self.clone() }
    }

    /// Begins one thing that [`end`](InFlightPart::end) takes away.
    pub(crate) fn add(&self) {
        let Part { count, whole } = &*self.part;
        let one_more = |count: usize| (count > 0).then_some(count + 1);
        if count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_ok() {
            return;
        }
        // Whoever is first makes the whole know of this part before anybody counts on that.
        whole.busy.fetch_add(1, Ordering::SeqCst);
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            whole.leave();
        }
    }

    /// Takes so many things away.
    pub(crate) fn end(&self, things: usize) {
        let Part { count, whole } = &*self.part;
        if things > 0 && count.fetch_sub(things, Ordering::SeqCst) == things {
            whole.leave();
        }
    }
}

impl Shared {
    fn leave(&self) {
        if self.busy.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.none.notify_waiters();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.part.end(1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn nothing_is_under_way_once_each_part_has_ended_what_it_began() {
        let whole = InFlightCount::default();
        let (one, other) = (whole.part(), whole.part());
        assert!(whole.none().now_or_never().is_some());
        one.add();
        one.add();
        let guard = other.begin();
        assert_eq!(whole.get(), 3);
        one.end(2);
        assert!(whole.none().now_or_never().is_none());
        drop(guard);
        assert_eq!(whole.get(), 0);
        assert!(whole.none().now_or_never().is_some());
    }

    #[test]
    fn who_waits_is_told_by_the_last() {
        let whole = InFlightCount::default();
        let part = whole.part();
        part.add();
        let mut none = std::pin::pin!(whole.none());
        assert!(none.as_mut().now_or_never().is_none());
        part.end(1);
        assert!(none.now_or_never().is_some());
    }

    #[test]
    fn the_whole_is_never_less_than_what_any_thread_has_begun() {
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
    fn parts_that_are_gone_are_forgotten() {
        let whole = InFlightCount::default();
        for _ in 0..10 * LEAST_PARTS {
            drop(whole.part());
        }
        assert!(whole.lock().all.len() <= LEAST_PARTS);
    }
}
