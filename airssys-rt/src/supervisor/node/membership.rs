//! How children come, go and are aborted.

use std::sync::Arc;
use std::time::Duration;

use airssys_core::ExitReason;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::state::{Kept, NodeState, Phase};
use super::{Rules, SupervisorNode, Verdict};
use crate::cell::{ActorState, AnyCell, Home};
use crate::family::Owner;
use crate::supervisor::children::{Entry, Key, Place};
use crate::supervisor::task::{Parked, Runnable, spawn};
use crate::supervisor::{ChildKind, ChildSummary};
use crate::sync::lock;
use crate::{ChildSnapshot, SupervisorSnapshot};

impl SupervisorNode {
    /// Starts a child; false if the supervisor is stopping.
    pub(crate) fn admit<R: Runnable>(
        self: &Arc<Self>,
        cell: Arc<dyn AnyCell>,
        rules: Rules,
        runner: R,
    ) -> bool {
        let entry = Entry {
            cell: cell.clone(),
            task: None,
            shutdown: rules.shutdown,
            since: None,
            attempt: 0,
            policy: rules.policy,
            significant: rules.significant,
            place: Place::Live,
            doomed: false,
            aborting: false,
            late: false,
            tenure: 0,
        };
        let key = {
            let mut state = lock(&self.state);
            if !matches!(state.phase, Phase::Running | Phase::Settling) {
                return false;
            }
            state.active += 1;
            state.significant += usize::from(rules.significant);
            state.children.push(entry)
        };
        cell.settle_in(Home { node: Arc::downgrade(self), key });
        let task = spawn(runner, 0, self.clone(), key, Duration::ZERO);
        self.attach(key, 0, task);
        true
    }

    /// Notes the task that a child has got.
    fn attach(&self, key: Key, tenure: u32, task: JoinHandle<()>) {
        let mut state = lock(&self.state);
        match state.children.get_mut(key).filter(|entry| entry.tenure == tenure && entry.place.is_active()) {
            Some(entry) if entry.aborting => {
                let abort = task.abort_handle();
                entry.task = Some(task);
                drop(state);
                abort.abort();
            }
            Some(entry) => entry.task = Some(task),
            // It has ended already, or nobody waits for it any more.
            None => {
                let abort = task.abort_handle();
                state.gone.extend(Some(task));
                drop(state);
                abort.abort();
            }
        }
    }

    /// Gives a child a task again.
    fn respawn(
        self: &Arc<Self>,
        key: Key,
        runner: Box<dyn Parked>,
        after: Duration,
        started: Option<oneshot::Sender<()>>,
    ) {
        let tenure = {
            let mut state = lock(&self.state);
            let Some(entry) = state.children.get_mut(key) else {
                drop(state);
                return runner.discard();
            };
            entry.tenure = entry.tenure.wrapping_add(1);
            let (tenure, old) = (entry.tenure, entry.task.take());
            state.gone.extend(old);
            tenure
        };
        let task = runner.spawn(self.clone(), key, after, started);
        self.attach(key, tenure, task);
    }

    /// Starts a child that is parked; false if it is not, or is not to be started.
    pub(super) fn resume(self: &Arc<Self>, key: Key, started: oneshot::Sender<()>) -> bool {
        let (kept, cell) = {
            let mut state = lock(&self.state);
            let state = &mut *state;
            let Some(entry) = state.children.get_mut(key) else { return false };
            match state.kept.remove(&key) {
                Some(kept) => {
                    entry.place = Place::Live;
                    (entry.doomed, entry.aborting) = (false, false);
                    state.active += 1;
                    (kept, entry.cell.clone())
                }
                None => return false,
            }
        };
        cell.rejoin();
        self.respawn(key, kept.runner, Duration::ZERO, Some(started));
        true
    }

    /// Takes back the runner of a child, to restart it later.
    pub(in crate::supervisor) fn park(&self, key: Key, runner: Box<dyn Parked>, reason: ExitReason) {
        // Before it can be started again.
        let cell = lock(&self.state).children.get(key).map(|entry| entry.cell.clone());
        cell.into_iter().for_each(|cell| cell.restarting(&reason, Duration::ZERO));
        let mut state = lock(&self.state);
        let Some(entry) = state.children.get_mut(key) else {
            drop(state);
            return runner.discard();
        };
        entry.cell.enter(ActorState::Restarting);
        entry.place = Place::Parked;
        (entry.doomed, entry.aborting) = (false, false);
        let task = entry.task.take();
        state.gone.extend(task);
        state.active -= 1;
        state.kept.insert(key, Kept { runner, failure: Some(reason).filter(ExitReason::is_failure) });
        let awaited = state.is_awaited(key);
        drop(state);
        if awaited {
            self.changed.notify_one();
        }
    }

