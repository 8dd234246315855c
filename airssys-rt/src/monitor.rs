//! Monitors and links: notifications of the ends of actors.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use airssys_core::Down;

use crate::sync::lock;

/// An actor that monitors others, or is linked with them.
pub(crate) trait Watcher: Send + Sync {
    fn id(&self) -> u64;
    /// Returns true if it has ended for good: notifications would be lost.
    fn has_ended(&self) -> bool;
    /// Notifies it that an incarnation of an actor that it monitors ended.
    fn notify(&self, down: Down);
    /// Withdraws a notification about another actor that it has not handled yet.
    fn withdraw(&self, id: u64);
    /// Fails this incarnation, because a linked actor or its children failed.
    fn fail_with(&self, incarnation: u64, down: Down);
}

/// The watchers of an actor.
#[derive(Default)]
pub(crate) struct Watchers {
    list: Mutex<WatcherList>,
}

#[derive(Default)]
struct WatcherList {
    /// By id and by address, because another system may have the same id. The address is not reused
    /// while there is a weak reference.
    by_id: BTreeMap<(u64, usize), WatcherEntry>,
    /// The length at which watchers that have ended are removed next.
    sweep_at: usize,
}

/// The list is not swept while it is shorter than this.
const SWEEP_FROM: usize = 16;

struct WatcherEntry {
    cell: Weak<dyn Watcher>,
    monitors: bool,
    /// The linked incarnation of the watcher.
    linked: Option<u64>,
}

impl Watchers {
    fn change(&self, cell: &Arc<dyn Watcher>, change: impl FnOnce(&mut WatcherEntry)) {
        let mut list = lock(&self.list);
        let new = || WatcherEntry { cell: Arc::downgrade(cell), monitors: false, linked: None };
        let key = (cell.id(), Arc::as_ptr(cell).addr());
        let watcher = list.by_id.entry(key).or_insert_with(new);
        change(watcher);
        if !watcher.monitors && watcher.linked.is_none() {
            list.by_id.remove(&key);
        }
        list.sweep();
    }

    pub(crate) fn monitor(&self, watcher: &Arc<dyn Watcher>, monitors: bool) {
        self.change(watcher, |entry| entry.monitors = monitors);
    }

    pub(crate) fn link(&self, watcher: &Arc<dyn Watcher>, incarnation: Option<u64>) {
        self.change(watcher, |entry| entry.linked = incarnation);
    }

    /// Notifies all watchers and ends the links. If the actor has ended for good, all watchers are
    /// removed.
    pub(crate) fn notify_all(&self, down: &Down) {
        let notified: Vec<_> = {
            let watchers = &mut lock(&self.list).by_id;
            let notified = watchers
                .values_mut()
                .map(|watcher| (watcher.cell.clone(), watcher.monitors, watcher.linked.take()))
                .collect();
            match down.restarting {
                true => watchers.retain(|_, watcher| watcher.monitors),
                false => watchers.clear(),
            }
            notified
        };
        for (cell, monitors, linked) in notified {
            let Some(cell) = cell.upgrade() else { continue };
            if monitors {
                cell.notify(down.clone());
            }
            if let Some(incarnation) = linked.filter(|_| down.reason.is_failure()) {
                cell.fail_with(incarnation, down.clone());
            }
        }
    }
}

impl WatcherList {
    /// Removes watchers that have ended, whenever the list has doubled: an actor may watch until its
    /// own end.
    fn sweep(&mut self) {
        if self.by_id.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.by_id.retain(|_, watcher| watcher.cell.upgrade().is_some_and(|cell| !cell.has_ended()));
            self.sweep_at = 2 * self.by_id.len();
        }
    }
}

/// The notifications that an actor has not handled: the last of each actor that it monitors.
#[derive(Default)]
pub(crate) struct Notifications {
    downs: BTreeMap<u64, Down>,
    /// The failure of a linked actor, and the incarnation of this one that it ends.
    failure: Option<(u64, Down)>,
}

impl Notifications {
    pub(crate) fn add(&mut self, down: Down) {
        self.downs.insert(down.actor.id, down);
    }

    /// Keeps the first failure, unless the incarnation that it ends is over.
    pub(crate) fn fail(&mut self, incarnation: u64, down: Down) {
        if self.failure.as_ref().is_none_or(|(meant, _)| *meant < incarnation) {
            self.failure = Some((incarnation, down));
        }
    }

    pub(crate) fn withdraw(&mut self, id: u64) {
        self.downs.remove(&id);
    }

    pub(crate) fn take_down(&mut self) -> Option<Down> {
        self.downs.pop_first().map(|(_, down)| down)
    }

    /// The failure that ends this incarnation.
    pub(crate) fn take_failure(&mut self, incarnation: u64) -> Option<Down> {
        self.failure.take().filter(|(meant, _)| *meant == incarnation).map(|(_, down)| down)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.downs.is_empty() && self.failure.is_none()
    }
}
