//! The supervisor at work: its children, and what it does when one of them ends.
//!
//! What concerns one child alone is decided under the node's lock by the task of that child. Only
//! what concerns several (a restart of a group, the end of the supervisor) is done by the
//! supervisor's own task, which [`settling`] and [`stopping`] are about.

mod membership;
mod settling;
mod state;
mod stopping;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use airssys_core::{
    Decision, Down, Ended, ExitReason, Identity, RestartPolicy, RestartStrategy, Scope, Shutdown,
    SupervisorConfig, SupervisorFailure, decide,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub(crate) use self::state::Order;
use self::state::{Ending, NodeState, Phase};
pub(crate) use self::stopping::Limit;
use super::children::{Key, Place};
use super::{Outlook, SupervisorSpec};
use crate::cell::{ActorState, ActorStats, AnyCell, Home};
use crate::family::Owner;
use crate::mailbox::StopRequest;
use crate::registry::Registry;
use crate::services::Services;
use crate::sync::{later, lock};
use crate::{Event, SupervisorSnapshot};

/// What a supervisor is told about a child.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) policy: RestartPolicy,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
}

/// What a child's task does after an incarnation.
pub(super) enum Verdict {
    /// Waits, unless it is asked for a stop like this or a greater one, and runs the next.
    Restart(std::time::Duration, StopRequest),
    /// Leaves the runner with the supervisor.
    Park,
    /// Ends the child for good.
    End,
    /// Nothing: the supervisor gave up waiting for it, and has ended the child.
    Gone,
}

pub(crate) struct SupervisorNode {
    name: Arc<str>,
    id: u64,
    config: SupervisorConfig,
    dynamic: bool,
    /// The actor whose children these are, if they are one's.
    owner: Option<Owner>,
    registry: Arc<Registry>,
    runtime: Handle,
    /// Of the root only.
    outlook: Option<watch::Sender<Outlook>>,
    exit: watch::Sender<Option<ExitReason>>,
    /// The supervisor's task has something to look at.
    changed: Notify,
    state: Mutex<NodeState>,
}

impl SupervisorNode {
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub(crate) fn root(
        name: Arc<str>,
        config: SupervisorConfig,
        registry: Arc<Registry>,
        outlook: watch::Sender<Outlook>,
    ) -> Self {
        Self {
            name,
            id: 0,
            config,
            dynamic: false,
            owner: None,
            registry,
            runtime: Handle::current(),
            outlook: Some(outlook),
            exit: watch::Sender::new(None),
            changed: Notify::new(),
            state: Mutex::new(NodeState::new()),
        }
    }

    /// A supervisor below this one, which is not among the children yet.
    pub(super) fn below(&self, spec: &SupervisorSpec, owner: Option<Owner>) -> Self {
        Self {
            name: spec.name.clone().unwrap_or_default(),
            id: self.registry.next_id(),
            config: spec.config,
            dynamic: spec.dynamic,
            owner,
            registry: self.registry.clone(),
            runtime: self.runtime.clone(),
            outlook: None,
            exit: watch::Sender::new(None),
            changed: Notify::new(),
            state: Mutex::new(NodeState::new()),
        }
    }

