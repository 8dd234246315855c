//! The links of an actor, and what it does when an actor that it watches ends.

use std::sync::Arc;

use airssys_core::Down;

use super::Cell;
use crate::monitor::{Link, Watcher, WatcherKey};

impl<M: Send + 'static> Cell<M> {
    /// Links an incarnation of this actor with another actor. If the other has failed for good, this
    /// incarnation fails.
    pub(crate) fn link<N: Send + 'static>(self: &Arc<Self>, incarnation: u64, other: &Arc<Cell<N>>) {
        let (this, watcher): (Arc<dyn Watcher>, Arc<dyn Watcher>) = (self.clone(), other.clone());
        let others = other.watchers().link(&other.incarnations, &this, incarnation);
        self.watchers().link_back(
            &self.incarnations,
            &watcher,
            Link { watched: incarnation, watcher: others },
        );
        if let Some(down) = other.already_down() {
            self.unlink(other);
            if down.reason.is_failure() {
                self.fail_with(incarnation, Arc::new(down).first());
            }
        }
    }

    pub(crate) fn watcher_key(&self) -> WatcherKey {
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
        self.exit.is_set()
    }

    fn notify(&self, of: WatcherKey, down: Down) {
        self.mailbox.notify(|notifications| notifications.add(of, down));
    }

    fn withdraw(&self, of: WatcherKey) {
        self.mailbox.notify(|notifications| notifications.withdraw(of));
    }

    fn fail_with(&self, incarnation: u64, down: Arc<Down>) {
        if self.incarnations.doom(incarnation) {
            self.mailbox.notify(|notifications| notifications.fail(incarnation, down));
        }
    }

    fn was_restarted_for(&self, failure: &Arc<Down>) -> bool {
        self.rare.get().is_some_and(|rare| rare.watchers.was_restarted_for(failure))
    }

    fn renew_link(&self, with: WatcherKey, incarnation: u64, next: u64) -> bool {
        let rare = self.rare.get();
        rare.is_some_and(|rare| rare.watchers.renew_link(with, incarnation, next))
    }
}
