//! Monitors and links: notifications of the ends of actors.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use airssys_core::Down;
use smallvec::SmallVec;

use crate::causes::Causes;
use crate::incarnations::Incarnations;
use crate::sync::{Mutex, lock};

/// An actor that monitors others, or is linked with them.
pub(crate) trait Watcher: Send + Sync {
    fn id(&self) -> u64;
    /// Returns true if it has ended for good: notifications would be lost.
    fn has_ended(&self) -> bool;
    /// Notifies it that an incarnation of an actor that it monitors ended.
    fn notify(&self, of: WatcherKey, down: Down);
    /// Withdraws a notification about another actor that it has not handled yet.
    fn withdraw(&self, of: WatcherKey);
    /// Fails this incarnation if it is running, because a linked actor or its children failed.
    fn fail_with(&self, incarnation: u64, down: Arc<Down>);
    /// Returns true if it has been restarted because of this failure.
    fn was_restarted_for(&self, failure: &Arc<Down>) -> bool;
    /// Moves the link of this incarnation to the next incarnation of another actor. Returns false if
    /// there is none any more.
    fn renew_link(&self, with: WatcherKey, incarnation: u64, next: u64) -> bool;
}

/// The id and the address of an actor, because another system may have the same id. The address is
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
    restarted_for: Causes,
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

    /// Links the watched actor, whose incarnations these are, with an incarnation of a watcher. Returns the
    /// incarnation of the watched actor that the link is with.
    pub(crate) fn link(
        &self,
        incarnations: &Incarnations,
        watcher: &Arc<dyn Watcher>,
        incarnation: u64,
    ) -> u64 {
        let mut watched = 0;
        self.change(watcher, |entry| {
            // Under the lock: an incarnation that ends later finds the link.
            watched = incarnations.next_link();
            entry.add(Link { watched, watcher: incarnation });
        });
        watched
    }

    /// Records the other side of a link, which an incarnation of the watched actor has made.
    pub(crate) fn link_back(&self, incarnations: &Incarnations, watcher: &Arc<dyn Watcher>, link: Link) {
        self.change(watcher, |entry| {
            // An aborted incarnation that blocks its worker may go on after its end.
            if !incarnations.is_over(link.watched) {
                entry.add(link);
            }
        });
    }

    pub(crate) fn unlink(&self, watcher: &Arc<dyn Watcher>) {
        self.change(watcher, |entry| entry.links.clear());
    }

    /// Moves the link of an incarnation to the next incarnation of the watcher. Returns false if there
    /// is none any more.
    pub(crate) fn renew_link(&self, watcher: WatcherKey, incarnation: u64, next: u64) -> bool {
        let new = Link { watched: incarnation, watcher: next };
        let mut list = lock(&self.list);
        let Some(entry) = list.by_id.get_mut(&watcher) else { return false };
        let moved = entry.take_links(|link| link.watched == incarnation);
        if !moved.is_empty() {
            entry.add(new);
        }
        !moved.is_empty()
    }

    /// Records that the next incarnation is started because of these failures.
    pub(crate) fn restart_for(&self, causes: &Causes) {
        lock(&self.list).restarted_for.extend(causes);
    }

    /// Returns true if the actor has been restarted because of this failure.
    pub(crate) fn was_restarted_for(&self, failure: &Arc<Down>) -> bool {
        lock(&self.list).restarted_for.contains(failure)
    }

    /// Notifies all watchers of an end that has been recorded in the incarnations of the watched actor,
    /// and ends the links of that incarnation. If the actor has ended for good, all watchers are
    /// removed.
    pub(crate) fn notify_all(&self, own_key: WatcherKey, incarnations: &Incarnations, down: &Arc<Down>) {
        let failure = down.reason.is_failure().then(|| down.first());
        let notified: Vec<_> = {
            let WatcherList { by_id, restarted_for, .. } = &mut *lock(&self.list);
            failure.iter().for_each(|failure| restarted_for.add(failure));
            let is_over = |link: &Link| !down.restarting || incarnations.is_over(link.watched);
            let notified = by_id
                .values_mut()
                .map(|entry| (entry.cell.clone(), entry.monitors, entry.take_links(is_over)))
                .collect();
            match down.restarting {
                true => by_id.retain(|_, entry| !entry.is_idle()),
                false => by_id.clear(),
            }
            notified
        };
        for (cell, monitors, links) in notified {
            if !monitors && links.is_empty() {
                continue;
            }
            let Some(cell) = cell.upgrade() else { continue };
            if monitors {
                cell.notify(own_key, Down::clone(down));
            }
            let Some(failure) = &failure else { continue };
            for link in links {
                if down.restarting && cell.was_restarted_for(failure) {
                    self.renew(own_key, &cell, link.watcher, incarnations.next_link());
                } else {
                    cell.fail_with(link.watcher, failure.clone());
                }
            }
        }
    }

    /// Makes a link, which an incarnation has ended, with the next one.
    fn renew(&self, own_key: WatcherKey, cell: &Arc<dyn Watcher>, watcher: u64, next: u64) {
        let new = Link { watched: next, watcher };
        self.change(cell, |entry| entry.add(new));
        // An `unlink` comes to the other side first.
        if !cell.renew_link(own_key, watcher, next) {
            self.change(cell, |entry| entry.links.retain(|link| *link != new));
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
    downs: BTreeMap<WatcherKey, Down>,
    /// The failure of a linked actor, and the incarnation of this one that it ends.
    failure: Option<(u64, Arc<Down>)>,
}

impl Notifications {
    pub(crate) fn add(&mut self, of: WatcherKey, down: Down) {
        self.downs.insert(of, down);
    }

    /// Keeps the first failure, unless the incarnation that it ends is over.
    pub(crate) fn fail(&mut self, incarnation: u64, down: Arc<Down>) {
        if self.failure.as_ref().is_none_or(|(meant, _)| *meant < incarnation) {
            self.failure = Some((incarnation, down));
        }
    }

    pub(crate) fn withdraw(&mut self, of: WatcherKey) {
        self.downs.remove(&of);
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
