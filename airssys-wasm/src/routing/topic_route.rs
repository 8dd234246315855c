//! A topic that a sender publishes on, and its subscribers.

use std::sync::Arc;

use airssys_rt::{MessageBroker, Overflow, Subscriber, Topic};

use crate::observe::trace::TraceContext;
use crate::routing::draft::Origin;
use crate::routing::endpoint::Endpoint;
use crate::routing::envelope::Envelope;
use crate::routing::sender::Sender;

/// The subscriptions of an app.
pub(super) type Broker = MessageBroker<Envelope, Arc<Endpoint>>;

/// A subscription, with the endpoint of the subscriber.
pub(super) type Subscribed = Subscriber<Envelope, Arc<Endpoint>>;

/// A topic that a sender may publish on, with the cached decision.
pub(crate) struct TopicRoute {
    pub(super) topic: Topic,
    /// The router's generation when the decision was made.
    pub(super) generation: u64,
    /// The origin of the last publication.
    origin: Option<Arc<Origin>>,
    /// The subscribers of the last publication.
    pub(super) audience: Option<Audience>,
    /// The bytes of the cached subscribers that are counted for its owner.
    pub(crate) counted_bytes: usize,
}

/// The subscribers of a topic. Valid until a subscription changes.
pub(super) struct Audience {
    generation: u64,
    /// The subscribers whose full mailboxes drop their oldest message.
    pub(super) evicting: Vec<Subscribed>,
    pub(super) others: Vec<Subscribed>,
}

impl TopicRoute {
    /// Makes a route whose decision was made in `generation`.
    pub(super) fn new(topic: Topic, generation: u64) -> TopicRoute {
        TopicRoute { topic, generation, origin: None, audience: None, counted_bytes: 0 }
    }

    /// Takes the cached subscriber list, rebuilding it if subscriptions changed. The caller stores it
    /// back after publishing.
    pub(super) fn take_audience(&mut self, broker: &Broker) -> Audience {
        // Read before the lookup, so that a change in between makes the list stale.
        let generation = broker.generation();
        match self.audience.take() {
            Some(audience) if audience.generation == generation => audience,
            _ => {
                let drops = |s: &Subscribed| s.tag.account.overflow == Overflow::DropOldest;
                let (evicting, others) = broker.matching(&self.topic).into_iter().partition(drops);
                Audience { generation, evicting, others }
            }
        }
    }

    /// Returns the most bytes that the cached subscribers take. The lists can be twice as large as filled.
    pub(crate) fn subscriber_bytes(&self) -> usize {
        let count = |audience: &Audience| audience.evicting.len() + audience.others.len();
        self.audience.as_ref().map_or(0, count) * 2 * size_of::<Subscribed>()
    }

    /// Drops the cached subscribers. The next publication looks them up again.
    pub(crate) fn forget_subscribers(&mut self) {
        self.audience = None;
    }

    /// Returns the origin of the next publication. Reuses the last one if the trace is the same.
    pub(super) fn origin(&mut self, from: &Sender, trace: Option<TraceContext>) -> Arc<Origin> {
        let origin = match self.origin.take() {
            Some(origin) if origin.trace == trace => origin,
            _ => Origin::on(Arc::from(self.topic.as_str()), &from.instance, trace),
        };
        Arc::clone(self.origin.insert(origin))
    }
}
