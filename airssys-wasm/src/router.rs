//! From a name or a topic to mailboxes: every message of an app passes here.

mod topics;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use airssys_message::{Accepts, Codec};
use airssys_rt::{ActorRef, MessageBroker, Overflow, SendWithError, Topic};
use airssys_spec::{Access, Denied, Subject};
use bytes::Bytes;
use dashmap::DashMap;
use tokio::time::Instant;

pub(crate) use topics::Joined;

use crate::audit::{AuditEvent, MessageKind, Trail};
use crate::bindings::SendError;
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::endpoint::Endpoint;
use crate::grants::Grants;
use crate::in_flight::InFlightCount;
use crate::message::{Draft, Envelope, Origin, ReplyTo};
use crate::quota::{Buckets, Quota};
use crate::retained::Retained;
use crate::state::StateFolder;
use crate::stats::ComponentStats;
use crate::trace::MessageTracer;
use crate::waits::Waits;
use topics::Audience;

/// Who sends, publishes or subscribes.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) subject: Subject,
    pub(crate) instance: Arc<str>,
    /// What it accepts itself; none if it is outside.
    pub(crate) accepts: Option<Accepts>,
    /// Where its denials are counted.
    pub(crate) stats: Arc<ComponentStats>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) trail: Arc<Trail>,
}

/// Where a sender's messages to one name go, with the decision about them.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The name that was resolved: a component's, or an instance's.
    name: Arc<str>,
    may_send: bool,
    may_request: bool,
    /// The rates of what is sent to this name alone.
    edge: Option<Arc<Buckets>>,
    generation: u64,
}

/// A topic that a sender publishes on, with the decision about it.
pub(crate) struct TopicRoute {
    topic: Topic,
    generation: u64,
    /// Where the last that was published came from.
    origin: Option<Arc<Origin>>,
    /// Who got it.
    audience: Option<Audience>,
}

type Broker = MessageBroker<Envelope, Arc<Endpoint>>;

/// From a name or a topic to mailboxes.
#[derive(Default)]
pub(crate) struct Router {
    directory: DashMap<Arc<str>, Arc<Endpoint>>,
    broker: Broker,
    retained: Retained,
    /// Counts the changes of the directory and of what is granted: what was decided before one is
    /// decided anew.
    generation: AtomicU64,
    /// When guests that still run are ended, because the shutdown does not wait for them.
    end_at: OnceLock<std::time::Instant>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) in_flight: InFlightCount,
    pub(crate) waits: Arc<Waits>,
    /// None if the app has no state folder.
    state: Option<StateFolder>,
    pub(crate) trail: Arc<Trail>,
    /// Makes spans of the messages that are handled, if anybody wants them.
    tracer: OnceLock<Arc<dyn MessageTracer>>,
}

/// What a message is sent as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Send,
    Request,
}

impl Mode {
    fn kind(self) -> MessageKind {
        match self {
            Mode::Send => MessageKind::Send,
            Mode::Request => MessageKind::Request,
        }
    }
}

impl Sender {
    /// Decides, and leaves a record of a denial.
    pub(crate) fn allows(&self, access: &Access<'_>) -> Result<(), Denied> {
        self.grants.decide(&self.subject, access).inspect_err(|denied| self.was_denied(denied))
    }

    /// Leaves a record of a denial.
    fn was_denied(&self, denied: &Denied) {
        self.grants.denied(denied);
        self.stats.denied();
        self.trail.denied(denied);
    }
}

impl Router {
    /// A router that leaves what it denies and refuses in this trail.
    pub(crate) fn new(trail: Arc<Trail>, state: Option<StateFolder>) -> Router {
        Router { trail, state, ..Router::default() }
    }

    /// What outlives the host; none if the app has no state folder.
    pub(crate) fn state(&self) -> Option<&StateFolder> {
        self.state.as_ref()
    }

    /// Has spans made of the messages that are handled from now on. Only the first call counts.
    pub(crate) fn trace_with(&self, tracer: Arc<dyn MessageTracer>) {
        self.tracer.get_or_init(|| tracer);
    }

    pub(crate) fn tracer(&self) -> Option<&dyn MessageTracer> {
        self.tracer.get().map(|tracer| &**tracer)
    }

    /// Has every guest ended that still runs at this time. Only the first call counts.
    pub(crate) fn end_at(&self, time: std::time::Instant) {
        self.end_at.get_or_init(|| time);
    }

