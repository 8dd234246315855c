//! Process groups.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::actor_ref::ActorRef;
use crate::cell::Cell;
use crate::child::Registered;
use crate::errors::JoinError;
use crate::registry::Registry;

/// The process groups of a system: any number of actors under one name, and any number of names
/// for one actor.
///
/// Made by [`ActorSystem::groups`](crate::ActorSystem::groups). Cheap to clone. An actor is in a
/// group at most once, over all of its incarnations. It leaves all groups when it takes no more
/// messages, because it has ended for good or is [draining](ActorRef::drain). A group exists while it
/// has a member.
///
/// ```
/// use airssys_rt::{ActorRef, Groups, JoinError};
///
/// enum Cache { Evict(String) }
///
/// fn evict_everywhere(groups: &Groups, own: &ActorRef<Cache>, key: &str) -> Result<usize, JoinError> {
///     groups.join("caches", own)?;
///     let caches = groups.members::<Cache>("caches");
///     let told = caches.iter().filter(|cache| cache.try_send(Cache::Evict(key.to_owned())).is_ok());
///     Ok(told.count())
/// }
/// ```
#[derive(Clone)]
pub struct Groups {
    registry: Arc<Registry>,
}

impl Groups {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// Adds an actor to a group, as its last member. Returns false if it is a member already; it keeps
    /// its place then.
    ///
    /// It leaves by itself when it ends for good.
    pub fn join<M: Send + 'static>(
        &self,
        group: impl Into<Arc<str>>,
        actor: &ActorRef<M>,
    ) -> Result<bool, JoinError> {
        let cell = actor.cell();
        if !std::ptr::eq(cell.services(), &**self.registry.services()) {
            return Err(JoinError::OtherSystem);
        }
        self.registry.groups().join(group.into(), cell.clone())
    }

    /// Removes an actor from a group. Returns false if it is not a member.
    pub fn leave<M: Send + 'static>(&self, group: &str, actor: &ActorRef<M>) -> bool {
        // An actor of another system may have the same number.
        std::ptr::eq(actor.cell().services(), &**self.registry.services())
            && self.registry.groups().leave(group, actor.id())
    }

    /// The members of a group that handle messages of this type, in the order in which they joined.
    pub fn members<M: Send + 'static>(&self, group: &str) -> Vec<ActorRef<M>> {
        let typed = |cell: Arc<dyn Registered>| {
            let cell: Arc<dyn Any + Send + Sync> = cell;
            cell.downcast::<Cell<M>>().ok().map(ActorRef::new)
        };
        self.registry.groups().members(group).into_iter().filter_map(typed).collect()
    }

    /// The groups that have a member, by name.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.registry.groups().names();
        names.sort_unstable();
        names
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Groups").field(&self.names()).finish()
    }
}
