//! From a name or a topic to mailboxes: every message of an app passes here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use airssys_message::Codec;
use airssys_rt::{
    ActorRef, MessageBroker, Permit, Reservation, ReserveError, SkipReason, Subscriber, Topic, TopicPattern,
};
use bytes::Bytes;
use dashmap::DashMap;
use smallvec::SmallVec;

use crate::bindings::SendError;
use crate::byte_budget::{ByteBudget, HeldBytes};
use crate::capability::{Access, Denied, Subject};
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::endpoint::Endpoint;
use crate::grants::Grants;
use crate::in_flight::InFlightCount;
use crate::message::{Draft, Envelope, ReplyTo};
use crate::stats::ComponentStats;
use crate::trace::{MessageTracer, TraceContext};
use crate::waits::Waits;

/// Who sends, publishes or subscribes.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) subject: Subject,
    pub(crate) instance: Arc<str>,
    /// Where its denials are counted.
    pub(crate) stats: Arc<ComponentStats>,
    pub(crate) grants: Arc<Grants>,
}

/// Where a sender's messages to one name go, with the decision about them.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The name that was resolved: a component's, or an instance's.
    name: Arc<str>,
    may_send: bool,
    may_request: bool,
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

/// From a name or a topic to mailboxes.
#[derive(Default)]
pub(crate) struct Router {
    directory: DashMap<Arc<str>, Arc<Endpoint>>,
    broker: MessageBroker<Envelope, Arc<Endpoint>>,
    /// Counts the changes of the directory and of what is granted: what was decided before one is
    /// decided anew.
    generation: AtomicU64,
    /// When guests that still run are ended, because the shutdown does not wait for them.
    end_at: OnceLock<Instant>,
    pub(crate) dead_letters: Arc<DeadLetters>,
    pub(crate) in_flight: InFlightCount,
    pub(crate) waits: Arc<Waits>,
    /// Makes spans of the messages that are handled, if anybody wants them.
    tracer: OnceLock<Arc<dyn MessageTracer>>,
}

/// What a message is sent as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Send,
    Request,
}

impl Sender {
    /// Decides, and leaves a record of a denial.
    pub(crate) fn allows(&self, access: &Access<'_>) -> Result<(), Denied> {
        self.grants.decide(&self.subject, access).inspect_err(|denied| {
            self.stats.denied();
            self.grants.record(denied);
        })
    }
}

