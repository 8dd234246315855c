//! From a name or a topic to mailboxes: every message of an app passes here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use airssys_message::{Accepts, Codec};
use airssys_rt::{
    ActorRef, MessageBroker, Overflow, Permit, Reservation, ReserveError, SkipReason, Subscriber, Topic,
    TopicPattern,
};
use bytes::Bytes;
use dashmap::DashMap;
use smallvec::SmallVec;

use crate::audit::{AuditEvent, MessageKind, Trail};
use crate::bindings::SendError;
use crate::byte_budget::{ByteBudget, HeldBytes};
use crate::capability::{Access, Denied, Subject};
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::endpoint::Endpoint;
use crate::grants::Grants;
use crate::in_flight::InFlightCount;
use crate::limits::Limits;
use crate::message::{Draft, Envelope, ReplyTo};
use crate::quota::{Buckets, Exceeded, Quota};
use crate::retained::{Kept, Retained};
use crate::state::StateFolder;
use crate::stats::ComponentStats;
use crate::trace::{MessageTracer, TraceContext};
use crate::waits::Waits;

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
}

type Subscribed = Subscriber<Envelope, Arc<Endpoint>>;

/// A mailbox that has no room, and the bytes that may wait in it.
type Full = (ActorRef<Envelope>, Arc<ByteBudget>);

/// Room for a publication at one who is to get it.
type Place<'s> = (&'s Arc<Endpoint>, Permit<Envelope>, HeldBytes);

