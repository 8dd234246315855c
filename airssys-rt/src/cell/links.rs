//! The links of an actor, and what it does when an actor that it watches ends.

use std::sync::Arc;

use airssys_core::Down;

use super::Cell;
use crate::monitor::{Link, Watcher, WatcherKey};

impl<M: Send + 'static> Cell<M> {
    /// Links an incarnation of this actor with another actor, unless it is about to fail. If the other
    /// has failed for good, this incarnation fails.
    pub(crate) fn link<N: Send + 'static>(self: &Arc<Self>, incarnation: u64, other: &Arc<Cell<N>>) {
        // Its next incarnation makes its own links.
        if !self.life.is_running(incarnation) {
            return;
        }
        let (this, watcher): (Arc<dyn Watcher>, Arc<dyn Watcher>) = (self.clone(), other.clone());
        let others = other.watchers().link(&other.life, &this, incarnation);
        self.watchers().link_back(&self.life, &watcher, Link { watched: incarnation, watcher: others });
        if let Some(down) = other.already_down() {
            self.unlink(other);
            if down.reason.is_failure() {
                self.fail_with(incarnation, Arc::new(down).first());
            }
        }
    }

    pub(super) fn watcher_key(&self) -> WatcherKey {
        (self.id, std::ptr::from_ref(self).addr())
    }

    /// Ends the link with another actor, for both sides.
    pub(crate) fn unlink<N: Send + 'static>(self: &Arc<Self>, other: &Arc<Cell<N>>) {
        let (this, watcher): (Arc<dyn Watcher>, Arc<dyn Watcher>) = (self.clone(), other.clone());
        self.watchers().unlink(&watcher);
        other.watchers().unlink(&this);
    }
}

impl<M: Send + 'static> Watcher for Cell<M> {
    fn id(&self) -> u64 {
        self.id
    }

    fn has_ended(&self) -> bool {
        self.exit.get().is_some()
    }

    fn notify(&self, down: Down) {
        self.mailbox.notify(|notifications| notifications.add(down));
    }

    fn withdraw(&self, id: u64) {
        self.mailbox.notify(|notifications| notifications.withdraw(id));
    }

    fn fail_with(&self, incarnation: u64, down: Arc<Down>) {
        if self.life.doom(incarnation) {
            self.mailbox.notify(|notifications| notifications.fail(incarnation, down));
        }
    }

    fn end_links(&self, with: WatcherKey, incarnation: u64) {
        if let Some(dependents) = self.dependents.get() {
            dependents.watchers.end_links(with, incarnation);
        }
    }
}
