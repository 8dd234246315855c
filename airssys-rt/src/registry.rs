//! Actors by name.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::ExitReason;
use crate::cell::{AnyCell, Cell};

/// The actors of a system, from the moment that their name is taken until they end for good.
#[derive(Default)]
pub(crate) struct Registry {
    actors: DashMap<Arc<str>, Arc<dyn AnyCell>>,
    last_id: AtomicU64,
    stopped: AtomicBool,
}

impl Registry {
    /// A number that no other actor of this system has.
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes a name; false if another has it.
    pub(crate) fn register(&self, cell: Arc<dyn AnyCell>) -> bool {
        match self.actors.entry(cell.name().clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(cell);
                true
            }
        }
    }

    pub(crate) fn find<M: Send + 'static>(&self, name: &str) -> Option<Arc<Cell<M>>> {
        let cell: Arc<dyn Any + Send + Sync> = self.actors.get(name)?.value().clone();
        cell.downcast().ok()
    }

    /// All actors, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyCell>> {
        let mut all: Vec<_> = self.actors.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by_key(|cell| cell.id());
        all
    }

    /// Ends an actor for good: whoever sees that it has ended finds its mailbox closed and its
    /// name free.
    pub(crate) fn retire(&self, cell: &dyn AnyCell, reason: ExitReason) {
        cell.close();
        self.actors.remove_if(cell.name(), |_, found| found.id() == cell.id());
        cell.announce(reason);
    }

    /// No actor can be started any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}
