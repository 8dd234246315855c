//! Publications on topics, and retained messages.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use airssys_message::Codec;
use airssys_rt::{ActorRef, ReserveError, SkipReason, Topic, TopicPattern};
use airssys_spec::{Access, Limits};
use bytes::Bytes;
use tokio::time::Instant;

use crate::contract::SendError;
use crate::observe::audit::{AuditEvent, MessageKind};
use crate::observe::trace::TraceContext;
use crate::policy::byte_budget::ByteBudget;
use crate::policy::quota::Exceeded;
use crate::routing::draft::{Draft, Origin};
use crate::routing::envelope::Envelope;
use crate::routing::refusal::Refusal;
use crate::routing::reservation::ReservedPlaces;
use crate::routing::retained::{RetainedEntry, RetainedMessage};
use crate::routing::router::Router;
use crate::routing::sender::Sender;
use crate::routing::topic_route::{Audience, Subscribed, TopicRoute};
use crate::routing::undelivered::Undelivered;

/// The index of the only member of a subscriber's endpoint: a subscriber is one instance.
pub(super) const ONLY_MEMBER: usize = 0;

/// A full mailbox, and its byte budget.
type FullMailbox = (ActorRef<Envelope>, Arc<ByteBudget>);

/// The result of a publication, before anything is logged about it.
#[must_use]
enum PublishOutcome {
    /// The number of subscribers that got it, and the copies that were not delivered.
    Published(u32, Undelivered),
    /// No subscriber got it, because of its content or a full mailbox.
    Refused(SendError),
    /// No subscriber got it, because the publisher reached a limit.
    OverQuota(Exceeded),
}

impl PublishOutcome {
    /// Dead-letters and logs. The caller holds no lock.
    fn into_result(self, from: &Sender) -> Result<u32, SendError> {
        match self {
            PublishOutcome::Published(delivered, undelivered) => {
                undelivered.dead_letter();
                Ok(delivered)
            }
            PublishOutcome::Refused(error) => Err(error),
            PublishOutcome::OverQuota(exceeded) => Err(from.exceeded(exceeded)),
        }
    }
}

/// The number of subscribers between two checks of the publisher's time.
const SUBSCRIBERS_PER_TIME_CHECK: usize = 64;

/// A publisher, in one place of a trace.
pub(crate) struct Publisher<'a> {
    pub(crate) router: &'a Router,
    pub(crate) from: &'a Sender,
    /// The actor that publishes; `None` from outside.
    pub(crate) myself: Option<&'a ActorRef<Envelope>>,
    pub(crate) trace: Option<TraceContext>,
    /// Returns true if its time is used up. The publication then reaches no subscriber.
    pub(crate) is_over: &'a dyn Fn() -> bool,
}

/// The error of a call whose guest has no time left.
pub(crate) fn out_of_time() -> SendError {
    SendError::Other("the execution time of the message being handled is used up".to_owned())
}

