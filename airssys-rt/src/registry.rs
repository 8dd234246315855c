//! The registry of names.

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

use crate::cell::Cell;
use crate::child::Registered;
use crate::group_table::GroupTable;
use crate::services::Services;
use crate::sync::lock;

/// The actors and supervisors of a system that have a name, from the moment that the name is taken
/// until they end for good.
pub(crate) struct Registry {
    services: Arc<Services>,
    /// Short names are stored in the table itself, because following a pointer to a name costs as
    /// much as the rest of a look-up.
    actors: DashMap<SmolStr, Arc<dyn Registered>, RandomState>,
    last_id: AtomicU64,
    stopped: AtomicBool,
    groups: GroupTable,
    /// Aborted tasks that may not have ended; the root joins them.
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

    /// The number of a new actor or supervisor: unique in this system.
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes the name, if there is one. Returns false if another actor or supervisor has it.
    pub(crate) fn register<C: Registered>(&self, cell: &Arc<C>) -> bool {
        if cell.name().is_empty() {
            return true;
        }
        match self.actors.entry(cell.name().clone().into()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(cell.clone());
                true
            }
        }
    }

    /// The actor with this name, if it takes messages of this type.
    pub(crate) fn find<M: Send + 'static>(&self, name: &str) -> Option<Arc<Cell<M>>> {
        let cell: Arc<dyn Any + Send + Sync> = self.actors.get(name)?.value().clone();
        cell.downcast::<Cell<M>>().ok().filter(|cell| !cell.mailbox.is_closed())
    }

    /// All actors and supervisors that have a name, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<dyn Registered>> {
        let mut all: Vec<_> = self.actors.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by_key(|cell| cell.id());
        all
    }

    pub(crate) fn groups(&self) -> &GroupTable {
        &self.groups
    }

    /// Ends an actor for good. Before its end is announced, its mailbox is closed, its name is free,
    /// and it is in no group.
    pub(crate) fn retire(&self, cell: &dyn Registered, reason: ExitReason) {
        // Before the mailbox closes, so that a look-up never finds an actor that takes no messages.
        if !cell.name().is_empty() {
            // A child that its supervisor gave up on may end when another has its name.
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

    /// Makes every further start fail.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// An actor or a supervisor that has a name and has not been started. Dropped, it ends for good.
pub(crate) struct UnstartedChild {
    registry: Arc<Registry>,
    cell: Option<Arc<dyn Registered>>,
}

impl UnstartedChild {
    pub(crate) fn new(registry: Arc<Registry>, cell: Arc<dyn Registered>) -> Self {
        Self { registry, cell: Some(cell) }
    }

    pub(crate) fn is_in(&self, registry: &Arc<Registry>) -> bool {
        Arc::ptr_eq(&self.registry, registry)
    }

    /// Keeps the name: a supervisor runs the child now, or a [`Starting`] takes care of it.
    pub(crate) fn keep(mut self) {
        self.cell = None;
    }
}

/// As [`UnstartedChild`], for the time of a start. Counts no references, because actors are started in
/// great numbers.
pub(crate) struct Starting<'a> {
    registry: &'a Registry,
    cell: Option<&'a dyn Registered>,
}

impl<'a> Starting<'a> {
    pub(crate) fn new(registry: &'a Registry, cell: &'a dyn Registered) -> Self {
        Self { registry, cell: Some(cell) }
    }

    /// Keeps the name: a supervisor runs the child now.
    pub(crate) fn keep(mut self) {
        self.cell = None;
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        if let Some(cell) = self.cell {
            self.registry.retire(cell, ExitReason::Shutdown);
        }
    }
}

impl Drop for UnstartedChild {
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            self.registry.retire(&*cell, ExitReason::Shutdown);
        }
    }
}