    pub(crate) fn config(&self) -> &SupervisorConfig {
        &self.config
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(super) fn outlook(&self) -> Option<&watch::Sender<Outlook>> {
        self.outlook.as_ref()
    }

    fn is_root(&self) -> bool {
        self.outlook.is_some()
    }

    pub(crate) async fn exit(&self) -> ExitReason {
        let mut exit = self.exit.subscribe();
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        // The sender lives in `self`: there is always a reason.
        ended.unwrap_or(ExitReason::Shutdown)
    }

    /// Asks the supervisor to end; false if it has ended, or was asked to report already.
    pub(crate) fn end(&self, ending: Ending) -> bool {
        let (accepted, waker) = {
            let mut state = lock(&self.state);
            (state.end(ending), state.waker.take())
        };
        waker.into_iter().for_each(std::task::Waker::wake);
        self.changed.notify_one();
        accepted
    }

    pub(crate) fn shut_down_for_good(&self, order: Order) -> bool {
        self.end(Ending { reason: ExitReason::Shutdown, for_good: true, order })
    }

    /// Tells those who read the system's events.
    pub(super) fn tell(&self, event: impl FnOnce(Identity) -> Event) {
        let identity = || Identity { name: self.name.clone(), id: self.id };
        self.registry.services().events.tell(|| event(identity()));
    }

    /// Decides what follows the end of an incarnation.
    pub(super) fn ended(&self, key: Key, reason: &ExitReason) -> Verdict {
        self.judge(&mut lock(&self.state), key, reason)
    }

    fn judge(&self, state: &mut NodeState, key: Key, reason: &ExitReason) -> Verdict {
        let Some(entry) = state.children.get(key) else { return Verdict::Gone };
        // Whoever starts it learns why it did not, and decides; whoever ended it has decided.
        let decided = entry.cell.terminated() || !entry.cell.started();
        let returns = match state.phase {
            _ if decided => Some(false),
            Phase::Stopping | Phase::Waiting | Phase::Ended => {
                Some(state.keeps(self) && stays(entry.policy, reason))
            }
            Phase::Settling if entry.doomed => Some(stays(entry.policy, reason)),
            Phase::Settling | Phase::Running => None,
        };
        match returns {
            Some(true) => Verdict::Park,
            Some(false) => state.depart(key),
            None => self.decide(state, key, reason),
        }
    }

    /// The child ended by itself.
    fn decide(&self, state: &mut NodeState, key: Key, reason: &ExitReason) -> Verdict {
        let now = Instant::now();
        let within = self.config.within_duration;
        let others_significant = state.significant;
        let Some(entry) = state.children.get_mut(key) else { return Verdict::Gone };
        if entry.since.is_some_and(|since| now.saturating_duration_since(since) >= within) {
            entry.attempt = 0;
        }
        let child = Ended {
            policy: entry.policy,
            significant: entry.significant,
            others_significant: others_significant.saturating_sub(usize::from(entry.significant)),
            exit: reason,
            attempt: entry.attempt,
            random: match self.config.restart_strategy {
                RestartStrategy::ExponentialBackoff { .. } => fastrand::f64(),
                _ => 0.0,
            },
            now: now.into_std(),
        };
        match decide(&self.config, &state.window, &child) {
            Decision::Restart { scope, after } => {
                entry.attempt = entry.attempt.saturating_add(1);
                entry.since = Some(later(now, after));
                let heeds = match entry.policy {
                    // It would be restarted after a normal stop: the next incarnation stops.
                    RestartPolicy::Permanent => StopRequest::Group,
                    _ => StopRequest::Asked,
                };
                state.window.record(now.into_std(), &self.config);
                state.restarts += 1;
                if scope == Scope::One && state.phase == Phase::Running {
                    return Verdict::Restart(after, heeds);
                }
                state.plan(key, scope, later(now, after));
                Verdict::Park
            }
            Decision::Remove => state.depart(key),
            Decision::ShutDown => {
                let verdict = state.depart(key);
                let reason = ExitReason::Shutdown;
                state.end(Ending { reason, for_good: self.is_root(), order: Order::default() });
                verdict
            }
            Decision::GiveUp => self.give_up(state, key, reason, now),
        }
    }

    fn give_up(&self, state: &mut NodeState, key: Key, reason: &ExitReason, now: Instant) -> Verdict {
        let within = self.config.within_duration;
        let restarts = state.window.count(now.into_std(), within);
        let Some(entry) = state.children.get(key) else { return Verdict::Gone };
        let child = entry.cell.label();
        tracing::error!(
            supervisor = %self.name, actor = %child, %reason, restarts, ?within,
            "an actor ended too often"
        );
        let failure = SupervisorFailure::new(child, reason.clone(), restarts, within);
        let failure = Arc::new(failure);
        self.tell(|supervisor| Event::Escalated { supervisor, failure: failure.clone() });
        // Before anybody can see what follows from it.
        self.outlook.iter().for_each(|outlook| drop(outlook.send_replace(Outlook::Failing)));
        let reason = ExitReason::Escalated(failure);
        state.end(Ending { reason, for_good: self.is_root(), order: Order::default() });
        match state.keeps(self) {
            true => Verdict::Park,
            false => state.depart(key),
        }
    }
}

/// Whether a child whose group is stopped, or whose supervisor, is to come back afterwards.
fn stays(policy: RestartPolicy, reason: &ExitReason) -> bool {
    match policy {
        RestartPolicy::Permanent => true,
        RestartPolicy::Transient => !matches!(reason, ExitReason::Normal),
        RestartPolicy::Temporary => false,
    }
}

impl AnyCell for SupervisorNode {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn services(&self) -> &Services {
        self.registry.services()
    }

