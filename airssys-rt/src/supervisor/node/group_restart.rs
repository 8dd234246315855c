//! The restart of a group of children, or of all when the supervisor itself is restarted.

use std::pin::pin;
use std::sync::Arc;

use airssys_core::ExitReason;
use tokio::time::{Instant, sleep_until};

use super::SupervisorNode;
use super::state::{NodeState, Phase, RestartPlan};
use super::stopping::ChildStop;
use crate::causes::Causes;
use crate::child::Key;
use crate::events::Event;
use crate::request::{ReplyTo, slot_here};
use crate::supervisor::entry::TaskState;
use crate::sync::lock;

/// The next step of the supervisor's task.
enum Step {
    /// Ends: all children are to be stopped.
    End,
    Wait,
    WaitUntil(Instant),
    Stop(Key),
    Start(Key),
}

impl SupervisorNode {
    /// Prepares an incarnation of the supervisor: the parked children are to be started.
    pub(in crate::supervisor) fn begin(&self, number: u64) {
        self.begin_state(&mut lock(&self.state), number);
        self.announce_change();
    }

    fn begin_state(&self, state: &mut NodeState, number: u64) {
        state.incarnation = number;
        state.waker = None;
        state.starting = None;
        state.quarantined = false;
        state.gave_up = false;
        if state.ending.is_some() {
            state.phase = Phase::Stopping;
            return;
        }
        if number > 0 {
            state.forget_restarts();
            // Children that were aborted with the incarnation before are waited for.
            let stop: Vec<Key> = state.children.keys().collect();
            for key in &stop {
                let Some(entry) = state.children.get_mut(*key) else { continue };
                match entry.task_state {
                    TaskState::Live => entry.doomed = true,
                    // A new life of the supervisor is one of its children too.
                    TaskState::Quarantined => entry.task_state = TaskState::Parked,
                    TaskState::Leaving | TaskState::Parked => {}
                }
            }
            state.plan = RestartPlan { stop, start: None, at: None };
            state.phase = Phase::RestartingGroup;
        } else {
            state.phase = Phase::Running;
        }
    }

    /// Restarts groups of children until the supervisor is to end. `started` is notified when all
    /// children have started.
    pub(in crate::supervisor) async fn supervise(self: &Arc<Self>, mut started: ReplyTo<()>) {
        let mut told = false;
        loop {
            let step = self.next_step();
            match step {
                Step::End => return self.overtaken(started),
                Step::Wait => {
                    if !std::mem::replace(&mut told, true) {
                        let incarnation = {
                            let mut state = lock(&self.state);
                            state.started = true;
                            state.incarnation
                        };
                        self.tell(|actor| Event::Started { actor, incarnation });
                    }
                    // An error means that its starter no longer waits.
                    let _ = started.take().send(());
                    self.changed.notified().await;
                }
                Step::WaitUntil(at) => {
                    let mut timer = pin!(sleep_until(at));
                    self.changed_or_until(timer.as_mut(), Some(at)).await;
                }
                Step::Stop(key) => self.stop_member(key).await,
                Step::Start(key) => self.start_member(key).await,
            }
        }
    }

    /// Reports the first start of a supervisor that was stopped with its group before its task began. It has
    /// no children that could have failed, and is started again with its group.
    fn overtaken(&self, mut started: ReplyTo<()>) {
        let will_return = {
            let mut state = lock(&self.state);
            let will_return = !state.ends_for_good();
            state.started |= will_return;
            will_return
        };
        if will_return {
            // An error means that its starter no longer waits.
            let _ = started.take().send(());
        }
    }

    fn next_step(&self) -> Step {
        let mut state = lock(&self.state);
        match state.phase {
            Phase::Running => Step::Wait,
            Phase::RestartingGroup => state.next_restart_step(),
            Phase::Stopping | Phase::Waiting | Phase::Ended => Step::End,
        }
    }

    /// Stops a child that is to be started again; returns early if the supervisor is to end.
    async fn stop_member(&self, key: Key) {
        let mut stop = ChildStop::new(Instant::now());
        let mut timer = pin!(sleep_until(Instant::now()));
        loop {
            let deadline = {
                let mut state = lock(&self.state);
                if state.phase != Phase::RestartingGroup {
                    return;
                }
                match stop.next(&mut state, key, Instant::now()) {
                    Some(deadline) => deadline,
                    None => return,
                }
            };
            stop.carry_out(self.registry());
            self.changed_or_until(timer.as_mut(), deadline).await;
        }
    }

    /// Starts a child. Returns when it has started, has failed or is to be stopped again, or when the
    /// supervisor is to end.
    async fn start_member(self: &Arc<Self>, key: Key) {
        if self.dismiss(key) {
            return;
        }
        lock(&self.state).starting = Some(key);
        self.start_parked(key).await;
        lock(&self.state).starting = None;
    }

    async fn start_parked(self: &Arc<Self>, key: Key) {
        let (sender, mut started) = slot_here().await;
        if !self.resume(key, sender) {
            return;
        }
        let mut told = false;
        loop {
            {
                let state = lock(&self.state);
                let live = |key| {
                    state.children.get(key).is_some_and(|entry| entry.task_state.is_active() && !entry.doomed)
                };
                if state.phase != Phase::RestartingGroup || !live(key) {
                    return;
                }
            }
            tokio::select! {
                biased;
                result = &mut started, if !told => match result {
                    Ok(()) => return,
                    // It has failed, and will be parked or be gone in a moment.
                    Err(_) => told = true,
                },
                () = self.changed.notified() => {}
            }
        }
    }

    /// Ends a parked child for good if it was told to end; returns true if it was.
    fn dismiss(&self, key: Key) -> bool {
        let dismissed = {
            let mut state = lock(&self.state);
            let told = |state: &NodeState| {
                state.children.get(key).is_some_and(|entry| {
                    entry.task_state == TaskState::Parked
                        && entry.cell.terminated()
                        && !entry.cell.is_supervisor()
                })
            };
            match told(&state) {
                true => state.parked.remove(&key).zip(state.remove(key)),
                false => None,
            }
        };
        let Some((parked, cell)) = dismissed else { return false };
        self.tell_removed();
        self.registry().retire(&*cell, ExitReason::Shutdown);
        parked.runner.discard();
        self.announce_change();
        true
    }
}

impl NodeState {
    fn next_restart_step(&mut self) -> Step {
        while let Some(key) = self.plan.stop.last().copied() {
            let active = |key| self.children.get(key).is_some_and(|entry| entry.task_state.is_active());
            if active(key) {
                return Step::Stop(key);
            }
            self.plan.stop.pop();
        }
        if let Some(at) = self.plan.at
            && Instant::now() < at
        {
            return Step::WaitUntil(at);
        }
        let children = &self.children;
        let parked = || {
            let parked = children.iter().filter(|(_, entry)| entry.task_state == TaskState::Parked);
            let mut keys: Vec<Key> = parked.map(|(key, _)| key).collect();
            keys.reverse();
            keys
        };
        let start = self.plan.start.get_or_insert_with(parked);
        while let Some(key) = start.pop() {
            if self.children.get(key).is_some_and(|entry| entry.task_state == TaskState::Parked) {
                return Step::Start(key);
            }
        }
        self.plan = RestartPlan::default();
        self.causes = Causes::default();
        self.phase = Phase::Running;
        Step::Wait
    }
}
