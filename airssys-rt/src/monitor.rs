//! Who hears of the end of an actor: monitors and links.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use crate::sync::lock;
use crate::{ExitReason, Identity};

/// An incarnation of an actor ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Down {
    /// Whose.
    pub actor: Identity,
    /// How it ended.
    pub reason: ExitReason,
    /// Whether it is restarted: a monitor stays then. If not, the actor has ended for good.
    pub restarting: bool,
}

/// An actor that hears of others.
pub(crate) trait Hears: Send + Sync {
    fn id(&self) -> u64;
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
    /// By their numbers.
    list: Mutex<BTreeMap<u64, Watcher>>,
}

struct Watcher {
    cell: Weak<dyn Hears>,
    monitors: bool,
    /// The incarnation that is linked.
    linked: Option<u64>,
}

impl Watchers {
    fn change(&self, cell: &Arc<dyn Hears>, change: impl FnOnce(&mut Watcher)) {
        let mut list = lock(&self.list);
        let watcher = list.entry(cell.id()).or_insert_with(|| Watcher {
            cell: Arc::downgrade(cell),
            monitors: false,
            linked: None,
        });
        change(watcher);
        if !watcher.monitors && watcher.linked.is_none() {
            list.remove(&cell.id());
        }
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
            let mut watchers = lock(&self.list);
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

    pub(crate) fn fail(&mut self, incarnation: u64, down: Down) {
        self.failure.get_or_insert((incarnation, down));
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