    /// Whether guests that still run are to be ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.end_at.get().is_some_and(|time| std::time::Instant::now() >= *time)
    }

    /// Adds a target, or replaces the one with this name.
    pub(crate) fn add(&self, name: &str, endpoint: Arc<Endpoint>) {
        self.directory.insert(Arc::from(name), endpoint);
        self.renew();
    }

    /// Has everything decided anew that was decided before.
    pub(crate) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes a target away.
    pub(crate) fn remove(&self, name: &str) {
        self.directory.remove(name);
        self.renew();
    }

    /// Whether a route was made before the directory, or what is granted, changed.
    pub(crate) fn is_stale(&self, route: &Route) -> bool {
        route.generation != self.generation.load(Ordering::Acquire)
    }

    /// Makes a route. A name that the sender has no right to use is `access-denied`, whether
    /// there is such a component or not.
    pub(crate) fn resolve(&self, from: &Sender, name: &str) -> Result<Route, SendError> {
        let generation = self.generation.load(Ordering::Acquire);
        let may = |access: Access<'_>| from.grants.decide(&from.subject, &access).is_ok();
        let (may_send, may_request) = (may(Access::Send { to: name }), may(Access::Request { to: name }));
        if !may_send && !may_request {
            // What it wants to do is not known yet: it is what its manifest asks for.
            let _recorded = from.allows(&match from.grants.asks_to_request_only(&from.subject, name) {
                true => Access::Request { to: name },
                false => Access::Send { to: name },
            });
            return Err(SendError::AccessDenied);
        }
        let found = self.directory.get(name).map(|entry| Arc::clone(entry.value()));
        let endpoint = found.ok_or(SendError::UnknownTarget)?;
        let edge = from.quota.edge(name);
        Ok(Route { endpoint, name: Arc::from(name), may_send, may_request, edge, generation })
    }

    /// Puts a message into a mailbox of the route's target. Gives the receiver if it sleeps, to be
    /// woken.
    pub(crate) fn send<'r>(
        &self,
        from: &Sender,
        route: &'r Route,
        mode: Mode,
        draft: Draft,
        reply: Option<ReplyTo>,
        now: Instant,
    ) -> Result<Sleeper<'r>, SendError> {
        let endpoint = &route.endpoint;
        let (allowed, access) = match mode {
            Mode::Send => (route.may_send, Access::Send { to: &route.name }),
            Mode::Request => (route.may_request, Access::Request { to: &route.name }),
        };
        if !allowed {
            let _recorded = from.allows(&access);
            return Err(endpoint.refuse("access-denied", SendError::AccessDenied));
        }
        let recorded = self.trail.wants_messages().then(|| draft.body.clone());
        let sleeper = put(from, endpoint, route.edge.as_deref(), draft, reply, now)?;
        if let Some(body) = recorded {
            self.record(mode.kind(), from, &body, Some(&route.name), None);
        }
        Ok(sleeper)
    }

    /// Hands a message to its receiver again, as if its sender had sent it anew. It is `from` who
    /// does that, so it is `from` who has to be allowed to.
    pub(crate) fn send_again(&self, from: &Sender, letter: &DeadLetter) -> Result<(), SendError> {
        let route = self.resolve(from, &letter.receiver)?;
        let origin = Origin {
            sender: Arc::clone(&letter.sender),
            topic: letter.topic.clone(),
            retained: false,
            trace: letter.trace,
        };
        let draft = Draft { body: letter.message.clone(), origin: Arc::new(origin) };
        put(from, &route.endpoint, None, draft, None, Instant::now())?.wake();
        Ok(())
    }

    /// Records a message, if the audit wants messages.
    fn record(
        &self,
        kind: MessageKind,
        from: &Sender,
        body: &Bytes,
        receiver: Option<&Arc<str>>,
        topic: Option<(&Arc<str>, u32)>,
    ) {
        let Some(audit) = self.trail.audit().filter(|audit| audit.messages()) else { return };
        let Ok((codec, _)) = Codec::split(body) else { return };
        audit.record(AuditEvent::Message {
            kind,
            sender: Arc::clone(&from.instance),
            receiver: receiver.cloned(),
            topic: topic.map(|(topic, subscribers)| (Arc::clone(topic), subscribers)),
            size: body.len() as u64,
            codec,
        });
    }
}

/// The receiver of a message, if it sleeps.
#[must_use = "it sleeps until it is woken"]
pub(crate) struct Sleeper<'r>(Option<&'r ActorRef<Envelope>>);

impl<'r> Sleeper<'r> {
    /// Wakes it now.
    pub(crate) fn wake(self) {
        self.0.into_iter().for_each(ActorRef::wake);
    }

    /// The actor, for whoever wakes it later.
    pub(crate) fn actor(self) -> Option<&'r ActorRef<Envelope>> {
        self.0
    }
}

/// Puts a message that was decided about into a mailbox of its receiver.
fn put<'r>(
    from: &Sender,
    endpoint: &'r Arc<Endpoint>,
    edge: Option<&Buckets>,
    draft: Draft,
    reply: Option<ReplyTo>,
    now: Instant,
) -> Result<Sleeper<'r>, SendError> {
    let refused = |(reason, error)| endpoint.refuse(reason, error);
    endpoint.accepts_message(&draft.body, from).map_err(refused)?;
    let bytes = draft.body.len();
    let held = endpoint.budget.take(bytes).ok_or_else(|| endpoint.full())?;
    // A full mailbox drops it: then it is still to be accounted for.
    let drops = endpoint.overflow == Overflow::DropNewest && reply.is_none();
    let spare = drops.then(|| draft.clone());
    // The rate last, so that what is refused for another reason costs nothing. What would be too much
    // at a time that was looked at a while ago may not be by now.
    let cost = || from.quota.take(edge, bytes, now).or_else(|_| from.quota.take(edge, bytes, Instant::now()));
    let number = endpoint.least_loaded_member();
    let member = &endpoint.members[number];
    let sent = member.try_send_with(|| {
        let _spent = cost()?;
        Ok(Envelope::accept(draft, held, (endpoint, number), reply, now.into_std()))
    });
    match (sent, spare) {
        (Ok(sleeps), _) => Ok(Sleeper(sleeps.then_some(member))),
        (Err(SendWithError::NotMade(over)), _) => Err(from.quota.exceeded(over)),
        (Err(SendWithError::Full), Some(draft)) => {
            let _spent = cost().map_err(|over| from.quota.exceeded(over))?;
            endpoint.skip(&draft, from);
            Ok(Sleeper(None))
        }
        (Err(SendWithError::Full), None) => Err(endpoint.full()),
        (Err(_), _) => Err(endpoint.refuse("target-stopped", SendError::TargetStopped)),
    }
}
