//! The table of all groups.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use crate::child::Registered;
use crate::errors::JoinError;
use crate::sync::{read, write};

/// The members of all groups, and the groups of all members.
#[derive(Default)]
pub(crate) struct GroupTable {
    state: RwLock<GroupState>,
}

#[derive(Default)]
struct GroupState {
    /// By the sequence number of their joining.
    members: HashMap<Arc<str>, BTreeMap<u64, Arc<dyn Registered>>>,
    /// The groups of an actor, by its id, and the sequence number of its joining.
    joined: HashMap<u64, HashMap<Arc<str>, u64>>,
    last_number: u64,
}

impl GroupTable {
    pub(crate) fn join(&self, group: Arc<str>, cell: Arc<dyn Registered>) -> Result<bool, JoinError> {
        let mut state = write(&self.state);
        // In this order: if the mailbox is closed after this check, the closer finds the mark.
        cell.mark_grouped();
        if cell.is_closed() {
            return Err(JoinError::Ended);
        }
        let GroupState { members, joined, last_number } = &mut *state;
        let Entry::Vacant(entry) = joined.entry(cell.id()).or_default().entry(group.clone()) else {
            return Ok(false);
        };
        *last_number += 1;
        entry.insert(*last_number);
        members.entry(group).or_default().insert(*last_number, cell);
        Ok(true)
    }

    pub(crate) fn leave(&self, group: &str, id: u64) -> bool {
        let mut state = write(&self.state);
        let Some(groups) = state.joined.get_mut(&id) else { return false };
        let Some(number) = groups.remove(group) else { return false };
        if groups.is_empty() {
            state.joined.remove(&id);
        }
        let removed = state.remove(group, number);
        drop(state);
        // This may be the last reference to the actor.
        drop(removed);
        true
    }

    /// Takes an actor that has ended for good, and whose mailbox is closed, out of its groups.
    pub(crate) fn leave_all(&self, id: u64) {
        let mut state = write(&self.state);
        let groups = state.joined.remove(&id).unwrap_or_default();
        let removed: Vec<_> =
            groups.into_iter().filter_map(|(group, number)| state.remove(&group, number)).collect();
        drop(state);
        drop(removed);
    }

    pub(crate) fn members(&self, group: &str) -> Vec<Arc<dyn Registered>> {
        let state = read(&self.state);
        let members = state.members.get(group).into_iter().flat_map(BTreeMap::values);
        members.filter(|cell| !cell.is_closed()).cloned().collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let state = read(&self.state);
        let live = state.members.iter().filter(|(_, members)| members.values().any(|cell| !cell.is_closed()));
        live.map(|(name, _)| name.to_string()).collect()
    }
}

impl GroupState {
    /// Removes a member, and its group if it was the last.
    fn remove(&mut self, group: &str, number: u64) -> Option<Arc<dyn Registered>> {
        let members = self.members.get_mut(group)?;
        let cell = members.remove(&number);
        if members.is_empty() {
            self.members.remove(group);
        }
        cell
    }
}

#[cfg(test)]
impl GroupTable {
    /// Returns true if the table is empty.
    pub(crate) fn is_empty(&self) -> bool {
        let state = read(&self.state);
        state.members.is_empty() && state.joined.is_empty()
    }
}
