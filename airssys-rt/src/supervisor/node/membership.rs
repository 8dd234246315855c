//! Children that are given a task, parked, started again, removed and aborted.

use std::sync::Arc;
use std::time::Duration;

use airssys_core::{ExitReason, Suppressed};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::SupervisorNode;
use super::state::{Judgement, LineKind, NodeState, SuppressedLines};
use crate::child::{Key, Registered, Supervised};
use crate::guard::{Contained, Shown, guard, inform};
use crate::request::ReplyTo;
use crate::snapshot::{ChildKind, ChildSummary, SupervisorSnapshot};
use crate::stats::ActorState;
use crate::supervisor::entry::{ChildEntry, TaskState};
use crate::supervisor::parked::{ParkedChild, ParkedRunner};
use crate::supervisor::verdict::Verdict;
use crate::sync::lock;

impl SupervisorNode {
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
            Some(entry) => {
                entry.task = Some(task);
                drop(state);
                // The child may wait for a restart already, and was not known as the caller.
                self.announce_change();
            }
            // It has ended already, or the supervisor no longer waits for it.
            None => {
                let abort = task.abort_handle();
                state.ended_tasks.push(Some(task));
                let ended = state.ended_tasks.sweep();
                drop(state);
                drop(ended);
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
        let vacated = lock(&self.state).vacate(key);
        let Some((tenure, _ended)) = vacated else { return runner.discard() };
        if let Some(task) = runner.spawn(delay, started) {
            self.attach(key, tenure, task);
        }
    }

    /// Takes the task off a child whose next task is about to be spawned, and returns the tenure of that.
    /// Returns `None` if the child is to end, or its task is being aborted.
    pub(in crate::supervisor) fn vacate(&self, key: Key) -> Option<u32> {
        let mut state = lock(&self.state);
        let is_settled = |entry: &ChildEntry| entry.task_state == TaskState::Live && !entry.aborting;
        state.children.get(key).filter(|entry| is_settled(entry))?;
        let (tenure, ended) = state.vacate(key)?;
        drop(state);
        drop(ended);
        Some(tenure)
    }

    /// Joins this task before the supervisor ends.
    pub(in crate::supervisor) fn join_at_end(&self, task: JoinHandle<()>) {
        lock(&self.state).ended_tasks.push(Some(task));
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
        let causes = cell.and_then(|cell| guard(|| cell.restarting(&reason, Duration::ZERO)).ok());
        let causes = causes.unwrap_or_default();
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
        let mut announced = None;
        let (mut state, cell, quarantined) = loop {
            let state = lock(&self.state);
            // A child that is late is quarantined with its supervisor.
            let quarantined = state.quarantined || task_state == TaskState::Quarantined;
            let Some(entry) = state.children.get(key) else {
                drop(state);
                return runner.discard();
            };
            let cell = entry.cell.clone();
            if announced == Some(quarantined) {
                break (state, cell, quarantined);
            }
            // A child that is a supervisor locks its own state, and tells its members. That happens
            // without the lock, and before the runner is there for others to start it again.
            drop(state);
            cell.enter(if quarantined { ActorState::Quarantined } else { ActorState::Restarting });
            announced = Some(quarantined);
        };
        let Some(entry) = state.children.get_mut(key) else {
            drop(state);
            return runner.discard();
        };
        entry.task_state = task_state;
        (entry.doomed, entry.aborting) = (false, false);
        let task = entry.task.take();
        state.ended_tasks.push(task);
        let ended = state.ended_tasks.sweep();
        state.active -= 1;
        let failure = Some(reason).filter(ExitReason::is_failure).map(Contained::new);
        state.parked.insert(key, ParkedChild { runner, failure });
        let awaited = state.is_awaited(key);
        drop(state);
        drop(ended);
        if awaited {
            self.changed.notify_one();
        }
        if quarantined {
            // Holders of a reference that stopped it, or a member of it, before saw no quarantine.
            self.dismiss_quarantined(key);
            cell.dismiss_members();
            // Senders that wait for room in its mailbox may choose another worker.
            self.announce_change();
        }
    }

    /// Ends a child for good, from its own task.
    pub(in crate::supervisor) fn leave(&self, key: Key, cell: &dyn Supervised, reason: ExitReason) {
        inform(|| {
            let (actor, id, reason) = (cell.name(), cell.id(), Shown(&reason));
            tracing::debug!(%actor, id, %reason, "an actor ended for good");
        });
        inform(|| self.registry.retire(cell, reason));
        let mut state = lock(&self.state);
        let late = state.children.get(key).is_some_and(ChildEntry::is_late);
        if state.remove(key).is_none() {
            return;
        }
        if let Some(ending) = state.ending.as_ref().filter(|_| !late && !cell.is_supervisor()) {
            ending.order.report_stopped(|| cell.label());
        }
        let awaited = state.is_awaited(key);
        let childless = state.children.is_empty();
        let (ended, suppressed) = (state.ended_tasks.sweep(), state.take_suppressed());
        drop(state);
        drop(ended);
        tell_suppressed(suppressed);
        if awaited {
            self.changed.notify_one();
        }
        if childless {
            self.announce_change();
        }
    }

