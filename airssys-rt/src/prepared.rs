//! Actors that have not been started.

use std::fmt;
use std::sync::Arc;

use crate::actor_ref::ActorRef;
use crate::cell::Cell;
use crate::child_spec::ChildSpec;
use crate::registry::UnstartedChild;

/// An actor that has a name and a mailbox, and has not been started.
///
/// It takes messages, which are handled once it is [started](crate::ActorSystem::start). Dropped
/// instead, it ends: the name is free again and the mailbox is closed.
#[must_use = "dropped, the actor ends"]
pub struct Prepared<M> {
    pub(crate) cell: Arc<Cell<M>>,
    pub(crate) unstarted: UnstartedChild,
    pub(crate) spec: ChildSpec,
}

impl<M: Send + 'static> Prepared<M> {
    /// A reference to the actor.
    pub fn actor_ref(&self) -> ActorRef<M> {
        ActorRef::new(self.cell.clone())
    }
}

impl<M> fmt::Debug for Prepared<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.spec).finish()
    }
}
