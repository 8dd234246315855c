//! Children that give up alone, because they were restarted too often.

use std::sync::Arc;
use std::time::Duration;

use airssys_core::{ExitReason, Identity, SupervisorFailure};
use tokio::time::Instant;

use super::state::{Ending, Exceeded, NodeState, Phase, Then};
use super::{Health, SupervisorNode};
use crate::child::{Key, ParentLink};
use crate::events::Event;
use crate::guard::{Contained, Shown, inform};
use crate::request::ReplyTo;
use crate::shutdown::ShutdownOrder;
use crate::stats::ActorState;
use crate::supervisor::entry::TaskState;
use crate::supervisor::parked::ParkedRunner;
use crate::sync::lock;

impl SupervisorNode {
    /// The failure of a child that ended once too often; `None` if the child is gone.
    fn failure(
        &self,
        state: &NodeState,
        key: Key,
        reason: &ExitReason,
        now: Instant,
    ) -> Option<Arc<SupervisorFailure>> {
        let within = self.config.within_duration;
        let restarts = state.window(self.config.limit_scope, key).count(now.into_std(), within);
        let child = state.children.get(key)?.cell.label();
        Some(Arc::new(SupervisorFailure::new(child, reason.clone(), restarts, within)))
    }

    /// The limit that a child exceeded by its end; `None` if the child is gone.
    pub(super) fn exceeded(
        &self,
        state: &NodeState,
        key: Key,
        reason: &ExitReason,
        now: Instant,
        then: Then,
    ) -> Option<Exceeded> {
        let failure = Contained::new(self.failure(state, key, reason, now)?);
        let cell = &state.children.get(key)?.cell;
        let actor = Identity { name: cell.name().clone(), id: cell.id() };
        Some(Exceeded { failure, actor, then, incarnation: state.incarnation })
    }

    /// Tells that a child exceeded its limit, and ends this supervisor if it gives up. Never called under
    /// a lock of the supervisor, because it runs code of users: a reason that is displayed, and the
    /// subscriber of the logs.
    pub(super) fn carry_out(&self, exceeded: Exceeded) {
        let Exceeded { failure, actor, then, incarnation } = exceeded;
        inform(|| {
            let SupervisorFailure { child, reason, restarts, within, .. } = &**failure;
            let consequence = match then {
                Then::GiveUp => "its supervisor gives up",
                Then::Quarantine => "is quarantined until it is resumed",
                Then::End => "ends for good",
            };
            tracing::error!(
                supervisor = %self.name, actor = %child, reason = %Shown(reason), restarts, ?within,
                "an actor ended too often, and {consequence}"
            );
        });
        let told = Arc::clone(&failure);
        if then != Then::GiveUp {
            let quarantined = then == Then::Quarantine;
            let event = || Event::GaveUp { actor, failure: told, quarantined };
            return inform(|| self.registry.services().events.tell(event));
        }
        inform(|| self.tell(|supervisor| Event::Escalated { supervisor, failure: told }));
        // Before the consequences are visible.
        self.health().into_iter().for_each(|health| drop(health.send_replace(Health::Failing)));
        // The failure is held until the lock is released, because it may be the last of the child's error.
        let reason = ExitReason::Escalated(Arc::clone(&failure));
        let ending = Ending::new(reason, !self.escalates, ShutdownOrder::default());
        let mut state = lock(&self.state);
        if state.incarnation == incarnation {
            state.end(ending);
        }
    }

    /// Takes the runner of a child, and keeps it until the child is resumed.
    pub(in crate::supervisor) fn quarantine(
        &self,
        key: Key,
        runner: Box<dyn ParkedRunner>,
        reason: ExitReason,
    ) {
        let cell = lock(&self.state).children.get(key).map(|entry| entry.cell.clone());
        cell.iter().for_each(|cell| inform(|| cell.quarantined(&reason)));
        self.keep(key, runner, reason, TaskState::Quarantined);
    }

    /// Returns true if a child is quarantined, alone or with this supervisor.
    pub(super) fn holds_in_quarantine(&self, key: Key) -> bool {
        lock(&self.state).holds_in_quarantine(key)
    }

    /// Starts a quarantined child again. Its earlier restarts do not count any more.
    pub(super) fn resume_quarantined(&self, key: Key) -> bool {
        let (parked, cell) = {
            let mut state = lock(&self.state);
            let state = &mut *state;
            let running = matches!(state.phase, Phase::Running | Phase::RestartingGroup);
            let entry =
                state.children.get_mut(key).filter(|entry| entry.task_state == TaskState::Quarantined);
            let Some(entry) = entry.filter(|_| running) else { return false };
            let Some(parked) = state.parked.remove(&key) else { return false };
            entry.task_state = TaskState::Live;
            let cell = entry.cell.clone();
            state.active += 1;
            state.restart_history_ends(key);
            (parked, cell)
        };
        cell.rejoin();
        cell.enter(ActorState::Restarting);
        self.respawn(key, parked.runner, Duration::ZERO, ReplyTo::to_none());
        true
    }

    /// Ends a child that was told to end for good, if it is quarantined, alone or with this supervisor.
    pub(super) fn dismiss_quarantined(&self, key: Key) {
        let dismissed = {
            let mut state = lock(&self.state);
            let told = state.holds_in_quarantine(key)
                // A closed mailbox is to be drained, and no incarnation will do that.
                && state
                    .children
                    .get(key)
                    .is_some_and(|entry| entry.cell.terminated() || entry.cell.is_closed());
            match told {
                true => state.parked.remove(&key).zip(state.remove(key)),
                false => None,
            }
        };
        if let Some((parked, cell)) = dismissed {
            self.tell_removed();
            self.registry.retire(&*cell, ExitReason::Shutdown);
            parked.runner.discard();
            self.announce_change();
        }
    }

    /// Ends the children that were told to end for good before this supervisor was quarantined.
    pub(super) fn dismiss_told(&self) {
        let children: Vec<_> = {
            let state = lock(&self.state);
            state.children.iter().map(|(key, entry)| (key, entry.cell.clone())).collect()
        };
        for (key, cell) in children {
            self.dismiss_quarantined(key);
            cell.dismiss_members();
        }
    }

    /// Has the supervisor above start this one again; returns false if it does not.
    pub(in crate::supervisor) fn resume_self(&self) -> bool {
        self.parent.get().and_then(ParentLink::get).is_some_and(|(parent, key)| parent.resume(key))
    }
}

impl NodeState {
    /// Returns true if a child is quarantined, alone or with its supervisor. A child that has a task
    /// yet is quarantined once that has ended.
    fn holds_in_quarantine(&self, key: Key) -> bool {
        self.children.get(key).is_some_and(|child| match child.task_state {
            TaskState::Quarantined => true,
            TaskState::Parked => self.quarantined,
            TaskState::Live | TaskState::Leaving => false,
        })
    }
}