    /// Tells the suppressed log lines of children that have been removed. The caller holds no lock.
    pub(super) fn tell_removed(&self) {
        let suppressed = lock(&self.state).take_suppressed();
        tell_suppressed(suppressed);
    }

    /// Logs a restart, and tells watchers and readers of events. The lines about a child are throttled.
    pub(in crate::supervisor) fn tell_restart(
        &self,
        key: Key,
        cell: &dyn Supervised,
        reason: &ExitReason,
        after: Duration,
    ) {
        let kind = if reason.is_failure() { LineKind::Failure } else { LineKind::Other };
        // Without a reader of the log, a restart costs neither the clock nor the lock.
        let mut read = false;
        inform(|| {
            read = match kind {
                LineKind::Failure => tracing::enabled!(tracing::Level::WARN),
                LineKind::Other => tracing::enabled!(tracing::Level::INFO),
            };
        });
        let line = if read { lock(&self.state).pass_restart_line(key, kind, Instant::now()) } else { None };
        let log = |suppressed| {
            // The label is only made for a reader of the log: a restart costs less than the text.
            let (shown, more) = (Shown(reason), Suppressed(suppressed));
            match reason {
                ExitReason::Killed => {
                    tracing::warn!(actor = %cell.label(), ?after, "an actor was killed and is restarted{more}");
                }
                reason if reason.is_failure() => {
                    tracing::warn!(actor = %cell.label(), reason = %shown, ?after, "an actor failed and is restarted{more}");
                }
                _ => {
                    tracing::info!(actor = %cell.label(), reason = %shown, ?after, "an actor ended and is restarted{more}");
                }
            }
        };
        line.into_iter().for_each(|suppressed| inform(|| log(suppressed)));
        inform(|| drop(cell.restarting(reason, after)));
    }

    /// Takes the runner of a child whose task was aborted: while an incarnation was running, or after
    /// one had ended for this reason.
    pub(in crate::supervisor) fn cut_off(
        &self,
        key: Key,
        runner: Box<dyn ParkedRunner>,
        reason: &ExitReason,
    ) {
        let (Judgement { verdict, exceeded }, cell) = {
            let mut state = lock(&self.state);
            let Some(entry) = state.children.get_mut(key) else {
                drop(state);
                return runner.discard();
            };
            let cell = entry.cell.clone();
            let judgement = match entry.aborting {
                true => {
                    let judgement = self.judge(&mut state, key, reason);
                    if let (Verdict::Restart(..), Some(entry)) =
                        (&judgement.verdict, state.children.get_mut(key))
                    {
                        entry.aborting = false;
                    }
                    judgement
                }
                // The runtime is shutting down: nothing else drops a task with its runner.
                false => state.depart(key).into(),
            };
            (judgement, cell)
        };
        exceeded.into_iter().for_each(|exceeded| self.carry_out(exceeded));
        self.announce_change();
        match verdict {
            Verdict::Restart(delay) | Verdict::Respawn(delay) => {
                self.tell_restart(key, &*cell, reason, delay);
                self.respawn(key, runner, delay, ReplyTo::to_none());
            }
            Verdict::Park => self.park(key, runner, reason.clone()),
            Verdict::Quarantine => self.quarantine(key, runner, reason.clone()),
            Verdict::End => {
                self.leave(key, &*cell, reason.clone());
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
            owner: self.parent_actor_id(),
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
    /// Takes the task off a child. Returns the tenure of the next one, and tasks that have ended, which are
    /// to be dropped outside the lock. Returns `None` if the child is gone.
    fn vacate(&mut self, key: Key) -> Option<(u32, Vec<JoinHandle<()>>)> {
        let entry = self.children.get_mut(key)?;
        let tenure = entry.tenure().wrapping_add(1);
        entry.rare_mut().tenure = tenure;
        let old = entry.task.take();
        self.ended_tasks.push(old);
        Some((tenure, self.ended_tasks.sweep()))
    }

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

/// Logs how many lines about the restarts of children that have ended were suppressed.
pub(super) fn tell_suppressed(children: Vec<SuppressedLines>) {
    for SuppressedLines { cell, kind, lines } in children {
        inform(|| match kind {
            LineKind::Failure => tracing::warn!(
                actor = %cell.label(), lines, "an actor ended, which failed and was restarted more often since its last line"
            ),
            LineKind::Other => tracing::info!(
                actor = %cell.label(), lines, "an actor ended, which was restarted more often since its last line"
            ),
        });
    }
}
