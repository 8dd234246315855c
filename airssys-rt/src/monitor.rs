//! Who hears of the end of an actor: monitors and links.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use airssys_core::Down;

use crate::sync::lock;

/// An actor that hears of others.
pub(crate) trait Hears: Send + Sync {
    fn id(&self) -> u64;
    /// Whether it has ended for good: there is nobody to tell any more.
    fn has_ended(&self) -> bool;
    /// Notes that an incarnation of another actor ended, which this one monitors.
    fn hear(&self, down: Down);
    /// Forgets what was heard of another actor.
    fn unhear(&self, id: u64);
    /// Ends this incarnation, because of what happened to another actor.
    fn fail_with(&self, incarnation: u64, down: Down);
}

/// Who wants to hear of an actor's ends.
#[derive(Default)]
pub(crate) struct Watchers {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    /// By id, and since another system may have the same, by the place in memory: it is not another's
    /// for as long as there is a weak reference.
    by_id: BTreeMap<(u64, usize), Watcher>,
    /// How long the list is when those who have ended are next taken out of it.
    sweep_at: usize,
}

/// The list is not swept below this length.
const SWEEP_FROM: usize = 16;

struct Watcher {
    cell: Weak<dyn Hears>,
    monitors: bool,
    /// The incarnation that is linked.
    linked: Option<u64>,
}

impl Watchers {
    fn change(&self, cell: &Arc<dyn Hears>, change: impl FnOnce(&mut Watcher)) {
        let mut list = lock(&self.list);
        let new = || Watcher { cell: Arc::downgrade(cell), monitors: false, linked: None };
        let key = (cell.id(), Arc::as_ptr(cell).addr());
        let watcher = list.by_id.entry(key).or_insert_with(new);
        change(watcher);
        if !watcher.monitors && watcher.linked.is_none() {
            list.by_id.remove(&key);
        }
        list.sweep();
    }

    pub(crate) fn monitor(&self, watcher: &Arc<dyn Hears>, monitors: bool) {
        self.change(watcher, |entry| entry.monitors = monitors);
    }

    pub(crate) fn link(&self, watcher: &Arc<dyn Hears>, incarnation: Option<u64>) {
        self.change(watcher, |entry| entry.linked = incarnation);
    }

    /// Tells all; what is linked is not any more, and if the actor has ended for good, nobody is
    /// told again.
    pub(crate) fn tell(&self, down: &Down) {
        let told: Vec<_> = {
            let watchers = &mut lock(&self.list).by_id;
            let told = watchers
                .values_mut()
                .map(|watcher| (watcher.cell.clone(), watcher.monitors, watcher.linked.take()))
                .collect();
            match down.restarting {
                true => watchers.retain(|_, watcher| watcher.monitors),
                false => watchers.clear(),
            }
            told
        };
        for (cell, monitors, linked) in told {
            let Some(cell) = cell.upgrade() else { continue };
            if monitors {
                cell.hear(down.clone());
            }
            if let Some(incarnation) = linked.filter(|_| down.reason.is_failure()) {
                cell.fail_with(incarnation, down.clone());
            }
        }
    }
}

impl List {
    /// Forgets those who have ended, whenever the list has doubled: they may have watched until
    /// their own end.
    fn sweep(&mut self) {
        if self.by_id.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.by_id.retain(|_, watcher| watcher.cell.upgrade().is_some_and(|cell| !cell.has_ended()));
            self.sweep_at = 2 * self.by_id.len();
        }
    }
}

/// What an actor has heard and not handled: of each actor that it monitors, the last.
#[derive(Default)]
pub(crate) struct Heard {
    downs: BTreeMap<u64, Down>,
    /// The failure of a linked actor, and the incarnation of this one that it ends.
    failure: Option<(u64, Down)>,
}

impl Heard {
    pub(crate) fn hear(&mut self, down: Down) {
        self.downs.insert(down.actor.id, down);
    }

    /// The first failure counts, unless the incarnation that it ends is over.
    pub(crate) fn fail(&mut self, incarnation: u64, down: Down) {
        if self.failure.as_ref().is_none_or(|(meant, _)| *meant < incarnation) {
            self.failure = Some((incarnation, down));
        }
    }

    pub(crate) fn forget(&mut self, id: u64) {
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
