//! Children that are added, parked, started again, removed and aborted.

use std::sync::Arc;
use std::time::Duration;

use airssys_core::ExitReason;
use tokio::task::JoinHandle;

use super::SupervisorNode;
use super::state::{NodeState, Phase};
use crate::cell::children::ParentActor;
use crate::child::{Key, ParentLink, Registered, Supervised};
use crate::guard::{Contained, Shown};
use crate::request::ReplyTo;
use crate::snapshot::{ChildKind, ChildSummary, SupervisorSnapshot};
use crate::stats::ActorState;
use crate::supervisor::entry::{ChildEntry, ChildRules, TaskState};
use crate::supervisor::parked::{ParkedChild, ParkedRunner};
use crate::supervisor::verdict::Verdict;
use crate::sync::lock;

/// The answer of a supervisor to a new child.
pub(in crate::supervisor) enum Admission {
    Added(Key),
    /// The supervisor is about to be restarted.
    Later,
    Refused,
}

impl SupervisorNode {
    /// Adds a child, to be given a task, once an incarnation of the supervisor is running. Returns `None`
    /// if no other incarnation will follow, or only if the supervisor is resumed.
    pub(in crate::supervisor) async fn add_later(
        self: &Arc<Self>,
        cell: &Arc<dyn Supervised>,
        rules: ChildRules,
    ) -> Option<Key> {
        if self.waits_for_caller() {
            return None;
        }
        loop {
            // Before the look at the state, so that no change after it is missed.
            let reopened = self.reopened.notified();
            match self.add(cell, rules) {
                Admission::Added(key) => return Some(key),
                Admission::Refused => return None,
                Admission::Later => reopened.await,
            }
        }
    }

    /// Returns true if the caller is below this supervisor, which cannot restart before it has ended.
    fn waits_for_caller(&self) -> bool {
        tokio::task::try_id().is_some_and(|caller| self.has_task(caller))
    }

    /// Adds a child, to be given a task, if an incarnation of the supervisor is running.
    pub(in crate::supervisor) fn add(
        self: &Arc<Self>,
        cell: &Arc<dyn Supervised>,
        rules: ChildRules,
    ) -> Admission {
        let entry = ChildEntry::new(cell.clone(), rules, self.config.on_limit);
        let key = {
            let mut state = lock(&self.state);
            if !matches!(state.phase, Phase::Running | Phase::RestartingGroup) {
                let for_good = state.phase == Phase::Ended || state.ends_for_good();
                return if for_good || state.quarantined { Admission::Refused } else { Admission::Later };
            }
            state.active += 1;
            state.significant += usize::from(rules.significant);
            state.children.push(entry)
        };
        cell.set_parent(ParentLink { parent: self.as_parent().clone(), key });
        Admission::Added(key)
    }

    /// Records the task that a child has got.
    pub(in crate::supervisor) fn attach(&self, key: Key, tenure: u32, task: JoinHandle<()>) {
        let mut state = lock(&self.state);
        match state
            .children
            .get_mut(key)
            .filter(|entry| entry.tenure() == tenure && entry.task_state.is_active())
        {
            Some(entry) if entry.aborting => {
                let abort = task.abort_handle();
                entry.task = Some(task);
                drop(state);
                abort.abort();
            }
            Some(entry) => entry.task = Some(task),
            // It has ended already, or the supervisor no longer waits for it.
            None => {
                let abort = task.abort_handle();
                state.ended_tasks.extend(Some(task));
                drop(state);
                abort.abort();
            }
        }
    }

    /// Gives a child a task again.
    pub(in crate::supervisor) fn respawn(
        &self,
        key: Key,
        runner: Box<dyn ParkedRunner>,
        delay: Duration,
        started: ReplyTo<()>,
    ) {
        let tenure = {
            let mut state = lock(&self.state);
            let Some(entry) = state.children.get_mut(key) else {
                drop(state);
                return runner.discard();
            };
            let tenure = entry.tenure().wrapping_add(1);
            entry.rare_mut().tenure = tenure;
            let old = entry.task.take();
            state.ended_tasks.extend(old);
            tenure
        };
        if let Some(task) = runner.spawn(delay, started) {
            self.attach(key, tenure, task);
        }
    }

    /// Starts a parked child; returns false if it is not parked.
    pub(super) fn resume(&self, key: Key, started: ReplyTo<()>) -> bool {
        let (parked, cell, causes) = {
            let mut state = lock(&self.state);
            let state = &mut *state;
            let Some(entry) = state.children.get_mut(key) else { return false };
            match state.parked.remove(&key) {
                Some(parked) => {
                    entry.task_state = TaskState::Live;
                    (entry.doomed, entry.aborting) = (false, false);
                    state.active += 1;
                    (parked, entry.cell.clone(), state.causes.clone())
                }
                None => return false,
            }
        };
        cell.restart_for(&causes);
        cell.rejoin();
        // It may have been in quarantine, alone or with a supervisor.
        cell.enter(ActorState::Restarting);
        self.respawn(key, parked.runner, Duration::ZERO, started);
        true
    }

    /// Takes the runner of a child, to start it again with its group.
    pub(in crate::supervisor) fn park(&self, key: Key, runner: Box<dyn ParkedRunner>, reason: ExitReason) {
        // Announced before it can be started again.
        let cell = lock(&self.state).children.get(key).map(|entry| entry.cell.clone());
        let causes = cell.map(|cell| cell.restarting(&reason, Duration::ZERO)).unwrap_or_default();
        lock(&self.state).causes.extend(&causes);
        self.keep(key, runner, reason, TaskState::Parked);
    }

