//! The children of an actor: those that its running incarnation has started.

use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};

use airssys_core::{Down, ExitReason};
use tokio::sync::MutexGuard;

use crate::monitor::Watcher;
use crate::sync::lock;

/// The incarnation of an actor whose children a supervisor runs.
pub(crate) struct ParentActor {
    id: u64,
    actor: Weak<dyn Watcher>,
    incarnation: u64,
}

impl ParentActor {
    pub(crate) fn new(actor: &Arc<dyn Watcher>, incarnation: u64) -> Self {
        Self { id: actor.id(), actor: Arc::downgrade(actor), incarnation }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Fails the incarnation, because its children failed too often.
    pub(crate) fn fail(&self, down: Down) {
        if let Some(actor) = self.actor.upgrade() {
            actor.fail_with(self.incarnation, Arc::new(down));
        }
    }
}

/// The supervisor of an actor's children, as the actor knows it.
pub(crate) trait ChildrenSupervisor: Any + Send + Sync {
    fn stop_for_good(&self);
    fn ended(&self) -> Pin<Box<dyn Future<Output = ExitReason> + Send + '_>>;
}

/// The supervisor of an actor's children; made for the first child of an incarnation.
#[derive(Default)]
pub(crate) struct ActorChildren {
    current: Mutex<Option<IncarnationChildren>>,
    starting: tokio::sync::Mutex<()>,
}

/// The children of one incarnation.
#[derive(Clone)]
pub(crate) struct IncarnationChildren {
    pub(crate) incarnation: u64,
    pub(crate) supervisor: Arc<dyn ChildrenSupervisor>,
}

impl ActorChildren {
    /// Waits until no other task starts a supervisor; none does while the guard is held.
    pub(crate) async fn start_alone(&self) -> MutexGuard<'_, ()> {
        self.starting.lock().await
    }

    pub(crate) fn current(&self) -> Option<IncarnationChildren> {
        lock(&self.current).clone()
    }

    pub(crate) fn replace(&self, children: IncarnationChildren) {
        *lock(&self.current) = Some(children);
    }

    /// Stops the children, if there are any.
    pub(crate) fn stop(&self) {
        if let Some(children) = self.current() {
            children.supervisor.stop_for_good();
        }
    }

    /// Waits until the children have ended.
    pub(crate) async fn ended(&self) {
        if let Some(children) = self.current() {
            children.supervisor.ended().await;
        }
    }
}
