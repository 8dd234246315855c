//! The restart of several children: of a group, or of all when the supervisor itself restarts.

use std::pin::pin;
use std::sync::Arc;

use airssys_core::{ExitReason, RestartWindow};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::SupervisorNode;
use super::state::{NodeState, Phase, Plan};
use super::stopping::Asked;
use crate::Event;
use crate::supervisor::children::{Key, Place};
use crate::sync::lock;

/// What the supervisor's task does next.
enum Step {
    /// Stops the children: it ends.
    End,
    Wait,
    WaitUntil(Instant),
    Stop(Key),
    Start(Key),
}

impl SupervisorNode {
    /// Prepares an incarnation of the supervisor: the children that are kept are to be started.
    pub(in crate::supervisor) fn begin(&self, number: u64) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        state.incarnation = number;
        state.waker = None;
        if state.ending.is_some() {
            state.phase = Phase::Stopping;
            return;
        }
        if number > 0 {
            state.window = RestartWindow::new();
            // Whoever was aborted with the incarnation before, and is not gone yet, is waited for.
            let stop: Vec<Key> = state.children.keys().collect();
            for key in &stop {
                if let Some(entry) = state.children.get_mut(*key).filter(|entry| entry.place == Place::Live) {
                    entry.doomed = true;
                }
            }
            state.plan = Plan { stop, start: None, at: None };
            state.phase = Phase::Settling;
        }
    }

    /// Does what concerns several children until the supervisor is to end. `started` hears when
    /// all children have started.
    pub(in crate::supervisor) async fn supervise(self: &Arc<Self>, mut started: Option<oneshot::Sender<()>>) {
        let mut told = false;
        loop {
            let step = self.next_step();
            match step {
                Step::End => return,
                Step::Wait => {
                    if !std::mem::replace(&mut told, true) {
                        let incarnation = {
                            let mut state = lock(&self.state);
                            state.started = true;
                            state.incarnation
                        };
                        self.tell(|actor| Event::Started { actor, incarnation });
                    }
                    // Whoever waits for it may have given up.
                    started.take().map(|started| started.send(()));
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

    fn next_step(&self) -> Step {
        let mut state = lock(&self.state);
        match state.phase {
            Phase::Running => Step::Wait,
            Phase::Settling => state.settle(),
            Phase::Stopping | Phase::Waiting | Phase::Ended => Step::End,
        }
    }

    /// Stops a child that is to come back; returns early if the supervisor is to end.
    async fn stop_member(&self, key: Key) {
        let mut asked = Asked::new(Instant::now());
        let mut timer = pin!(sleep_until(Instant::now()));
        loop {
            let deadline = {
                let mut state = lock(&self.state);
                if state.phase != Phase::Settling {
                    return;
                }
                match asked.ask(self, &mut state, key, Instant::now()) {
                    Some(deadline) => deadline,
                    None => return,
                }
            };
            asked.carry_out(self.registry());
            self.changed_or_until(timer.as_mut(), deadline).await;
        }
    }

    /// Starts a child; returns when it has started, has failed, is to be stopped again, or if the
    /// supervisor is to end.
    async fn start_member(self: &Arc<Self>, key: Key) {
        if self.dismiss(key) {
            return;
        }
        let (sender, mut started) = oneshot::channel();
        if !self.resume(key, sender) {
            return;
        }
        let mut told = false;
        loop {
            {
                let state = lock(&self.state);
                let live = |key| {
                    state.children.get(key).is_some_and(|entry| entry.place.is_active() && !entry.doomed)
                };
                if state.phase != Phase::Settling || !live(key) {
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

    /// Ends a child that is parked for good if it was told to; says whether it did.
    fn dismiss(&self, key: Key) -> bool {
        let dismissed = {
            let mut state = lock(&self.state);
            let told = |state: &NodeState| {
                state.children.get(key).is_some_and(|entry| {
                    entry.place == Place::Parked && entry.cell.terminated() && !entry.cell.is_supervisor()
                })
            };
            match told(&state) {
                true => state.kept.remove(&key).zip(state.remove(key)),
                false => None,
            }
        };
        let Some((kept, cell)) = dismissed else { return false };
        self.registry().retire(&*cell, ExitReason::Shutdown);
        kept.runner.discard();
        true
    }
}

impl NodeState {
    fn settle(&mut self) -> Step {
        while let Some(key) = self.plan.stop.last().copied() {
            let active = |key| self.children.get(key).is_some_and(|entry| entry.place.is_active());
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
        let (children, kept) = (&self.children, &self.kept);
        let parked = || {
            let mut keys: Vec<Key> = children.keys().filter(|key| kept.contains_key(key)).collect();
            keys.reverse();
            keys
        };
        let start = self.plan.start.get_or_insert_with(parked);
        while let Some(key) = start.pop() {
            if self.kept.contains_key(&key) {
                return Step::Start(key);
            }
        }
        self.plan = Plan::default();
        self.phase = Phase::Running;
        Step::Wait
    }
}