impl Router {
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
            let _recorded = from.allows(&Access::Send { to: name });
            return Err(SendError::AccessDenied);
        }
        let found = self.directory.get(name).map(|entry| Arc::clone(entry.value()));
        let endpoint = found.ok_or(SendError::UnknownTarget)?;
        Ok(Route { endpoint, name: Arc::from(name), may_send, may_request, generation })
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
        self.put(endpoint, Draft { body, sender: Arc::clone(&from.instance), topic: None, trace }, reply)
    }

    /// Hands a message to its receiver again, as if its sender had sent it anew. It is `from` who
    /// does that, so it is `from` who has to be allowed to.
    pub(crate) fn send_again(&self, from: &Sender, letter: &DeadLetter) -> Result<(), SendError> {
        let route = self.resolve(from, &letter.receiver)?;
        let (body, sender, topic) =
            (letter.message.clone(), Arc::clone(&letter.sender), letter.topic.clone());
        // It was sent in a trace that has ended.
        self.put(&route.endpoint, Draft { body, sender, topic, trace: None }, None)
    }

    /// Puts a message that was decided about into a mailbox of its receiver.
    fn put(&self, endpoint: &Arc<Endpoint>, draft: Draft, reply: Option<ReplyTo>) -> Result<(), SendError> {
        endpoint.accepts_message(&draft.body).map_err(|(reason, error)| endpoint.refuse(reason, error))?;
        let permit = endpoint.least_loaded().try_reserve().map_err(|error| match error {
            ReserveError::Full => endpoint.full(),
            _ => endpoint.refuse("target-stopped", SendError::TargetStopped),
        })?;
        let held = endpoint.budget.take(draft.body.len()).ok_or_else(|| endpoint.full())?;
        // A mailbox that has closed in between: the envelope accounts for itself when dropped.
        drop(permit.send(Envelope::accept(draft, held, endpoint, reply)));
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
        let topic = &route.topic;
        Codec::split(&body).map_err(|error| SendError::CodecRefused(error.to_string()))?;
        let name: Arc<str> = Arc::from(topic.as_str());
        let draft = Draft { body, sender: Arc::clone(&from.instance), topic: Some(name), trace };
        let subscribers = self.broker.matching(topic);
        let room = self.reserve(&subscribers, &draft.body, myself).map_err(|full| full.tag.full())?;
        for (subscriber, reason) in &room.skipped {
            match reason {
                SkipReason::Closed => drop(self.broker.unsubscribe_all(subscriber.actor.id())),
                _ => subscriber.tag.skip(&draft),
            }
        }
        let mut delivered = 0;
        for (endpoint, permit, held) in room.places {
            let envelope = Envelope::accept(draft.clone(), held, endpoint, None);
            // One whose mailbox has closed in between accounts for itself when it is dropped.
            delivered += u32::from(permit.send(envelope).is_ok());
        }
        Ok(delivered)
    }

    /// Takes room from every subscriber that is to get a publication. The error is the first that
    /// waits for room and has none, other than the publisher itself.
    fn reserve<'s>(
        &self,
        subscribers: &'s [Subscribed],
        body: &[u8],
        myself: Option<&ActorRef<Envelope>>,
    ) -> Result<Room<'s>, &'s Subscribed> {
        let is_own = |s: &Subscribed| myself.is_some_and(|myself| myself.id() == s.actor.id());
        let accepts = |s: &Subscribed| s.tag.accepts_message(body).is_ok();
        let reserved = match Reservation::new(subscribers, accepts) {
            Err(full) if is_own(full) => Reservation::new(subscribers, |s| accepts(s) && !is_own(s))?,
            reserved => reserved?,
        };
        let mut room = Room { places: SmallVec::new(), skipped: reserved.skipped };
        for (subscriber, permit) in reserved.places {
            match subscriber.tag.budget.take(body.len()) {
                Some(held) => room.places.push((&subscriber.tag, permit, held)),
                None if subscriber.tag.waits && !is_own(subscriber) => return Err(subscriber),
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
        let others = subscribers.into_iter().filter(|s| s.actor.id() != myself.id() && s.tag.waits);
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
    fn may_publish(&self, from: &Sender, route: &mut TopicRoute) -> Result<(), SendError> {
        let generation = self.generation.load(Ordering::Acquire);
        if route.generation != generation {
            from.allows(&Access::Publish { topic: &route.topic }).map_err(|_| SendError::AccessDenied)?;
            route.generation = generation;
        }
        Ok(())
    }

    /// Subscribes an instance.
    pub(crate) fn subscribe(
        &self,
        from: &Sender,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<(), Denied> {
        let subscribe = || self.restore(pattern.clone(), subscriber, endpoint);
        let decided = from.grants.subscribe(&from.subject, &pattern, subscribe);
        decided.inspect_err(|denied| from.grants.record(denied))
    }

    /// Subscribes an instance that may.
    pub(crate) fn restore(
        &self,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) {
        self.broker.subscribe(pattern, subscriber.clone(), Arc::clone(endpoint));
    }

    /// The patterns that an instance is subscribed to.
    pub(crate) fn subscriptions(&self, subscriber: &ActorRef<Envelope>) -> Vec<TopicPattern> {
        self.broker.subscriptions(subscriber.id())
    }

    pub(crate) fn unsubscribe(&self, pattern: &TopicPattern, subscriber: &ActorRef<Envelope>) -> bool {
        self.broker.unsubscribe(pattern, subscriber.id())
    }

    pub(crate) fn unsubscribe_all(&self, subscriber: &ActorRef<Envelope>) {
        self.broker.unsubscribe_all(subscriber.id());
    }
}
