//! Publications to the subscribers of topics.

pub(crate) mod publish;
#[cfg(test)]
mod tests;
mod trie;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use airssys_core::{Topic, TopicPattern};

use self::trie::Trie;
use crate::ActorRef;
use crate::guard::Contained;
use crate::sync::{read, write};

/// The subscribers of topics, for messages of type `M`.
///
/// `T` is a tag of each subscription for the publisher, such as the formats that the subscriber
/// accepts ([`subscribe_tagged`](Self::subscribe_tagged), [`publish_if`](Self::publish_if)); most
/// brokers need none. The cost of a look-up grows with the segments of the topic, and not with the number of
/// patterns.
///
/// A broker is for the actors of one system, because their numbers are unique there only. Put it into
/// an [`Arc`](std::sync::Arc) to share it. Publishing clones `M` once per subscriber, so its payload
/// should be shared.
///
/// ```
/// use std::sync::Arc;
/// use airssys_rt::{ActorRef, MessageBroker, Topic, TopicPattern};
///
/// #[derive(Clone)]
/// struct Event(Arc<str>);
///
/// async fn announce(orders: ActorRef<Event>) -> Result<usize, Box<dyn std::error::Error>> {
///     let broker = MessageBroker::<Event>::new();
///     broker.subscribe(TopicPattern::parse("orders.*")?, orders);
///     let topic = Topic::parse("orders.eu.created")?;
///     Ok(broker.publish(&topic, Event("42".into())).await.delivered)
/// }
/// ```
pub struct MessageBroker<M, T = ()> {
    state: RwLock<State<M, T>>,
    generation: AtomicU64,
}

/// A subscriber of a topic.
pub struct Subscriber<M, T = ()> {
    /// The actor that gets the publications.
    pub actor: ActorRef<M>,
    /// The tag of the subscription.
    pub tag: T,
}

struct State<M, T> {
    trie: Trie<Subscription<M, T>>,
    /// By id.
    subscribers: HashMap<u64, Subscribed<M>>,
    last_number: u64,
    /// The number of subscribers at which those that have ended are removed next.
    sweep_at: usize,
}

/// The subscriptions of one actor.
struct Subscribed<M> {
    actor: ActorRef<M>,
    /// The numbers of the subscriptions.
    patterns: HashMap<TopicPattern, u64>,
}

/// The table is not swept while it has fewer subscribers than this.
const SWEEP_FROM: usize = 64;

struct Subscription<M, T> {
    /// The number of the last subscription. Later ones have greater numbers.
    number: u64,
    subscriber: SharedSubscriber<M, T>,
}

/// Tags are user code when they are cloned or dropped, so neither happens under the lock: a tag may use
/// its broker then. Another task than its owner's may be the last to drop one.
type SharedSubscriber<M, T> = Arc<Contained<Subscriber<M, T>>>;

/// Subscriptions that have been removed, to be dropped outside the lock.
type Removed<M, T> = Vec<Subscription<M, T>>;

impl<M, T> State<M, T> {
    /// Removes all subscriptions of an actor.
    fn remove(&mut self, id: u64) -> Removed<M, T> {
        let Some(Subscribed { patterns, .. }) = self.subscribers.remove(&id) else { return Vec::new() };
        patterns.iter().filter_map(|(pattern, number)| self.trie.remove(pattern, *number)).collect()
    }

    /// Removes subscribers that have ended, whenever their number has doubled: there may never be a
    /// publication that finds them.
    fn sweep(&mut self) -> Removed<M, T> {
        if self.subscribers.len() < self.sweep_at {
            return Vec::new();
        }
        let ended = self.subscribers.iter().filter(|(_, subscribed)| subscribed.actor.is_closed());
        let ended: Vec<u64> = ended.map(|(id, _)| *id).collect();
        let removed = ended.into_iter().flat_map(|id| self.remove(id)).collect();
        self.sweep_at = (2 * self.subscribers.len()).max(SWEEP_FROM);
        removed
    }
}

impl<M> MessageBroker<M> {
    /// Subscribes an actor to the topics that match. Returns false, and changes nothing, if it has a
    /// subscription with exactly this pattern already.
    ///
    /// A publication reaches it once even if several of its patterns match.
    pub fn subscribe(&self, pattern: TopicPattern, subscriber: ActorRef<M>) -> bool {
        self.subscribe_tagged(pattern, subscriber, ())
    }
}

