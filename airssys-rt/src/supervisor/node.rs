//! A supervisor at work: its children, and its reaction to the end of one of them.
//!
//! The task of a child decides under the node's lock about steps that concern that child alone. The
//! supervisor's own task does the steps that concern several children: [`group_restart`] and
//! [`stopping`].

mod admission;
mod group_restart;
mod membership;
mod quarantine;
mod state;
mod stopping;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use airssys_core::{
    Decision, Down, EndCause, EndedChild, ExitReason, Identity, RestartStrategy, Scope, SupervisorConfig,
    SupervisorFailure, decide,
};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task;
use tokio::time::Instant;

pub(super) use self::admission::{Admission, Refusal};
use self::state::{Ending, Judgement, NodeState, Phase, Then};
use super::spec::SupervisorSpec;
use super::verdict::Verdict;
use crate::causes::Causes;
use crate::cell::children::{ChildrenSupervisor, ParentActor};
use crate::child::{Key, Parent, ParentLink, Registered, Supervised};
use crate::events::Event;
use crate::guard::Contained;
use crate::mailbox::StopRequest;
use crate::registry::Registry;
use crate::services::Services;
use crate::shutdown::ShutdownOrder;
use crate::snapshot::ChildSnapshot;
use crate::stats::{ActorState, ActorStats};
use crate::sync::{later, lock};

/// The health of a system, as its root supervisor sees it.
pub(crate) enum Health {
    Sound,
    /// The root is stopping its children, because one ended too often.
    Failing,
    Failed(Contained<Arc<SupervisorFailure>>),
}

