//! Actors by group.

#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use thiserror::Error;

use crate::ActorRef;
use crate::cell::{AnyCell, Cell};
use crate::registry::Registry;

/// The process groups of a system: any number of actors under one name, and any number of names
/// for one actor.
///
/// Made by [`ActorSystem::groups`](crate::ActorSystem::groups). Cheap to clone. An actor is in a
/// group once at most, over all of its incarnations, and is in none from the moment that it takes
/// no more messages: because it has ended for good, or is [draining](ActorRef::drain). A group is
/// there while it has a member.
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

/// Why [`Groups::join`] added no member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The actor takes no more messages: it has ended for good, or is draining.
    #[error("the actor has ended")]
    Ended,
    /// The actor belongs to another system.
    #[error("the actor belongs to another actor system")]
    OtherSystem,
}

impl Groups {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry }
    }

    /// Adds an actor to a group, as its last member; false if it is in it already, where it keeps
    /// its place.
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

    /// Takes an actor out of a group; false if it is not in it.
    pub fn leave<M: Send + 'static>(&self, group: &str, actor: &ActorRef<M>) -> bool {
        // Numbers are of one system: an actor of another may have the same.
        std::ptr::eq(actor.cell().services(), &**self.registry.services())
            && self.registry.groups().leave(group, actor.id())
    }

    /// The members of a group that handle such messages, in the order in which they joined.
    pub fn members<M: Send + 'static>(&self, group: &str) -> Vec<ActorRef<M>> {
        let typed = |cell: Arc<dyn AnyCell>| {
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

/// The members of all groups, and the groups of all members.
#[derive(Default)]
pub(crate) struct GroupTable {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// By the number that each joining gets.
    members: HashMap<Arc<str>, BTreeMap<u64, Arc<dyn AnyCell>>>,
    /// Where an actor is: its groups, and the number of its joining.
    joined: HashMap<u64, HashMap<Arc<str>, u64>>,
    last_number: u64,
}

impl GroupTable {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, group: Arc<str>, cell: Arc<dyn AnyCell>) -> Result<bool, JoinError> {
        let mut state = self.write();
        // In this order: whoever closes the mailbox after the look at it finds the mark.
        cell.mark_grouped();
        if cell.is_closed() {
            return Err(JoinError::Ended);
        }
        let State { members, joined, last_number } = &mut *state;
        let Entry::Vacant(place) = joined.entry(cell.id()).or_default().entry(group.clone()) else {
            return Ok(false);
        };
        *last_number += 1;
        place.insert(*last_number);
        members.entry(group).or_default().insert(*last_number, cell);
        Ok(true)
    }

    fn leave(&self, group: &str, id: u64) -> bool {
        let mut state = self.write();
        let Some(groups) = state.joined.get_mut(&id) else { return false };
        let Some(number) = groups.remove(group) else { return false };
        if groups.is_empty() {
            state.joined.remove(&id);
        }
        let gone = state.remove(group, number);
        drop(state);
        // It may have been the last reference to the actor.
        drop(gone);
        true
    }

    /// Takes an actor that has ended for good, and whose mailbox is closed, out of its groups.
    pub(crate) fn leave_all(&self, id: u64) {
        let mut state = self.write();
        let groups = state.joined.remove(&id).unwrap_or_default();
        let gone: Vec<_> =
            groups.into_iter().filter_map(|(group, number)| state.remove(&group, number)).collect();
        drop(state);
        drop(gone);
    }

    fn members(&self, group: &str) -> Vec<Arc<dyn AnyCell>> {
        let state = self.read();
        let members = state.members.get(group).into_iter().flat_map(BTreeMap::values);
        members.filter(|cell| !cell.is_closed()).cloned().collect()
    }

    fn names(&self) -> Vec<String> {
        let state = self.read();
        let live = state.members.iter().filter(|(_, members)| members.values().any(|cell| !cell.is_closed()));
        live.map(|(name, _)| name.to_string()).collect()
    }
}

impl State {
    /// Removes a member, and its group if it was the last.
    fn remove(&mut self, group: &str, number: u64) -> Option<Arc<dyn AnyCell>> {
        let members = self.members.get_mut(group)?;
        let cell = members.remove(&number);
        if members.is_empty() {
            self.members.remove(group);
        }
        cell
    }
}