    fn stats(&self) -> Option<ActorStats> {
        None
    }

    fn is_supervisor(&self) -> bool {
        true
    }

    fn is_owned(&self) -> bool {
        self.owner.is_some()
    }

    fn snapshot(&self) -> Option<SupervisorSnapshot> {
        Some(self.snapshot())
    }

    fn unnamed(&self, found: &mut Vec<Arc<dyn AnyCell>>) {
        self.unnamed(found);
    }

    fn state(&self) -> ActorState {
        let state = lock(&self.state);
        match state.phase {
            Phase::Ended => ActorState::Stopped,
            _ if !state.started => ActorState::Starting,
            Phase::Running => ActorState::Running,
            Phase::Settling | Phase::Waiting => ActorState::Restarting,
            Phase::Stopping => ActorState::Stopping,
        }
    }

    fn settle_in(&self, _: Home) {}

    fn poll_stop(&self, least: StopRequest, context: &Context<'_>) -> Poll<StopRequest> {
        let mut state = lock(&self.state);
        match state.stop_request().filter(|request| *request >= least) {
            Some(request) => Poll::Ready(request),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn stop(&self, request: StopRequest) {
        let for_good = request != StopRequest::Group;
        self.end(Ending { reason: ExitReason::Shutdown, for_good, order: Order::default() });
    }

    fn terminated(&self) -> bool {
        lock(&self.state).stop_request() == Some(StopRequest::Shutdown)
    }

    fn rejoin(&self) {
        let mut state = lock(&self.state);
        state.ending = state.ending.take().filter(|ending| ending.for_good);
    }

    fn begin(&self, _: u64) {}

    fn enter(&self, _: ActorState) {}

    fn started(&self) -> bool {
        lock(&self.state).started
    }

    fn is_closed(&self) -> bool {
        lock(&self.state).phase == Phase::Ended
    }

    fn close(&self) {
        self.end_children();
    }

    fn announce(&self, reason: ExitReason) {
        // The first reason counts.
        let first = self.exit.send_if_modified(|exit| {
            let first = exit.is_none();
            exit.get_or_insert_with(|| reason.clone());
            first
        });
        if !first {
            return;
        }
        self.tell(|actor| Event::Stopped { actor, reason: reason.clone() });
        if let Some(owner) = self.owner.as_ref().filter(|_| reason.is_failure()) {
            let actor = Identity { name: self.name.clone(), id: self.id };
            owner.fail(Down::new(actor, reason, false));
        }
    }

    fn restarting(&self, reason: &ExitReason, after: Duration) {
        self.tell(|actor| Event::Restarting { actor, reason: reason.clone(), after });
    }

    fn shut_down(&self, order: &Order) {
        self.shut_down_for_good(order.clone());
    }
}

impl Place {
    /// Whether it has a task.
    fn is_active(self) -> bool {
        self != Self::Parked
    }
}