pub(crate) struct SupervisorNode {
    name: Arc<str>,
    id: u64,
    /// The number of supervisors above it.
    depth: usize,
    made_at: Instant,
    config: SupervisorConfig,
    dynamic: bool,
    /// False if it ends for good when it gives up.
    escalates: bool,
    /// The actor whose children it supervises, if it does.
    parent_actor: Option<ParentActor>,
    registry: Arc<Registry>,
    runtime: Handle,
    /// `Some` for the root only.
    health: Option<watch::Sender<Health>>,
    exit: watch::Sender<Option<Contained<ExitReason>>>,
    /// Set once it has been started below another.
    parent: OnceLock<ParentLink>,
    /// Itself, as its children know it.
    own: OnceLock<Arc<Weak<dyn Parent>>>,
    /// Notified when the supervisor's task has something to do.
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
        health: watch::Sender<Health>,
    ) -> Self {
        Self {
            name,
            id: 0,
            depth: 0,
            made_at: Instant::now(),
            config,
            dynamic: false,
            escalates: false,
            parent_actor: None,
            registry,
            runtime: Handle::current(),
            health: Some(health),
            exit: watch::Sender::new(None),
            parent: OnceLock::new(),
            own: OnceLock::new(),
            changed: Notify::new(),
            state: Mutex::new(NodeState::new(false, Phase::Running)),
        }
    }

    /// A supervisor below this one, which is not added to the children.
    pub(super) fn below(&self, spec: &SupervisorSpec, parent_actor: Option<ParentActor>) -> Self {
        Self {
            name: spec.name.clone().unwrap_or_default(),
            id: self.registry.next_id(),
            depth: self.depth + 1,
            made_at: Instant::now(),
            config: spec.config,
            dynamic: spec.dynamic,
            escalates: spec.escalates,
            parent_actor,
            registry: self.registry.clone(),
            runtime: self.runtime.clone(),
            health: None,
            exit: watch::Sender::new(None),
            parent: OnceLock::new(),
            own: OnceLock::new(),
            changed: Notify::new(),
            state: Mutex::new(NodeState::new(!spec.dynamic, Phase::Waiting)),
        }
    }

    fn as_parent(self: &Arc<Self>) -> &Arc<Weak<dyn Parent>> {
        self.own.get_or_init(|| {
            let own: Weak<Self> = Arc::downgrade(self);
            Arc::new(own)
        })
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(crate) fn config(&self) -> &SupervisorConfig {
        &self.config
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(super) fn health(&self) -> Option<&watch::Sender<Health>> {
        self.health.as_ref()
    }

    fn is_root(&self) -> bool {
        self.health.is_some()
    }

    pub(crate) fn has_given_up(&self) -> bool {
        let escalated = |reason: &Contained<ExitReason>| matches!(**reason, ExitReason::Escalated(_));
        let gave_up = lock(&self.state).gave_up;
        gave_up || self.exit.borrow().as_ref().is_some_and(escalated)
    }

    pub(crate) async fn exit(&self) -> ExitReason {
        let mut exit = self.exit.subscribe();
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        // There is always a reason, because the sender lives in `self`.
        ended.map_or(ExitReason::Shutdown, Contained::into_inner)
    }

    /// Asks the supervisor to end. Returns false if it has ended, or already has a report to write.
    fn end(&self, ending: Ending) -> bool {
        let (accepted, waker) = {
            let mut state = lock(&self.state);
            (state.end(ending), state.waker.take())
        };
        waker.into_iter().for_each(std::task::Waker::wake);
        self.changed.notify_one();
        self.announce_change();
        accepted
    }

    /// Ends the supervisor for good, because its own task failed.
    pub(super) fn fail(&self, reason: ExitReason) {
        self.end(Ending::new(reason, true, ShutdownOrder::default()));
    }

    pub(crate) fn shut_down_for_good(&self, order: ShutdownOrder) -> bool {
        let accepted = self.end(Ending::new(ExitReason::Shutdown, true, order));
        if let Some((parent, key)) = self.parent.get().and_then(ParentLink::get) {
            parent.dismiss(key);
        }
        accepted
    }

    /// Has those look again who wait for a restart, or until no child is left. Never called under the
    /// lock.
    pub(super) fn announce_change(&self) {
        self.registry.services().tree_changes.announce();
    }

    pub(crate) fn is_childless(&self) -> bool {
        lock(&self.state).children.is_empty()
    }

    /// Sends an event about this supervisor.
    pub(super) fn tell(&self, event: impl FnOnce(Identity) -> Event) {
        let identity = || Identity { name: self.name.clone(), id: self.id };
        self.registry.services().events.tell(|| event(identity()));
    }

    /// Decides what follows the end of an incarnation.
    pub(super) fn ended(&self, key: Key, reason: &ExitReason) -> Verdict {
        let Judgement { verdict, exceeded } = {
            let mut state = lock(&self.state);
            let mut judgement = self.judge(&mut state, key, reason);
            if let Verdict::Restart(delay) = judgement.verdict
                && let Some(entry) = state.children.get_mut(key)
                && std::mem::take(&mut entry.aborting)
            {
                // The abort was meant for the incarnation that is over, and will hit its task.
                judgement.verdict = Verdict::Respawn(delay);
            }
            judgement
        };
        exceeded.into_iter().for_each(|exceeded| self.carry_out(exceeded));
        // The supervisor may have begun to restart a group, or to end.
        self.announce_change();
        verdict
    }

    /// Decides, and records the decision in the state. Runs no code of users.
    fn judge(&self, state: &mut NodeState, key: Key, reason: &ExitReason) -> Judgement {
        let Some(entry) = state.children.get(key) else { return Verdict::Gone.into() };
        let life = entry.cell.end_life();
        let counts = !life.excused;
        // An actor that has itself restarted in each of its starts would never come to an end.
        let asked = matches!(reason, ExitReason::Restart) && !life.restarted_early;
        let cause = match state.phase {
            // A failed first start is reported to its starter, and an order to end is final.
            _ if life.terminated || !life.started => EndCause::ForGood,
            Phase::Stopping | Phase::Waiting | Phase::Ended if !state.may_revive() => EndCause::ForGood,
            Phase::Stopping | Phase::Waiting | Phase::Ended => EndCause::GroupRestart,
            Phase::RestartingGroup if entry.doomed => EndCause::GroupRestart,
            Phase::RestartingGroup | Phase::Running => EndCause::Own,
        };
        let now = self.now();
        let mut exceeded = None;
        let end = End { cause, counts, asked, reason };
        let verdict = match self.decide(state, key, end, now) {
            Some(Decision::Restart { scope, after }) => {
                let at = later(now, after);
                // A restart that was asked for says nothing about the child.
                if !asked && self.times_matter() {
                    state.lengthen_delay(key, at);
                    if counts {
                        state.count_restart(&self.config, key, now);
                    }
                }
                restart(state, key, scope, after, at)
            }
            Some(Decision::Keep) => Verdict::Park,
            Some(Decision::Remove) => state.depart(key),
            Some(Decision::ShutDown) => {
                let verdict = state.depart(key);
                state.end(Ending::new(ExitReason::Shutdown, self.is_root(), ShutdownOrder::default()));
                verdict
            }
            Some(Decision::GiveUp) => {
                // Another child that ends before this is told gives up for the same reason.
                if !std::mem::replace(&mut state.gave_up, true) {
                    exceeded = self.exceeded(state, key, reason, now, Then::GiveUp);
                }
                match self.escalates && state.may_revive() {
                    true => Verdict::Park,
                    false => state.depart(key),
                }
            }
            Some(Decision::Quarantine) => {
                exceeded = self.exceeded(state, key, reason, now, Then::Quarantine);
                Verdict::Quarantine
            }
            Some(Decision::End) => {
                exceeded = self.exceeded(state, key, reason, now, Then::End);
                state.depart(key)
            }
            None => Verdict::Gone,
        };
        Judgement { verdict, exceeded }
    }

    /// Returns true if the times of restarts matter: for a limit, or for a delay.
    fn times_matter(&self) -> bool {
        self.config.max_restarts < u32::MAX || self.config.restart_strategy != RestartStrategy::Immediate
    }

    /// The time of a decision. Reading the clock is a good part of an immediate restart, so it is not
    /// read if no time matters.
    fn now(&self) -> Instant {
        if self.times_matter() { Instant::now() } else { self.made_at }
    }

    /// The decision about a child; `None` if the child is gone.
    fn decide(&self, state: &mut NodeState, key: Key, end: End<'_>, now: Instant) -> Option<Decision> {
        let End { cause, counts, asked, reason: exit } = end;
        let within = self.config.within_duration;
        let significant = state.significant;
        let entry = state.children.get_mut(key)?;
        let since = entry.rare().and_then(|rare| rare.since);
        let lived = since.is_some_and(|since| now.saturating_duration_since(since) >= within);
        if cause == EndCause::Own && lived {
            entry.rare_mut().attempt = 0;
        }
        let child = EndedChild {
            cause,
            policy: entry.policy(),
            significant: entry.is_significant(),
            others_significant: significant.saturating_sub(usize::from(entry.is_significant())),
            on_limit: entry.on_limit(),
            counts,
            asked,
            exit,
            attempt: entry.rare().map_or(0, |rare| rare.attempt),
            random: match self.config.restart_strategy {
                RestartStrategy::ExponentialBackoff { .. } => fastrand::f64(),
                _ => 0.0,
            },
            now: now.into_std(),
        };
        Some(decide(&self.config, state.window(self.config.limit_scope, key), &child))
    }
}

/// The end of an incarnation, as the supervisor decides about it.
#[derive(Clone, Copy)]
struct End<'a> {
    cause: EndCause,
    /// True if it counts towards a limit.
    counts: bool,
    /// True if it is a restart that was asked for, once the incarnation had started.
    asked: bool,
    reason: &'a ExitReason,
}

