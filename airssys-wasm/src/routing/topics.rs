//! Topics: publications, at once or retained, and subscriptions.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use airssys_message::Codec;
use airssys_rt::{ActorRef, Permit, Reservation, ReserveError, SkipReason, Topic, TopicPattern};
use airssys_spec::{Access, Denied, Limits};
use bytes::Bytes;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::contract::SendError;
use crate::observe::audit::{AuditEvent, MessageKind};
use crate::observe::trace::TraceContext;
use crate::policy::byte_budget::{ByteBudget, HeldBytes};
use crate::policy::quota::Exceeded;
use crate::routing::draft::{Draft, Origin};
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::refusal::Refusal;
use crate::routing::retained::{Kept, RetainedMessage};
use crate::routing::router::Router;
use crate::routing::sender::Sender;
use crate::routing::topic_route::{Audience, Subscribed, TopicRoute};

/// A subscription is of one instance: the only member of its endpoint.
const ALONE: usize = 0;

/// A mailbox that has no room, and the bytes that may wait in it.
type Full = (ActorRef<Envelope>, Arc<ByteBudget>);

/// Room for a publication at one who is to get it.
type Place<'s> = (&'s Arc<Endpoint>, Permit<Envelope>, HeldBytes<'s>);

/// Room for a publication at all who are to get it, and those who are not.
struct Room<'s> {
    places: SmallVec<[Place<'s>; 8]>,
    skipped: SmallVec<[(&'s Subscribed, SkipReason); 2]>,
}

impl<'s> Room<'s> {
    /// Takes room from subscribers whose mailboxes drop the oldest message for it.
    fn evict(&mut self, from: &Sender, subscribers: &'s [Subscribed], body: &[u8]) {
        for subscriber in subscribers {
            if subscriber.tag.account.accepts_message(body, from).is_err() {
                self.skipped.push((subscriber, SkipReason::Refused));
                continue;
            }
            let held = subscriber.tag.account.budget.take(body.len()).ok_or(ReserveError::Full);
            match held.and_then(|held| Ok((subscriber.actor.try_reserve()?, held))) {
                Ok((permit, held)) => self.places.push((&subscriber.tag, permit, held)),
                Err(ReserveError::Closed) => self.skipped.push((subscriber, SkipReason::Closed)),
                Err(_) => self.skipped.push((subscriber, SkipReason::Full)),
            }
        }
    }
}

/// What came of a publication.
#[must_use]
enum Outcome {
    /// So many subscribers have it.
    Published(u32, Untold),
    /// Nobody has it.
    Refused(SendError),
    /// Nobody has it: the publisher has reached a limit of its own.
    Over(Exceeded),
}

/// What came of a subscription that is allowed.
#[must_use = "what did not fit in is told when no lock is held any more"]
pub(crate) struct Joined {
    /// Whether it is new.
    is_new: bool,
    untold: Untold,
}

/// Copies that nobody has. They become dead letters, which is logged: not while a lock is held.
#[derive(Default)]
struct Untold {
    skipped: Vec<(Arc<Endpoint>, Draft, Sender)>,
    /// For mailboxes that have closed in between: an envelope accounts for itself when dropped.
    lost: Vec<Envelope>,
}

impl Outcome {
    fn tell(self, from: &Sender) -> Result<u32, SendError> {
        match self {
            Outcome::Published(delivered, untold) => {
                untold.tell();
                Ok(delivered)
            }
            Outcome::Refused(error) => Err(error),
            Outcome::Over(over) => Err(from.exceeded(over)),
        }
    }
}

impl Joined {
    /// Accounts for what did not fit in; whether the subscription is new.
    pub(crate) fn tell(self) -> bool {
        self.untold.tell();
        self.is_new
    }
}

impl Untold {
    fn skip(&mut self, endpoint: &Arc<Endpoint>, draft: &Draft, from: &Sender) {
        self.skipped.push((Arc::clone(endpoint), draft.clone(), from.clone()));
    }

    fn tell(self) {
        self.skipped.iter().for_each(|(endpoint, draft, from)| endpoint.account.skip(draft, from));
    }
}

impl Router {
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
        let draft = Draft { body, origin: route.origin(from, trace) };
        self.fan_out(from, myself, route, draft).tell(from)
    }

    /// Publishes what was decided about. Logs nothing: that is for [`Outcome::tell`].
    fn fan_out(
        &self,
        from: &Sender,
        myself: Option<&ActorRef<Envelope>>,
        route: &mut TopicRoute,
        draft: Draft,
    ) -> Outcome {
        if let Err(error) = Codec::split(&draft.body) {
            return Outcome::Refused(SendError::CodecRefused(error.to_string()));
        }
        let audience = route.take_audience(&self.broker);
        let outcome = self.hand_out(from, myself, &audience, draft);
        route.audience = Some(audience);
        outcome
    }

    fn hand_out(
        &self,
        from: &Sender,
        myself: Option<&ActorRef<Envelope>>,
        audience: &Audience,
        draft: Draft,
    ) -> Outcome {
        // Those whose mailboxes drop the oldest come last: until then the publication can be refused.
        let Audience { evicting, others, .. } = audience;
        let mut room = match self.reserve(from, others, &draft.body, myself) {
            Ok(room) => room,
            Err(full) => return Outcome::Refused(full.tag.account.refuse(Refusal::MailboxFull)),
        };
        // Once, however many subscribers there are. Last, as with a message.
        let now = Instant::now();
        if let Err(over) = from.quota.take(None, draft.body.len(), now) {
            return Outcome::Over(over);
        }
        room.evict(from, evicting, &draft.body);
        let mut untold = Untold::default();
        for (subscriber, reason) in room.skipped {
            match reason {
                SkipReason::Closed => drop(self.broker.unsubscribe_all(subscriber.actor.id())),
                _ => untold.skip(&subscriber.tag, &draft, from),
            }
        }
        let delivered = u32::try_from(room.places.len()).unwrap_or(u32::MAX);
        for (endpoint, permit, held) in room.places {
            let envelope =
                Envelope::accept(draft.clone(), held, (&endpoint.account, ALONE), None, now.into_std());
            untold.lost.extend(permit.send(envelope).err());
        }
        if let Some(topic) = &draft.origin.topic {
            self.record(MessageKind::Publish, from, &draft.body, None, Some((topic, delivered)));
        }
        Outcome::Published(delivered, untold)
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
        let draft = Draft { body, origin: route.origin(from, trace) };
        let mut retained = self.retained.lock();
        let outcome = match retained.has_room(from, limits, &route.topic, draft.body.len()) {
            Ok(()) => self.fan_out(from, myself, route, draft.clone()),
            Err(over) => Outcome::Over(over),
        };
        if let Outcome::Published(..) = outcome {
            let (sender, name) = (Arc::clone(&from.instance), draft.origin.topic.clone());
            // Who gets it later is in a trace of its own.
            let origin = Arc::new(Origin { sender, topic: name, retained: true, trace: None });
            let draft = Draft { body: draft.body, origin };
            retained.keep(route.topic.clone(), Kept { draft, from: from.clone(), at: SystemTime::now() });
        }
        drop(retained);
        outcome.tell(from)
    }

    /// Forgets what is retained of a topic; whether there was something.
    pub(crate) fn clear_retained(&self, from: &Sender, route: &mut TopicRoute) -> Result<bool, SendError> {
        self.may_publish(from, route)?;
        let mut retained = self.retained.lock();
        let Some(kept) = retained.clear(&route.topic) else { return Ok(false) };
        // Before it can be retained anew.
        if from.is_outside() {
            let (topic, sender) = (Arc::from(route.topic.as_str()), Arc::clone(&kept.draft.origin.sender));
            self.app.trail.record(AuditEvent::RetainedCleared { topic, sender });
        } else {
            self.record_retained(MessageKind::ClearRetained, from, &kept.draft, None);
        }
        Ok(true)
    }

    /// Records what becomes of a retained message, if the audit wants messages.
    fn record_retained(&self, kind: MessageKind, from: &Sender, draft: &Draft, to: Option<&str>) {
        if self.app.trail.wants_messages() {
            let (to, topic) = (to.map(Arc::from), draft.origin.topic.as_ref());
            self.record(kind, from, &draft.body, to.as_ref(), topic.map(|topic| (topic, 0)));
        }
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
        let accepts = |s: &Subscribed| s.tag.account.accepts_message(body, from).is_ok();
        let reserved = match Reservation::new(subscribers, accepts) {
            Err(full) if is_own(full) => Reservation::new(subscribers, |s| accepts(s) && !is_own(s))?,
            reserved => reserved?,
        };
        let mut room = Room { places: SmallVec::new(), skipped: reserved.skipped };
        for (subscriber, permit) in reserved.places {
            match subscriber.tag.account.budget.take(body.len()) {
                Some(held) => room.places.push((&subscriber.tag, permit, held)),
                None if subscriber.tag.account.waits() && !is_own(subscriber) => return Err(subscriber),
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
            let bytes = usize::try_from(s.tag.account.max_message_bytes).unwrap_or(usize::MAX);
            s.tag.account.budget.take(bytes).is_some()
                && !matches!(s.actor.try_reserve(), Err(ReserveError::Full))
        };
        let subscribers = self.broker.matching(&route.topic);
        let others = subscribers.into_iter().filter(|s| s.actor.id() != myself.id() && s.tag.account.waits());
        let full = others.into_iter().find(|subscriber| !has_room(subscriber));
        Ok(full.map(|subscriber| (subscriber.actor, Arc::clone(&subscriber.tag.account.budget))))
    }

    /// Makes a route to a topic that a sender wants to publish on.
    pub(crate) fn resolve_topic(&self, from: &Sender, topic: Topic) -> Result<TopicRoute, SendError> {
        // Read before the decision: a change in between makes the route stale.
        let generation = self.generation.load(Ordering::Acquire);
        from.allows(&Access::Publish { topic: &topic }).map_err(|_| SendError::AccessDenied)?;
        Ok(TopicRoute::new(topic, generation))
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
        decided.map(Joined::tell).inspect_err(|denied| from.was_denied(denied))
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
        let subscribe = || -> Result<Joined, Exceeded> {
            // As with a message, what is denied costs nothing.
            from.quota.take(None, 0, Instant::now())?;
            let joined = self.restore(pattern.clone(), subscriber, endpoint);
            if let Some(state) = self.app.state().filter(|_| joined.is_new) {
                state.subscribed(&from.instance, &pattern);
            }
            Ok(joined)
        };
        let decided = from.grants.subscribe(&from.subject, &pattern, subscribe);
        let joined = decided
            .inspect_err(|denied| from.was_denied(denied))
            .map_err(|_| SendError::AccessDenied)?
            .map_err(|over| from.exceeded(over))?;
        joined.tell();
        Ok(())
    }

    /// Subscribes an instance that may, and gives it what is retained.
    pub(crate) fn restore(
        &self,
        pattern: TopicPattern,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
    ) -> Joined {
        let mut untold = Untold::default();
        let retained = self.retained.lock();
        let older = self.subscriptions(subscriber);
        let is_new = self.broker.subscribe(pattern.clone(), subscriber.clone(), Arc::clone(endpoint));
        if is_new {
            for (topic, kept) in retained.matching(&pattern) {
                // What an older subscription of its matches, it has had.
                if !older.iter().any(|older| older.matches(topic)) {
                    self.hand_over(kept, subscriber, endpoint, &mut untold);
                }
            }
        }
        drop(retained);
        Joined { is_new, untold }
    }

    /// Gives a new subscriber what is retained. It has no publisher to wait for it: where there is no
    /// room, its copy goes to the dead letters.
    fn hand_over(
        &self,
        kept: &Kept,
        subscriber: &ActorRef<Envelope>,
        endpoint: &Arc<Endpoint>,
        untold: &mut Untold,
    ) {
        let Kept { draft, from, .. } = kept;
        let accepted = endpoint.account.accepts_message(&draft.body, from).ok();
        let held = accepted.and_then(|()| endpoint.account.budget.take(draft.body.len()));
        // Last: in a mailbox that drops the oldest, a message makes way for it.
        match held.and_then(|held| Some((subscriber.try_reserve().ok()?, held))) {
            Some((permit, held)) => {
                let now = std::time::Instant::now();
                let envelope = Envelope::accept(draft.clone(), held, (&endpoint.account, ALONE), None, now);
                match permit.send(envelope) {
                    Ok(()) => {
                        self.record_retained(MessageKind::Retained, from, draft, Some(subscriber.name()))
                    }
                    Err(lost) => untold.lost.push(lost),
                }
            }
            None => untold.skip(endpoint, draft, from),
        }
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

    /// What is retained of the topics that match, or of all, in the order of the topics.
    pub(crate) fn retained(&self, pattern: Option<&TopicPattern>) -> Vec<RetainedMessage> {
        let mut messages = self.retained.lock().list(pattern);
        messages.sort_by(|one, other| one.topic.cmp(&other.topic));
        messages
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