    /// Ends a child for good, from its own task.
    pub(in crate::supervisor) fn leave(&self, key: Key, cell: &dyn AnyCell, reason: ExitReason) {
        tracing::debug!(actor = %cell.name(), id = cell.id(), %reason, "an actor ended for good");
        self.registry.retire(cell, reason);
        let mut state = lock(&self.state);
        let late = state.children.get(key).is_some_and(|entry| entry.late);
        if state.remove(key).is_none() {
            return;
        }
        if let Some(ending) = state.ending.as_ref().filter(|_| !late) {
            ending.order.stopped(cell);
        }
        let awaited = state.is_awaited(key);
        drop(state);
        if awaited {
            self.changed.notify_one();
        }
    }

    /// The task of a child was aborted.
    pub(in crate::supervisor) fn cut_off(self: &Arc<Self>, key: Key, runner: Box<dyn Parked>) {
        let (verdict, cell) = {
            let mut state = lock(&self.state);
            let Some(entry) = state.children.get_mut(key) else {
                drop(state);
                return runner.discard();
            };
            let cell = entry.cell.clone();
            let verdict = match entry.aborting {
                true => {
                    // Its group or its supervisor is being stopped: the name is in the report.
                    let verdict = self.judge(&mut state, key, &ExitReason::Killed);
                    if let (Verdict::Restart(..), Some(entry)) = (&verdict, state.children.get_mut(key)) {
                        entry.aborting = false;
                    }
                    verdict
                }
                // Nobody wanted that: the runtime is going away.
                false => state.depart(key),
            };
            (verdict, cell)
        };
        match verdict {
            Verdict::Restart(after, _) => {
                tracing::warn!(actor = %cell.label(), ?after, "an actor was killed and is restarted");
                cell.restarting(&ExitReason::Killed, after);
                self.respawn(key, runner, after, None);
            }
            Verdict::Park => self.park(key, runner, ExitReason::Killed),
            Verdict::End => {
                self.leave(key, &*cell, ExitReason::Killed);
                runner.discard();
            }
            Verdict::Gone => runner.discard(),
        }
    }

    /// Aborts the task of a child; its supervisor decides what follows.
    pub(crate) fn kill(&self, key: Key) {
        let abort = {
            let mut state = lock(&self.state);
            state.mark_aborting(key)
        };
        abort.into_iter().for_each(|task| task.abort());
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
            owner: self.owner.as_ref().map(Owner::id),
            restarts,
            children_restarted,
            children: cells.iter().filter_map(|cell| ChildSnapshot::of(&**cell)).collect(),
        }
    }

    /// The children, the first started first.
    pub(in crate::supervisor) fn summaries(&self) -> Vec<ChildSummary> {
        let cells: Vec<_> = {
            let state = lock(&self.state);
            state.children.iter().map(|(_, entry)| entry.cell.clone()).collect()
        };
        let summary = |cell: Arc<dyn AnyCell>| ChildSummary {
            name: cell.name().to_string(),
            id: cell.id(),
            kind: if cell.is_supervisor() { ChildKind::Supervisor } else { ChildKind::Actor },
            state: cell.state(),
        };
        cells.into_iter().map(summary).collect()
    }

    /// Adds the actors in this part of the tree that have no name.
    pub(crate) fn unnamed(&self, found: &mut Vec<Arc<dyn AnyCell>>) {
        let cells: Vec<_> = {
            let state = lock(&self.state);
            let wanted = |cell: &Arc<dyn AnyCell>| cell.is_supervisor() || cell.name().is_empty();
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
    /// Notes that a child's task is aborted on purpose; gives the task, if it is known already.
    pub(super) fn mark_aborting(&mut self, key: Key) -> Option<tokio::task::AbortHandle> {
        let entry = self.children.get_mut(key).filter(|entry| entry.place == Place::Live)?;
        entry.aborting = true;
        entry.task.as_ref().map(JoinHandle::abort_handle)
    }
}