impl<M, T: Clone> MessageBroker<M, T> {
    /// A broker without subscriptions.
    pub fn new() -> Self {
        let (trie, subscribers) = (Trie::default(), HashMap::new());
        let state = State { trie, subscribers, last_number: 0, sweep_at: SWEEP_FROM };
        Self { state: RwLock::new(state), generation: AtomicU64::new(0) }
    }

    /// As [`subscribe`](Self::subscribe), with a tag. A publication that several patterns of an actor
    /// match reaches it with the tag of the oldest of these.
    pub fn subscribe_tagged(&self, pattern: TopicPattern, subscriber: ActorRef<M>, tag: T) -> bool {
        let subscription = Arc::new(Contained::new(Subscriber { actor: subscriber.clone(), tag }));
        // Declared before the lock, and so dropped after it.
        let _swept;
        let mut state = write(&self.state);
        let state = &mut *state;
        let new = || Subscribed { actor: subscriber.clone(), patterns: HashMap::new() };
        let subscribed = state.subscribers.entry(subscriber.id()).or_insert_with(new);
        let Entry::Vacant(place) = subscribed.patterns.entry(pattern) else { return false };
        state.last_number += 1;
        let number = state.last_number;
        state.trie.at(place.key()).insert(number, Subscription { number, subscriber: subscription });
        place.insert(number);
        _swept = state.sweep();
        self.generation.fetch_add(1, Ordering::Release);
        true
    }

    /// Ends the subscription that the actor with this [id](ActorRef::id) has with exactly this
    /// pattern. Returns false if it has no such subscription.
    pub fn unsubscribe(&self, pattern: &TopicPattern, id: u64) -> bool {
        let mut state = write(&self.state);
        let Some(subscribed) = state.subscribers.get_mut(&id) else { return false };
        let Some(number) = subscribed.patterns.remove(pattern) else { return false };
        let subscribed = match subscribed.patterns.is_empty() {
            true => state.subscribers.remove(&id),
            false => None,
        };
        let removed = state.trie.remove(pattern, number);
        self.generation.fetch_add(1, Ordering::Release);
        drop(state);
        drop((subscribed, removed));
        true
    }

    /// Ends all subscriptions of the actor with this id, and returns their number.
    ///
    /// The subscriptions of an actor that has ended are removed by the next publication that finds it,
    /// and whenever the number of subscribers has doubled.
    pub fn unsubscribe_all(&self, id: u64) -> usize {
        let mut state = write(&self.state);
        let removed = state.remove(id);
        if !removed.is_empty() {
            self.generation.fetch_add(1, Ordering::Release);
        }
        drop(state);
        removed.len()
    }

    /// The patterns of the subscriptions of the actor with this id, in no order.
    pub fn subscriptions(&self, id: u64) -> Vec<TopicPattern> {
        let state = read(&self.state);
        let subscribed = state.subscribers.get(&id);
        subscribed.map_or_else(Vec::new, |subscribed| subscribed.patterns.keys().cloned().collect())
    }

    /// The subscribers of this topic: each once, the longest subscribed first.
    pub fn matching(&self, topic: &Topic) -> Vec<Subscriber<M, T>> {
        self.find(topic).iter().map(|subscriber| Subscriber::clone(subscriber)).collect()
    }

    /// As [`matching`](Self::matching), without a copy of the tags.
    fn find(&self, topic: &Topic) -> Vec<SharedSubscriber<M, T>> {
        let state = read(&self.state);
        let mut found = Vec::new();
        state.trie.matching(topic, |subscription| found.push(subscription));
        found.sort_unstable_by_key(|subscription| (subscription.subscriber.actor.id(), subscription.number));
        found.dedup_by_key(|subscription| subscription.subscriber.actor.id());
        found.sort_unstable_by_key(|subscription| subscription.number);
        found.into_iter().map(|subscription| subscription.subscriber.clone()).collect()
    }

    /// A number that changes with every subscription made or ended.
    ///
    /// A result of [`matching`](Self::matching) stays valid while the generation that was read before
    /// it stays the same.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

impl<M, T: Clone> Default for MessageBroker<M, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M, T> fmt::Debug for MessageBroker<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageBroker(generation {})", self.generation.load(Ordering::Acquire))
    }
}

impl<M, T: Clone> Clone for Subscriber<M, T> {
    fn clone(&self) -> Self {
        Self { actor: self.actor.clone(), tag: self.tag.clone() }
    }
}

impl<M, T: fmt::Debug> fmt::Debug for Subscriber<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("actor", &self.actor).field("tag", &self.tag).finish()
    }
}