/// Plans the restart of a child or of its group.
fn restart(state: &mut NodeState, key: Key, scope: Scope, after: Duration, at: Instant) -> Verdict {
    state.restarts += 1;
    if scope == Scope::One && state.phase == Phase::Running {
        return Verdict::Restart(after);
    }
    state.plan_restart(key, scope, at);
    Verdict::Park
}

impl Parent for SupervisorNode {
    fn kill(&self, key: Key, life: u32) {
        let abort = lock(&self.state).mark_killed(key, life);
        abort.into_iter().for_each(|task| task.abort());
    }

    fn has_quarantined(&self, key: Key) -> bool {
        self.holds_in_quarantine(key)
    }

    fn resume(&self, key: Key) -> bool {
        self.resume_quarantined(key)
    }

    fn dismiss(&self, key: Key) {
        self.dismiss_quarantined(key);
    }
}

impl ChildrenSupervisor for SupervisorNode {
    fn stop_for_good(&self) {
        self.shut_down_for_good(ShutdownOrder::default());
    }

    fn ended(&self) -> Pin<Box<dyn Future<Output = ExitReason> + Send + '_>> {
        Box::pin(self.exit())
    }
}

impl Registered for SupervisorNode {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn stats(&self) -> Option<ActorStats> {
        None
    }

