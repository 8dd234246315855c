//! New children, and the wait of a start for the restart of its supervisor.

use std::any::Any;
use std::sync::Arc;

use tokio::task;

use super::SupervisorNode;
use super::state::{NodeState, Phase};
use crate::cell::children::ParentActor;
use crate::child::{Key, ParentLink, Supervised};
use crate::supervisor::entry::{ChildEntry, ChildRules};
use crate::sync::lock;

/// The answer of a supervisor to a new child.
pub(in crate::supervisor) enum Admission {
    Added(Key),
    /// The supervisor is about to be started, for the first time or again.
    Later,
    Refused(Refusal),
}

/// The reason for which a supervisor takes no child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::supervisor) enum Refusal {
    /// The child was told to end before it started.
    Stopped,
    /// The supervisor ends for good.
    Ends,
    /// The supervisor, or one above it, waits until it is resumed.
    Quarantined,
    /// The supervisor has been prepared, and not started.
    Unstarted,
    /// The restart of the supervisor waits for the actor that starts the child.
    AwaitsCaller,
}

impl SupervisorNode {
    /// Adds a child, to be given a task, once an incarnation of the supervisor is running.
    pub(in crate::supervisor) async fn add_later(
        self: &Arc<Self>,
        cell: &Arc<dyn Supervised>,
        rules: ChildRules,
    ) -> Result<Key, Refusal> {
        let changes = &self.registry.services().tree_changes;
        let look = || match self.add(cell.clone(), rules) {
            Admission::Added(key) => Some(Ok(key)),
            Admission::Refused(refusal) => Some(Err(refusal)),
            Admission::Later => self.obstacle().map(Err),
        };
        changes.wait_for(look).await
    }

    /// Adds a child, to be given a task, if an incarnation of the supervisor is running.
    pub(in crate::supervisor) fn add(
        self: &Arc<Self>,
        cell: Arc<dyn Supervised>,
        rules: ChildRules,
    ) -> Admission {
        if cell.seems_terminated() {
            return Admission::Refused(Refusal::Stopped);
        }
        let entry = ChildEntry::new(cell, rules, self.config.on_limit);
        let parent = self.as_parent().clone();
        let key = {
            let mut state = lock(&self.state);
            if !matches!(state.phase, Phase::Running | Phase::RestartingGroup) {
                return match state.phase {
                    Phase::Ended => Admission::Refused(Refusal::Ends),
                    _ if state.ends_for_good() => Admission::Refused(Refusal::Ends),
                    _ if state.quarantined => Admission::Refused(Refusal::Quarantined),
                    // Once it has a place in the tree, it is being started.
                    Phase::Waiting if !state.started && self.parent.get().is_none() => {
                        Admission::Refused(Refusal::Unstarted)
                    }
                    _ => Admission::Later,
                };
            }
            state.active += 1;
            state.significant += usize::from(rules.significant);
            let key = state.children.push(entry);
            if let Some(entry) = state.children.get(key) {
                entry.cell.set_parent(ParentLink { parent, key });
            }
            key
        };
        Admission::Added(key)
    }

    /// The reason for which this supervisor will not restart while the caller waits for that. Looks
    /// at the supervisors above too, because they start this one.
    fn obstacle(self: &Arc<Self>) -> Option<Refusal> {
        let caller = task::try_id();
        let mut next = Some(self.clone());
        while let Some(node) = next {
            if lock(&node.state).quarantined {
                return Some(Refusal::Quarantined);
            }
            if caller.is_some_and(|caller| node.waits_for(caller)) {
                return Some(Refusal::AwaitsCaller);
            }
            next = node.above();
        }
        None
    }

    /// The supervisor of this one.
    fn above(&self) -> Option<Arc<Self>> {
        let (parent, _) = self.parent.get().and_then(ParentLink::get)?;
        let parent: Arc<dyn Any + Send + Sync> = parent;
        parent.downcast().ok()
    }

    /// Returns true if this supervisor goes on only after a stop or a start that needs this task.
    fn waits_for(&self, task: task::Id) -> bool {
        let state = lock(&self.state);
        let awaited = |key: Key, entry: &ChildEntry| match state.phase {
            Phase::Running => false,
            Phase::RestartingGroup => entry.doomed || state.starting == Some(key),
            Phase::Stopping | Phase::Waiting | Phase::Ended => true,
        };
        let cells = state.children.iter().filter(|(key, entry)| awaited(*key, entry));
        let awaited_ids: Vec<u64> = cells.map(|(_, entry)| entry.cell.id()).collect();
        if awaited_ids.is_empty() {
            return false;
        }
        // The children of an actor stop with it, and it has started when they have.
        let belongs = |entry: &ChildEntry| {
            let id = entry.cell.owner().unwrap_or(entry.cell.id());
            awaited_ids.contains(&id) || awaited_ids.contains(&entry.cell.id())
        };
        let (found, below) = state.look_for(task, belongs);
        drop(state);
        found || below.iter().any(|supervisor| supervisor.has_task(task))
    }

    /// The actor whose children it supervises, if it does.
    pub(super) fn parent_actor_id(&self) -> Option<u64> {
        self.parent_actor.as_ref().map(ParentActor::id)
    }
}

impl NodeState {
    /// Looks for a task among these children. Returns true if it is there, and the supervisors among
    /// them, to be searched outside the lock.
    pub(super) fn look_for(
        &self,
        id: task::Id,
        among: impl Fn(&ChildEntry) -> bool,
    ) -> (bool, Vec<Arc<dyn Supervised>>) {
        let mut found = false;
        let mut below = Vec::new();
        for (_, entry) in self.children.iter().filter(|(_, entry)| among(entry)) {
            found |= entry.task.as_ref().is_some_and(|task| task.id() == id);
            if entry.cell.is_supervisor() {
                below.push(entry.cell.clone());
            }
        }
        (found, below)
    }
}