/// Publishing. The steps of a publication, in this order:
///
/// 1. The right to publish is checked, if the route's decision is stale.
/// 2. The codec prefix is checked, and the route's list of subscribers is rebuilt if it is stale.
/// 3. Room is reserved at the subscribers that do not evict. A full one that makes publishers wait
///    refuses the whole publication, and so does the end of the publisher's time.
/// 4. The quota is taken, once however many subscribers there are. It comes late, because a
///    refused publication costs nothing.
/// 5. Room is reserved at subscribers that evict their oldest message. It comes after the quota,
///    because an evicted message cannot be put back.
/// 6. The copies are sent, and the publication is recorded if the audit records messages.
/// 7. Undelivered copies become dead letters, after any lock is released.
impl Publisher<'_> {
    /// Puts a message into the mailbox of every subscriber. Subscribers that make publishers wait get
    /// it all, or none does.
    ///
    /// A publisher that is a subscriber without room cannot wait for itself. Its own copy goes to the
    /// dead letters.
    pub(crate) fn publish(&self, route: &mut TopicRoute, body: Bytes) -> Result<u32, SendError> {
        self.router.may_publish(self.from, route)?;
        let draft = Draft { body, origin: route.origin(self.from, self.trace) };
        self.fan_out(route, draft).into_result(self.from)
    }

    /// Publishes on a topic that the sender may publish on. Logs nothing, because a lock may be held.
    fn fan_out(&self, route: &mut TopicRoute, draft: Draft) -> PublishOutcome {
        if let Err(error) = Codec::split(&draft.body) {
            return PublishOutcome::Refused(SendError::CodecRefused(error.to_string()));
        }
        let audience = route.take_audience(&self.router.broker);
        let outcome = self.send_copies(&audience, draft);
        route.audience = Some(audience);
        outcome
    }

    fn send_copies(&self, audience: &Audience, draft: Draft) -> PublishOutcome {
        let Publisher { router, from, myself, is_over, .. } = *self;
        let Audience { evicting, others, .. } = audience;
        // Nothing can be taken back later, so time is checked while room is reserved.
        let (looked_at, late) =
            (Cell::new(0_usize), Cell::new(evicting.len() > SUBSCRIBERS_PER_TIME_CHECK && is_over()));
        let is_late = || {
            looked_at.set(looked_at.get() + 1);
            late.set(late.get() || looked_at.get().is_multiple_of(SUBSCRIBERS_PER_TIME_CHECK) && is_over());
            late.get()
        };
        let reserved = ReservedPlaces::reserve(from, others, &draft.body, myself, &is_late);
        if late.get() {
            return PublishOutcome::Refused(out_of_time());
        }
        let mut reserved = match reserved {
            Ok(reserved) => reserved,
            Err(full) => return PublishOutcome::Refused(full.tag.account.refuse(Refusal::MailboxFull)),
        };
        let now = Instant::now();
        if let Err(exceeded) = from.quota.take(None, draft.body.len(), now) {
            return PublishOutcome::OverQuota(exceeded);
        }
        reserved.reserve_evicting(from, evicting, &draft.body);
        let mut undelivered = Undelivered::default();
        for (subscriber, reason) in reserved.skipped {
            match reason {
                SkipReason::Closed => drop(router.broker.unsubscribe_all(subscriber.actor.id())),
                _ => undelivered.add_skipped(&subscriber.tag, &draft, from),
            }
        }
        let delivered = u32::try_from(reserved.places.len()).unwrap_or(u32::MAX);
        for (endpoint, permit, held) in reserved.places {
            let receiver = (&endpoint.account, ONLY_MEMBER);
            let envelope = Envelope::accept(draft.clone(), held, receiver, None, now.into_std());
            undelivered.add_closed(permit.send(envelope).err());
        }
        if let Some(topic) = &draft.origin.topic {
            router.record(MessageKind::Publish, from, &draft.body, None, Some((topic, delivered)));
        }
        PublishOutcome::Published(delivered, undelivered)
    }

    /// Publishes a message, and retains it for later subscribers.
    pub(crate) fn publish_retained(
        &self,
        limits: &Limits,
        route: &mut TopicRoute,
        body: Bytes,
    ) -> Result<u32, SendError> {
        let Publisher { router, from, trace, .. } = *self;
        // The right is checked before locking, because a change of grants takes this lock while it
        // holds its own.
        router.may_publish(from, route)?;
        let draft = Draft { body, origin: route.origin(from, trace) };
        let mut retained = router.retained.lock();
        let outcome = match retained.has_room(from, limits, &route.topic, draft.body.len()) {
            Ok(()) => self.fan_out(route, draft.clone()),
            Err(exceeded) => PublishOutcome::OverQuota(exceeded),
        };
        if let PublishOutcome::Published(..) = outcome {
            let (sender, topic) = (Arc::clone(&from.instance), draft.origin.topic.clone());
            // A later delivery starts a trace of its own.
            let origin = Arc::new(Origin { sender, topic, retained: true, trace: None });
            let draft = Draft { body: draft.body, origin };
            let entry = RetainedEntry { draft, from: from.clone(), at: SystemTime::now() };
            retained.insert(route.topic.clone(), entry);
        }
        drop(retained);
        outcome.into_result(from)
    }
}