    fn is_closed(&self) -> bool {
        lock(&self.state).phase == Phase::Ended
    }

    fn close(&self) {
        self.end_children();
    }

    fn announce(&self, reason: ExitReason) {
        let reason = Contained::new(reason);
        self.announce_change();
        // The first reason counts.
        let first = self.exit.send_if_modified(|exit| {
            let first = exit.is_none();
            exit.get_or_insert_with(|| reason.clone());
            first
        });
        if !first {
            return;
        }
        self.tell(|actor| Event::Stopped { actor, reason: (*reason).clone() });
        if let Some(parent) = self.parent_actor.as_ref().filter(|_| reason.is_failure()) {
            let actor = Identity { name: self.name.clone(), id: self.id };
            parent.fail(Down::new(actor, reason.into_inner(), false));
        }
    }
}

impl Supervised for SupervisorNode {
    fn services(&self) -> &Services {
        self.registry.services()
    }

    fn is_supervisor(&self) -> bool {
        true
    }

    fn owner(&self) -> Option<u64> {
        self.parent_actor_id()
    }

    fn snapshot(&self) -> ChildSnapshot {
        ChildSnapshot::Supervisor(self.snapshot())
    }

    fn unnamed(&self, found: &mut Vec<Arc<dyn Registered>>) {
        self.unnamed(found);
    }

    fn has_task(&self, id: task::Id) -> bool {
        let (found, below) = lock(&self.state).look_for(id, |_| true);
        found || below.iter().any(|supervisor| supervisor.has_task(id))
    }

    fn state(&self) -> ActorState {
        let state = lock(&self.state);
        match state.phase {
            Phase::Ended => ActorState::Stopped,
            _ if !state.started => ActorState::Starting,
            Phase::Waiting if state.quarantined => ActorState::Quarantined,
            Phase::Running => ActorState::Running,
            Phase::RestartingGroup | Phase::Waiting => ActorState::Restarting,
            Phase::Stopping => ActorState::Stopping,
        }
    }

    fn set_parent(&self, parent: ParentLink) {
        let _ = self.parent.set(parent);
    }

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
        self.end(Ending::new(ExitReason::Shutdown, for_good, ShutdownOrder::default()));
    }

    fn terminated(&self) -> bool {
        lock(&self.state).stop_request() == Some(StopRequest::Shutdown)
    }

    fn rejoin(&self) {
        // Dropped outside the lock, with the error in its reason.
        let withdrawn = {
            let mut state = lock(&self.state);
            state.ending.take_if(|ending| !ending.for_good)
        };
        drop(withdrawn);
    }

    fn enter(&self, entered: ActorState) {
        let quarantined = entered == ActorState::Quarantined;
        let members: Vec<_> = {
            let mut state = lock(&self.state);
            let changes = std::mem::replace(&mut state.quarantined, quarantined) != quarantined;
            let waiting = state.children.iter().filter(|(_, entry)| changes && !entry.task_state.is_active());
            waiting.map(|(_, entry)| entry.cell.clone()).collect()
        };
        // They wait with it, and start again with it.
        members.iter().for_each(|member| member.enter(entered));
        self.announce_change();
    }

    fn incarnation(&self) -> u64 {
        lock(&self.state).incarnation
    }

    fn started(&self) -> bool {
        lock(&self.state).started
    }

    fn restarting(&self, reason: &ExitReason, after: Duration) -> Causes {
        self.tell(|actor| Event::Restarting { actor, reason: reason.clone(), after });
        lock(&self.state).causes.clone()
    }

    fn restart_for(&self, causes: &Causes) {
        lock(&self.state).causes.extend(causes);
    }

    /// Its event has been sent, and a supervisor has no watchers.
    fn quarantined(&self, _: &ExitReason) {}

    fn dismiss_members(&self) {
        self.dismiss_told();
    }

    fn shut_down(&self, order: &ShutdownOrder) {
        self.shut_down_for_good(order.clone());
    }
}
