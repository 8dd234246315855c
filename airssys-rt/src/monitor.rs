//! Monitors and links: notifications of the ends of actors.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use airssys_core::Down;
use smallvec::SmallVec;

use crate::life::Life;
use crate::sync::{Mutex, lock};

/// An actor that monitors others, or is linked with them.
pub(crate) trait Watcher: Send + Sync {
    fn id(&self) -> u64;
    /// Returns true if it has ended for good: notifications would be lost.
    fn has_ended(&self) -> bool;
    /// Notifies it that an incarnation of an actor that it monitors ended.
    fn notify(&self, down: Down);
    /// Withdraws a notification about another actor that it has not handled yet.
    fn withdraw(&self, id: u64);
    /// Fails this incarnation if it is running, because a linked actor or its children failed.
    fn fail_with(&self, incarnation: u64, down: Arc<Down>);
    /// Ends the links of this incarnation with another actor, which has failed it.
    fn end_links(&self, with: WatcherKey, incarnation: u64);
}

/// The id and the address of a watcher, because another system may have the same id. The address is
/// not reused while there is a weak reference.
pub(crate) type WatcherKey = (u64, usize);

/// The watchers of an actor.
#[derive(Default)]
pub(crate) struct Watchers {
    list: Mutex<WatcherList>,
}

#[derive(Default)]
struct WatcherList {
    by_id: BTreeMap<WatcherKey, WatcherEntry>,
    /// The length at which watchers that have ended are removed next.
    sweep_at: usize,
}

/// The list is not swept while it is shorter than this.
const SWEEP_FROM: usize = 16;

struct WatcherEntry {
    cell: Weak<dyn Watcher>,
    monitors: bool,
    links: Links,
}

/// A link of a watched actor with a watcher, by their incarnations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) watched: u64,
    pub(crate) watcher: u64,
}

/// The links of two actors: more than one only while an incarnation ends.
type Links = SmallVec<[Link; 1]>;

impl Watchers {
    fn change(&self, cell: &Arc<dyn Watcher>, change: impl FnOnce(&mut WatcherEntry)) {
        let mut list = lock(&self.list);
        let new = || WatcherEntry { cell: Arc::downgrade(cell), monitors: false, links: Links::new() };
        let key: WatcherKey = (cell.id(), Arc::as_ptr(cell).addr());
        let watcher = list.by_id.entry(key).or_insert_with(new);
        change(watcher);
        if watcher.is_idle() {
            list.by_id.remove(&key);
        }
        list.sweep();
    }

    pub(crate) fn monitor(&self, watcher: &Arc<dyn Watcher>, monitors: bool) {
        self.change(watcher, |entry| entry.monitors = monitors);
    }

    /// Links the watched actor, whose life this is, with an incarnation of a watcher. Returns the
    /// incarnation of the watched actor that the link is with.
    pub(crate) fn link(&self, life: &Life, watcher: &Arc<dyn Watcher>, incarnation: u64) -> u64 {
        let mut watched = 0;
        self.change(watcher, |entry| {
            // Under the lock: an incarnation that ends later finds the link.
            watched = life.next_link();
            entry.add(Link { watched, watcher: incarnation });
        });
        watched
    }

    /// Records the other side of a link, which an incarnation of the watched actor has made. Its life
    /// is this one.
    pub(crate) fn link_back(&self, life: &Life, watcher: &Arc<dyn Watcher>, link: Link) {
        self.change(watcher, |entry| {
            // An aborted incarnation that blocks its worker may go on after its end.
            if !life.is_over(link.watched) {
                entry.add(link);
            }
        });
    }

    pub(crate) fn unlink(&self, watcher: &Arc<dyn Watcher>) {
        self.change(watcher, |entry| entry.links.clear());
    }

    /// Ends the links of an incarnation with the watcher that has failed it.
    pub(crate) fn end_links(&self, watcher: WatcherKey, incarnation: u64) {
        let watchers = &mut lock(&self.list).by_id;
        if let Some(entry) = watchers.get_mut(&watcher) {
            entry.links.retain(|link| link.watched != incarnation);
            if entry.is_idle() {
                watchers.remove(&watcher);
            }
        }
    }

    /// Notifies all watchers of an end that has been recorded in the life of the watched actor, and
    /// ends the links of that incarnation. If the actor has ended for good, all watchers are removed.
    pub(crate) fn notify_all(&self, own_key: WatcherKey, life: &Life, down: &Arc<Down>) {
        let notified: Vec<_> = {
            let watchers = &mut lock(&self.list).by_id;
            let is_over = |link: &Link| !down.restarting || life.is_over(link.watched);
            let notified = watchers
                .values_mut()
                .map(|entry| (entry.cell.clone(), entry.monitors, entry.take_links(is_over)))
                .collect();
            match down.restarting {
                true => watchers.retain(|_, entry| !entry.is_idle()),
                false => watchers.clear(),
            }
            notified
        };
        let first = down.first();
        for (cell, monitors, links) in notified {
            if !monitors && links.is_empty() {
                continue;
            }
            let Some(cell) = cell.upgrade() else { continue };
            if monitors {
                cell.notify(Down::clone(down));
            }
            for link in links.into_iter().filter(|_| down.reason.is_failure()) {
                // Its end comes from here, so it is not passed back to the next incarnation here.
                cell.end_links(own_key, link.watcher);
                cell.fail_with(link.watcher, first.clone());
            }
        }
    }
}

impl WatcherEntry {
    fn is_idle(&self) -> bool {
        !self.monitors && self.links.is_empty()
    }

    /// Adds a link; one that is made twice counts once.
    fn add(&mut self, link: Link) {
        if !self.links.contains(&link) {
            self.links.push(link);
        }
    }

    fn take_links(&mut self, taken: impl Fn(&Link) -> bool) -> Links {
        let links = std::mem::take(&mut self.links);
        let (taken, left) = links.into_iter().partition(taken);
        self.links = left;
        taken
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
    failure: Option<(u64, Arc<Down>)>,
}

impl Notifications {
    pub(crate) fn add(&mut self, down: Down) {
        self.downs.insert(down.actor.id, down);
    }

    /// Keeps the first failure, unless the incarnation that it ends is over.
    pub(crate) fn fail(&mut self, incarnation: u64, down: Arc<Down>) {
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
    pub(crate) fn take_failure(&mut self, incarnation: u64) -> Option<Arc<Down>> {
        self.failure.take().filter(|(meant, _)| *meant == incarnation).map(|(_, down)| down)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.downs.is_empty() && self.failure.is_none()
    }
}