    /// Keeps the runner of a child that has no task any more.
    pub(super) fn keep(
        &self,
        key: Key,
        runner: Box<dyn ParkedRunner>,
        reason: ExitReason,
        task_state: TaskState,
    ) {
        let mut state = lock(&self.state);
        let Some(entry) = state.children.get_mut(key) else {
            drop(state);
            return runner.discard();
        };
        entry.cell.enter(match task_state {
            TaskState::Quarantined => ActorState::Quarantined,
            _ => ActorState::Restarting,
        });
        entry.task_state = task_state;
        (entry.doomed, entry.aborting) = (false, false);
        let task = entry.task.take();
        state.ended_tasks.extend(task);
        state.active -= 1;
        let failure = Some(reason).filter(ExitReason::is_failure).map(Contained::new);
        state.parked.insert(key, ParkedChild { runner, failure });
        let awaited = state.is_awaited(key);
        drop(state);
        if awaited {
            self.changed.notify_one();
        }
    }

    /// Ends a child for good, from its own task.
    pub(in crate::supervisor) fn leave(&self, key: Key, cell: &dyn Supervised, reason: ExitReason) {
        tracing::debug!(actor = %cell.name(), id = cell.id(), reason = %Shown(&reason), "an actor ended for good");
        self.registry.retire(cell, reason);
        let mut state = lock(&self.state);
        let late = state.children.get(key).is_some_and(ChildEntry::is_late);
        if state.remove(key).is_none() {
            return;
        }
        if let Some(ending) = state.ending.as_ref().filter(|_| !late && !cell.is_supervisor()) {
            ending.order.report_stopped(|| cell.label());
        }
        let awaited = state.is_awaited(key);
        drop(state);
        if awaited {
            self.changed.notify_one();
        }
    }

    /// Takes the runner of a child whose task was aborted.
    pub(in crate::supervisor) fn cut_off(&self, key: Key, runner: Box<dyn ParkedRunner>) {
        let (verdict, cell) = {
            let mut state = lock(&self.state);
            let Some(entry) = state.children.get_mut(key) else {
                drop(state);
                return runner.discard();
            };
            let cell = entry.cell.clone();
            let verdict = match entry.aborting {
                true => {
                    let verdict = self.judge(&mut state, key, &ExitReason::Killed);
                    if let (Verdict::Restart(..), Some(entry)) = (&verdict, state.children.get_mut(key)) {
                        entry.aborting = false;
                    }
                    verdict
                }
                // The runtime is shutting down.
                false => state.depart(key),
            };
            (verdict, cell)
        };
        match verdict {
            Verdict::Restart(delay) | Verdict::Respawn(delay) => {
                tracing::warn!(actor = %cell.label(), after = ?delay, "an actor was killed and is restarted");
                cell.restarting(&ExitReason::Killed, delay);
                self.respawn(key, runner, delay, ReplyTo::to_none());
            }
            Verdict::Park => self.park(key, runner, ExitReason::Killed),
            Verdict::Quarantine => self.quarantine(key, runner, ExitReason::Killed),
            Verdict::End => {
                self.leave(key, &*cell, ExitReason::Killed);
                runner.discard();
            }
            Verdict::Gone => runner.discard(),
        }
    }
}

impl SupervisorNode {
    pub(crate) fn snapshot(&self) -> SupervisorSnapshot {
        let (restarts, children_restarted, cells) = {
            let state = lock(&self.state);
            let cells: Vec<_> = state.children.iter().map(|(_, entry)| entry.cell.clone()).collect();
            (state.incarnation, state.restarts, cells)
        };
        SupervisorSnapshot {
            name: self.name.to_string(),
            id: self.id,
            state: self.state(),
            strategy: self.config.strategy,
            dynamic: self.dynamic,
            owner: self.parent_actor.as_ref().map(ParentActor::id),
            restarts,
            children_restarted,
            children: cells.iter().map(|cell| cell.snapshot()).collect(),
        }
    }

    /// The children, in the order of their start.
    pub(in crate::supervisor) fn summaries(&self) -> Vec<ChildSummary> {
        let cells: Vec<_> = {
            let state = lock(&self.state);
            state.children.iter().map(|(_, entry)| entry.cell.clone()).collect()
        };
        let summary = |cell: Arc<dyn Supervised>| ChildSummary {
            name: cell.name().to_string(),
            id: cell.id(),
            kind: if cell.is_supervisor() { ChildKind::Supervisor } else { ChildKind::Actor },
            state: cell.state(),
        };
        cells.into_iter().map(summary).collect()
    }

    /// Adds the actors without a name in this part of the tree.
    pub(crate) fn unnamed(&self, found: &mut Vec<Arc<dyn Registered>>) {
        let cells: Vec<_> = {
            let state = lock(&self.state);
            let wanted = |cell: &Arc<dyn Supervised>| cell.is_supervisor() || cell.name().is_empty();
            state.children.iter().map(|(_, entry)| &entry.cell).filter(|cell| wanted(cell)).cloned().collect()
        };
        for cell in cells {
            match cell.is_supervisor() {
                true => cell.unnamed(found),
                false => found.push(cell),
            }
        }
    }
}

impl NodeState {
    /// As [`mark_aborting`](Self::mark_aborting), unless this life of the child is over.
    pub(super) fn mark_killed(&mut self, key: Key, life: u32) -> Option<tokio::task::AbortHandle> {
        self.children.get(key).filter(|entry| entry.cell.life() == life)?;
        self.mark_aborting(key)
    }

    /// Records that a child's task is aborted on purpose; returns the task, if it is known already.
    pub(super) fn mark_aborting(&mut self, key: Key) -> Option<tokio::task::AbortHandle> {
        let entry = self.children.get_mut(key).filter(|entry| entry.task_state == TaskState::Live)?;
        entry.aborting = true;
        entry.task.as_ref().map(JoinHandle::abort_handle)
    }
}