/// Room for a publication at all who are to get it, and those who are not.
struct Room<'s> {
    places: SmallVec<[Place<'s>; 8]>,
    skipped: SmallVec<[(&'s Subscribed, SkipReason); 2]>,
}

impl<'s> Room<'s> {
    /// Takes room from subscribers whose mailboxes drop the oldest message for it.
    fn evict(&mut self, from: &Sender, subscribers: &'s [Subscribed], body: &[u8]) {
        for subscriber in subscribers {
            if subscriber.tag.accepts_message(body, from).is_err() {
                self.skipped.push((subscriber, SkipReason::Refused));
                continue;
            }
            let held = subscriber.tag.budget.take(body.len()).ok_or(ReserveError::Full);
            match held.and_then(|held| Ok((subscriber.actor.try_reserve()?, held))) {
                Ok((permit, held)) => self.places.push((&subscriber.tag, permit, held)),
                Err(ReserveError::Closed) => self.skipped.push((subscriber, SkipReason::Closed)),
                Err(_) => self.skipped.push((subscriber, SkipReason::Full)),
            }
        }
    }
}

/// From a name or a topic to mailboxes.
#[derive(Default)]
pub(crate) struct Router {
    directory: DashMap<Arc<str>, Arc<Endpoint>>,
    broker: MessageBroker<Envelope, Arc<Endpoint>>,
    retained: Retained,
    /// Counts the changes of the directory and of what is granted: what was decided before one is
    /// decided anew.
    generation: AtomicU64,
    /// When guests that still run are ended, because the shutdown does not wait for them.
    end_at: OnceLock<Instant>,
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
    pub(crate) fn end_at(&self, time: Instant) {
        self.end_at.get_or_init(|| time);
    }

    /// Whether guests that still run are to be ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.end_at.get().is_some_and(|time| Instant::now() >= *time)
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

    /// Puts a message into a mailbox of the route's target.
    pub(crate) fn send(
        &self,
        from: &Sender,
        route: &Route,
        mode: Mode,
        body: Bytes,
        reply: Option<ReplyTo>,
        trace: Option<TraceContext>,
    ) -> Result<(), SendError> {
        let endpoint = &route.endpoint;
        let (allowed, access) = match mode {
            Mode::Send => (route.may_send, Access::Send { to: &route.name }),
            Mode::Request => (route.may_request, Access::Request { to: &route.name }),
        };
        if !allowed {
            let _recorded = from.allows(&access);
            return Err(endpoint.refuse("access-denied", SendError::AccessDenied));
        }
        let draft = Draft { body, sender: Arc::clone(&from.instance), topic: None, retained: false, trace };
        let recorded = self.trail.wants_messages().then(|| draft.body.clone());
        self.put(from, endpoint, route.edge.as_deref(), draft, reply)?;
        if let Some(body) = recorded {
            self.record(mode.kind(), from, &body, Some(&route.name), None);
        }
        Ok(())
    }

    /// Hands a message to its receiver again, as if its sender had sent it anew. It is `from` who
    /// does that, so it is `from` who has to be allowed to.
    pub(crate) fn send_again(&self, from: &Sender, letter: &DeadLetter) -> Result<(), SendError> {
        let route = self.resolve(from, &letter.receiver)?;
        let (body, sender, topic) =
            (letter.message.clone(), Arc::clone(&letter.sender), letter.topic.clone());
        self.put(
            from,
            &route.endpoint,
            None,
            Draft { body, sender, topic, retained: false, trace: None },
            None,
        )
    }

    /// Puts a message that was decided about into a mailbox of its receiver.
    fn put(
        &self,
        from: &Sender,
        endpoint: &Arc<Endpoint>,
        edge: Option<&Buckets>,
        draft: Draft,
        reply: Option<ReplyTo>,
    ) -> Result<(), SendError> {
        let refused = |(reason, error)| endpoint.refuse(reason, error);
        endpoint.accepts_message(&draft.body, from).map_err(refused)?;
        let held = endpoint.budget.take(draft.body.len()).ok_or_else(|| endpoint.full())?;
        let cost = || {
            let taken = from.quota.take(edge, draft.body.len());
            taken.map_err(|over| from.quota.exceeded(over))
        };
        let permit = match endpoint.overflow {
            // A message makes way for this one, so all else has been decided before.
            Overflow::DropOldest => {
                let cost = cost()?;
                endpoint.place(&reply).inspect_err(|_| from.quota.put_back(edge, cost))?
            }
            // The rate last, so that what is refused for another reason costs nothing.
            _ => {
                let permit = endpoint.place(&reply)?;
                let _spent = cost()?;
                permit
            }
        };
        match permit {
            // A mailbox that has closed in between: the envelope accounts for itself when dropped.
            Some(permit) => drop(permit.send(Envelope::accept(draft, held, endpoint, reply))),
            None => endpoint.skip(&draft, from),
        }
        Ok(())
    }

    /// Puts a message into the mailbox of every subscriber: of all of those that wait, or of none.
    ///
    /// A publisher that is subscribed itself cannot wait for itself: where it has no room, its own
    /// copy goes to the dead letters.
    pub(crate) fn publish(
        &self,
        from: &Sender,
        myself: Option<&ActorRef<Envelope>>,
        route: &mut TopicRoute,
        body: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<u32, SendError> {
        self.may_publish(from, route)?;
        self.fan_out(from, myself, &route.topic, body, trace)
    }

    /// Publishes what was decided about.
    fn fan_out(
        &self,
        from: &Sender,
        myself: Option<&ActorRef<Envelope>>,
        topic: &Topic,
        body: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<u32, SendError> {
        Codec::split(&body).map_err(|error| SendError::CodecRefused(error.to_string()))?;
        let name: Arc<str> = Arc::from(topic.as_str());
        let (sender, on) = (Arc::clone(&from.instance), Some(Arc::clone(&name)));
        let draft = Draft { body, sender, topic: on, retained: false, trace };
        let subscribers = self.broker.matching(topic);
        // Those whose mailboxes drop the oldest come last: until then the publication can be refused.
        let (evicting, others): (Vec<Subscribed>, Vec<Subscribed>) =
            subscribers.into_iter().partition(|s| s.tag.overflow == Overflow::DropOldest);
        let reserved = self.reserve(from, &others, &draft.body, myself);
        let mut room = reserved.map_err(|full| full.tag.full())?;
        // Once, however many subscribers there are. Last, as with a message.
        let _spent = from.quota.take(None, draft.body.len()).map_err(|over| from.quota.exceeded(over))?;
        room.evict(from, &evicting, &draft.body);
        for (subscriber, reason) in &room.skipped {
            match reason {
                SkipReason::Closed => drop(self.broker.unsubscribe_all(subscriber.actor.id())),
                _ => subscriber.tag.skip(&draft, from),
            }
        }
        let delivered = u32::try_from(room.places.len()).unwrap_or(u32::MAX);
        for (endpoint, permit, held) in room.places {
            let envelope = Envelope::accept(draft.clone(), held, endpoint, None);
            // A mailbox that has closed in between: the envelope accounts for itself when dropped, as a
            // message does that was taken just before.
            drop(permit.send(envelope));
        }
        self.record(MessageKind::Publish, from, &draft.body, None, Some((&name, delivered)));
        Ok(delivered)
    }

    /// Publishes a message, and keeps it for those who subscribe later.
    pub(crate) fn publish_retained(
        &self,
        from: &Sender,
        myself: Option<&ActorRef<Envelope>>,
        limits: &Limits,
        route: &mut TopicRoute,
        body: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<u32, SendError> {
        // Before the lock: a change of grants holds its own when it takes this one.
        self.may_publish(from, route)?;
        let topic = &route.topic;
        let mut retained = self.retained.lock();
        retained.has_room(from, limits, topic, body.len())?;
        let delivered = self.fan_out(from, myself, topic, body.clone(), trace)?;
        let (sender, name) = (Arc::clone(&from.instance), Some(Arc::from(topic.as_str())));
        // Who gets it later is in a trace of its own.
        let draft = Draft { body, sender, topic: name, retained: true, trace: None };
        retained.keep(topic.clone(), Kept { draft, from: from.clone() });
        Ok(delivered)
    }

    /// Forgets what is retained of a topic; whether there was something.
    pub(crate) fn clear_retained(&self, from: &Sender, route: &mut TopicRoute) -> Result<bool, SendError> {
        self.may_publish(from, route)?;
        Ok(self.retained.lock().clear(&route.topic))
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

    /// Takes room from every subscriber that is to get a publication. The error is the first that
    /// waits for room and has none, other than the publisher itself.
    fn reserve<'s>(
        &self,
        from: &Sender,
        subscribers: &'s [Subscribed],
        body: &[u8],
        myself: Option<&ActorRef<Envelope>>,
    ) -> Result<Room<'s>, &'s Subscribed> {
        let is_own = |s: &Subscribed| myself.is_some_and(|myself| myself.id() == s.actor.id());
        let accepts = |s: &Subscribed| s.tag.accepts_message(body, from).is_ok();
        let reserved = match Reservation::new(subscribers, accepts) {
            Err(full) if is_own(full) => Reservation::new(subscribers, |s| accepts(s) && !is_own(s))?,
            reserved => reserved?,
        };
        let mut room = Room { places: SmallVec::new(), skipped: reserved.skipped };
        for (subscriber, permit) in reserved.places {
            match subscriber.tag.budget.take(body.len()) {
                Some(held) => room.places.push((&subscriber.tag, permit, held)),
                None if subscriber.tag.waits() && !is_own(subscriber) => return Err(subscriber),
                None => room.skipped.push((subscriber, SkipReason::Full)),
            }
        }
        Ok(room)
    }

    /// The first subscriber of the topic, other than the publisher, that waits for room for the
    /// largest message it takes and has none.
    pub(crate) fn full_subscriber(
        &self,
        from: &Sender,
        route: &mut TopicRoute,
        myself: &ActorRef<Envelope>,
    ) -> Result<Option<Full>, SendError> {
        self.may_publish(from, route)?;
        let has_room = |s: &Subscribed| {
            let bytes = usize::try_from(s.tag.max_message_bytes).unwrap_or(usize::MAX);
            s.tag.budget.take(bytes).is_some() && !matches!(s.actor.try_reserve(), Err(ReserveError::Full))
        };
        let subscribers = self.broker.matching(&route.topic);
        let others = subscribers.into_iter().filter(|s| s.actor.id() != myself.id() && s.tag.waits());
        let full = others.into_iter().find(|subscriber| !has_room(subscriber));
        Ok(full.map(|subscriber| (subscriber.actor, Arc::clone(&subscriber.tag.budget))))
    }

    /// Makes a route to a topic that a sender wants to publish on.
    pub(crate) fn resolve_topic(&self, from: &Sender, topic: Topic) -> Result<TopicRoute, SendError> {
        // Read before the decision: a change in between makes the route stale.
        let generation = self.generation.load(Ordering::Acquire);
        from.allows(&Access::Publish { topic: &topic }).map_err(|_| SendError::AccessDenied)?;
        Ok(TopicRoute { topic, generation })
    }

    /// Decides anew about a topic if what is granted may have changed.
    pub(crate) fn may_publish(&self, from: &Sender, route: &mut TopicRoute) -> Result<(), SendError> {
        let generation = self.generation.load(Ordering::Acquire);
        if route.generation != generation {
            from.allows(&Access::Publish { topic: &route.topic }).map_err(|_| SendError::AccessDenied)?;
            route.generation = generation;
        }
        Ok(())
    }

    /// Subscribes an instance on behalf of its manifest, if it is not; whether it was not.
    pub(crate) fn subscribe(
        &self,
        from: &Sender,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<bool, Denied> {
        let subscribe = || self.restore(pattern.clone(), subscriber, endpoint);
        let decided = from.grants.subscribe(&from.subject, &pattern, subscribe);
        decided.inspect_err(|denied| from.was_denied(denied))
    }

    /// Subscribes an instance that asks for it itself, if it is not: that costs as much as a message,
    /// and outlives the host.
    pub(crate) fn subscribe_itself(
        &self,
        from: &Sender,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<(), SendError> {
        // While nothing can be revoked, so that nothing is saved that is not allowed.
        let subscribe = || -> Result<(), Exceeded> {
            // As with a message, what is denied costs nothing.
            let _spent = from.quota.take(None, 0)?;
            let new = self.restore(pattern.clone(), subscriber, endpoint);
            if let Some(state) = self.state().filter(|_| new) {
                state.subscribed(&from.instance, &pattern);
            }
            Ok(())
        };
        let decided = from.grants.subscribe(&from.subject, &pattern, subscribe);
        decided
            .inspect_err(|denied| from.was_denied(denied))
            .map_err(|_| SendError::AccessDenied)?
            .map_err(|over| from.quota.exceeded(over))
    }

    /// Subscribes an instance that may, and gives it what is retained; whether it was not.
    pub(crate) fn restore(
        &self,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> bool {
        let retained = self.retained.lock();
        let older = self.subscriptions(subscriber);
        let new = self.broker.subscribe(pattern.clone(), subscriber.clone(), Arc::clone(endpoint));
        if new {
            for (topic, kept) in retained.matching(&pattern) {
                // What an older subscription of its matches, it has had.
                if !older.iter().any(|older| older.matches(topic)) {
                    hand_over(kept, subscriber, endpoint);
                }
            }
        }
        new
    }

    /// The patterns that an instance is subscribed to.
    pub(crate) fn subscriptions(&self, subscriber: &ActorRef<Envelope>) -> Vec<TopicPattern> {
        self.broker.subscriptions(subscriber.id())
    }

    /// How many subscriptions of an instance count against its limit: those that it has, and those
    /// that come back when they are allowed again.
    pub(crate) fn subscriptions_held(&self, from: &Sender, subscriber: &ActorRef<Envelope>) -> usize {
        self.subscriptions(subscriber).len() + from.grants.suspended(subscriber.id())
    }

    /// How many topics' retained messages are a component's.
    pub(crate) fn retained_by(&self, component: &str) -> usize {
        self.retained.lock().used(component)
    }

    pub(crate) fn unsubscribe(&self, pattern: &TopicPattern, subscriber: &ActorRef<Envelope>) -> bool {
        self.broker.unsubscribe(pattern, subscriber.id())
    }

    pub(crate) fn unsubscribe_all(&self, subscriber: &ActorRef<Envelope>) {
        self.broker.unsubscribe_all(subscriber.id());
    }
}

/// Gives a new subscriber what is retained. It has no publisher to wait for it: where there is no
/// room, its copy goes to the dead letters.
fn hand_over(kept: &Kept, subscriber: &ActorRef<Envelope>, endpoint: &Arc<Endpoint>) {
    let Kept { draft, from } = kept;
    let accepted = endpoint.accepts_message(&draft.body, from).ok();
    let held = accepted.and_then(|()| endpoint.budget.take(draft.body.len()));
    // Last: in a mailbox that drops the oldest, a message makes way for it.
    match held.and_then(|held| Some((subscriber.try_reserve().ok()?, held))) {
        // A mailbox that has closed in between: the envelope accounts for itself when dropped.
        Some((permit, held)) => drop(permit.send(Envelope::accept(draft.clone(), held, endpoint, None))),
        None => endpoint.skip(draft, from),
    }
}
