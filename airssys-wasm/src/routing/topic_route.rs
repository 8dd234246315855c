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

/// A topic that a sender publishes on, with the decision about it.
pub(crate) struct TopicRoute {
    pub(super) topic: Topic,
    /// The router's generation at the decision.
    pub(super) generation: u64,
    /// The origin of the last publication.
    origin: Option<Arc<Origin>>,
    /// The subscribers of the last publication.
    pub(super) audience: Option<Audience>,
}

/// Who gets what is published on a topic, as long as nobody subscribes or unsubscribes.
pub(super) struct Audience {
    generation: u64,
    /// Those whose mailboxes drop the oldest for a publication.
    pub(super) evicting: Vec<Subscribed>,
    pub(super) others: Vec<Subscribed>,
}

impl TopicRoute {
    /// Makes a route that was decided about in this generation.
    pub(super) fn new(topic: Topic, generation: u64) -> TopicRoute {
        TopicRoute { topic, generation, origin: None, audience: None }
    }

    /// Takes who is subscribed now; put back, it is there for the next publication.
    pub(super) fn take_audience(&mut self, broker: &Broker) -> Audience {
        // Read before they are looked up: a change in between is seen by the next publication.
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

    /// Where what is published now comes from; as before if nothing has changed.
    pub(super) fn origin(&mut self, from: &Sender, trace: Option<TraceContext>) -> Arc<Origin> {
        let origin = match self.origin.take() {
            Some(origin) if origin.trace == trace => origin,
            _ => Origin::on(Arc::from(self.topic.as_str()), &from.instance, trace),
        };
        Arc::clone(self.origin.insert(origin))
    }
}
