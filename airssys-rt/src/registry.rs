//! Actors by name.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use airssys_core::ExitReason;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;
use smol_str::SmolStr;
use tokio::task::JoinHandle;

use crate::cell::{AnyCell, Cell};
use crate::groups::GroupTable;
use crate::services::Services;
use crate::sync::lock;

/// The actors and supervisors of a system that have a name, from the moment that it is taken until
/// they end for good.
pub(crate) struct Registry {
    services: Arc<Services>,
    /// Short names are in the table itself: a look at one elsewhere costs as much as all the rest.
    actors: DashMap<SmolStr, Arc<dyn AnyCell>, RandomState>,
    last_id: AtomicU64,
    stopped: AtomicBool,
    groups: GroupTable,
    /// Tasks that were aborted and may still be there; the root joins them.
    strays: Mutex<Vec<JoinHandle<()>>>,
}

impl Registry {
    pub(crate) fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            actors: DashMap::default(),
            last_id: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            groups: GroupTable::default(),
            strays: Mutex::default(),
        }
    }

    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// A number that no other actor of this system has.
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes the name, if there is one; false if another has it.
    pub(crate) fn register(&self, cell: Arc<dyn AnyCell>) -> bool {
        if cell.name().is_empty() {
            return true;
        }
        match self.actors.entry(cell.name().clone().into()) {
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

    /// All that have a name, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyCell>> {
        let mut all: Vec<_> = self.actors.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by_key(|cell| cell.id());
        all
    }

    pub(crate) fn groups(&self) -> &GroupTable {
        &self.groups
    }

    /// Ends an actor for good: whoever sees that it has ended finds its mailbox closed, its name
    /// free, and no group that it is in.
    pub(crate) fn retire(&self, cell: &dyn AnyCell, reason: ExitReason) {
        // Before the mailbox closes: nobody finds one that takes no more messages.
        if !cell.name().is_empty() {
            // One that was given up on may end when another has its name.
            self.actors.remove_if(&**cell.name(), |_, registered| registered.id() == cell.id());
        }
        cell.close();
        if cell.is_grouped() {
            self.groups.leave_all(cell.id());
        }
        cell.announce(reason);
    }

    pub(crate) fn add_strays(&self, tasks: Vec<JoinHandle<()>>) {
        lock(&self.strays).extend(tasks);
    }

    pub(crate) fn take_strays(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut *lock(&self.strays))
    }

    /// No actor can be started any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// The place in the registry of an actor or a supervisor that nobody runs yet; dropped, it ends it
/// for good.
pub(crate) struct Place {
    registry: Arc<Registry>,
    cell: Option<Arc<dyn AnyCell>>,
}

impl Place {
    pub(crate) fn new(registry: Arc<Registry>, cell: Arc<dyn AnyCell>) -> Self {
        Self { registry, cell: Some(cell) }
    }

    pub(crate) fn is_in(&self, registry: &Arc<Registry>) -> bool {
        Arc::ptr_eq(&self.registry, registry)
    }

    /// A supervisor has it now.
    pub(crate) fn taken(mut self) {
        self.cell = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            self.registry.retire(&*cell, ExitReason::Shutdown);
        }
    }
}