impl Router {
    /// Removes the retained message of a topic. Returns true if there was one.
    pub(crate) fn clear_retained(&self, from: &Sender, route: &mut TopicRoute) -> Result<bool, SendError> {
        self.may_publish(from, route)?;
        let mut retained = self.retained.lock();
        let Some(removed) = retained.remove(&route.topic) else { return Ok(false) };
        // Recorded under the lock, so that it comes before the next retained message of the topic.
        if from.is_outside() {
            let (topic, sender) = (Arc::from(route.topic.as_str()), Arc::clone(&removed.draft.origin.sender));
            self.app.trail.record(AuditEvent::RetainedCleared { topic, sender });
        } else {
            self.record_retained(MessageKind::ClearRetained, from, &removed.draft, None);
        }
        Ok(true)
    }

    /// Records an event of a retained message, if the audit records messages.
    pub(super) fn record_retained(&self, kind: MessageKind, from: &Sender, draft: &Draft, to: Option<&str>) {
        if self.app.trail.wants_messages() {
            let (to, topic) = (to.map(Arc::from), draft.origin.topic.as_ref());
            self.record(kind, from, &draft.body, to.as_ref(), topic.map(|topic| (topic, 0)));
        }
    }

    /// Describes the retained messages of matching topics, or of all topics, sorted by topic.
    pub(crate) fn retained(&self, pattern: Option<&TopicPattern>) -> Vec<RetainedMessage> {
        let mut messages = self.retained.lock().list(pattern);
        messages.sort_by(|one, other| one.topic.cmp(&other.topic));
        messages
    }

    /// Returns the retained message of a topic: its description, and the whole message.
    pub(crate) fn retained_message(&self, topic: &Topic) -> Option<(RetainedMessage, Bytes)> {
        self.retained.lock().get(topic)
    }

    /// Returns the number of topics whose retained message is the component's.
    pub(crate) fn retained_by(&self, component: &str) -> usize {
        self.retained.lock().topics_of(component)
    }

    /// Returns the bytes of the component's retained messages.
    pub(crate) fn retained_bytes_by(&self, component: &str) -> usize {
        self.retained.lock().bytes_of(component)
    }

    /// Returns the first subscriber that a publisher has to wait for: it lacks room for the largest
    /// message that it accepts, and does not drop messages. The publisher itself is left out.
    pub(crate) fn full_subscriber(
        &self,
        from: &Sender,
        route: &mut TopicRoute,
        myself: &ActorRef<Envelope>,
    ) -> Result<Option<FullMailbox>, SendError> {
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

    /// Makes a route to a topic, if the sender may publish on it.
    pub(crate) fn resolve_topic(&self, from: &Sender, topic: Topic) -> Result<TopicRoute, SendError> {
        // Read before the decision, so that a change in between makes the route stale.
        let generation = self.generation.load(Ordering::Acquire);
        from.allows(&Access::Publish { topic: &topic }).map_err(|_| SendError::AccessDenied)?;
        Ok(TopicRoute::new(topic, generation))
    }

    /// Checks the right to publish again, if the route's decision is stale.
    pub(crate) fn may_publish(&self, from: &Sender, route: &mut TopicRoute) -> Result<(), SendError> {
        let generation = self.generation.load(Ordering::Acquire);
        if route.generation != generation {
            from.allows(&Access::Publish { topic: &route.topic }).map_err(|_| SendError::AccessDenied)?;
            route.generation = generation;
        }
        Ok(())
    }
}
