//! Subscriptions, and publications that reach all or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, Child, ChildSpec, MessageBroker, Overflow, Prepared,
    PublishError, SkipReason, Topic, TopicPattern,
};
use futures_util::FutureExt;
use proptest::prelude::*;

type Event = Arc<str>;

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

fn pattern(text: &str) -> TopicPattern {
    TopicPattern::parse(text).unwrap()
}

/// Subscribers that are never started: their mailboxes keep the messages.
struct Mailboxes {
    system: ActorSystem,
    prepared: Vec<Prepared<Event>>,
}

impl Mailboxes {
    fn new() -> Self {
        Self { system: ActorSystem::new("test"), prepared: Vec::new() }
    }

    fn add(&mut self, name: &str, capacity: usize, overflow: Overflow) -> ActorRef<Event> {
        let spec = ChildSpec::new(name).capacity(capacity).overflow(overflow);
        let prepared = self.system.prepare(spec).unwrap();
        let actor = prepared.actor_ref();
        self.prepared.push(prepared);
        actor
    }
}

fn names<T>(broker: &MessageBroker<Event, T>, on: &str) -> Vec<String>
where
    T: Clone,
{
    broker.matching(&topic(on)).into_iter().map(|subscriber| subscriber.actor.name().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_subscriber_matches_once_with_its_oldest_tag() {
    let mut mailboxes = Mailboxes::new();
    let (a, b) = (mailboxes.add("a", 1, Overflow::Wait), mailboxes.add("b", 1, Overflow::Wait));
    let broker = MessageBroker::<Event, u32>::new();
    assert!(broker.subscribe_tagged(pattern("events.*"), b.clone(), 1));
    assert!(broker.subscribe_tagged(pattern("events.user.created"), a.clone(), 2));
    assert!(broker.subscribe_tagged(pattern("events.*.created"), a.clone(), 3));
    assert!(broker.subscribe_tagged(pattern("*"), a.clone(), 4));
    assert!(!broker.subscribe_tagged(pattern("*"), a.clone(), 5), "it has this subscription");

    let found = broker.matching(&topic("events.user.created"));
    let found: Vec<_> = found.iter().map(|found| (found.actor.name(), found.tag)).collect();
    assert_eq!(found, [("b", 1), ("a", 2)]);
    assert_eq!(broker.matching(&topic("other"))[0].tag, 4);

    assert!(broker.unsubscribe(&pattern("events.user.created"), a.id()));
    assert!(!broker.unsubscribe(&pattern("events.user.created"), a.id()));
    assert!(!broker.unsubscribe(&pattern("events.user"), a.id()));
    assert_eq!(broker.matching(&topic("events.user.created"))[1].tag, 3);
    assert_eq!(broker.unsubscribe_all(a.id()), 2);
    assert_eq!(broker.unsubscribe_all(a.id()), 0);
    assert_eq!(names(&broker, "events.user.created"), ["b"]);
    assert!(names(&broker, "other").is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_generation_changes_with_the_subscriptions() {
    let mut mailboxes = Mailboxes::new();
    let a = mailboxes.add("a", 1, Overflow::Wait);
    let broker = MessageBroker::<Event>::default();
    let mut last = broker.generation();
    let mut changed = || {
        let now = broker.generation();
        std::mem::replace(&mut last, now) != now
    };
    broker.subscribe(pattern("a"), a.clone());
    assert!(changed());
    broker.subscribe(pattern("a"), a.clone());
    assert!(!changed());
    broker.unsubscribe(&pattern("a"), a.id());
    assert!(changed());
    broker.unsubscribe(&pattern("a"), a.id());
    broker.unsubscribe_all(a.id());
    assert!(!changed());
    broker.subscribe(pattern("b"), a.clone());
    broker.unsubscribe_all(a.id());
    assert!(changed());
}

#[tokio::test(start_paused = true)]
async fn waiting_full_subscriber_blocks_the_whole_publication() {
    let mut mailboxes = Mailboxes::new();
    let broker = MessageBroker::<Event>::new();
    let first = mailboxes.add("first", 8, Overflow::Wait);
    let full = mailboxes.add("full", 1, Overflow::Wait);
    let last = mailboxes.add("last", 8, Overflow::Wait);
    for actor in [&first, &full, &last] {
        broker.subscribe(pattern("*"), actor.clone());
    }
    let published = broker.try_publish(&topic("a"), "1".into()).unwrap();
    assert_eq!((published.delivered, published.skipped.len()), (3, 0));

    let error = broker.try_publish(&topic("a"), "2".into()).unwrap_err();
    assert_eq!(error.to_string(), "the mailbox of `full` is full");
    let PublishError::Full { message, subscriber } = error else { panic!("another error") };
    assert_eq!((&*message, subscriber.id()), ("2", full.id()));
    for actor in [&first, &full, &last] {
        assert_eq!(actor.stats().accepted, 1);
    }
    // The room that was reserved on the way has been given back.
    for _ in 0..7 {
        first.try_send("x".into()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_can_be_left_behind() {
    let mut mailboxes = Mailboxes::new();
    let broker = MessageBroker::<Event>::new();
    let ended = mailboxes.add("ended", 1, Overflow::Wait);
    mailboxes.prepared.clear();
    let waits = mailboxes.add("waits", 1, Overflow::Wait);
    let rejects = mailboxes.add("rejects", 1, Overflow::Reject);
    let drops = mailboxes.add("drops", 1, Overflow::DropOldest);
    let refused = mailboxes.add("refused", 8, Overflow::Wait);
    let takes = mailboxes.add("takes", 8, Overflow::Wait);
    for actor in [&ended, &waits, &rejects, &drops, &refused, &takes] {
        broker.subscribe(pattern("*"), actor.clone());
    }
    let publish = |text: &str| {
        let accept = |subscriber: &airssys_rt::Subscriber<Event>| subscriber.actor.name() != "refused";
        let published = broker.publish_now_if(&topic("a"), text.into(), accept);
        let skipped = published.skipped.iter().map(|(actor, reason)| (actor.name().to_owned(), *reason));
        (published.delivered, skipped.collect::<Vec<_>>())
    };
    let refused = ("refused".to_owned(), SkipReason::Refused);
    assert_eq!(publish("1"), (4, vec![("ended".to_owned(), SkipReason::Closed), refused.clone()]));
    let full = |name: &str| (name.to_owned(), SkipReason::Full);
    for text in ["2", "3"] {
        assert_eq!(publish(text), (2, vec![full("waits"), full("rejects"), refused.clone()]));
    }
    assert_eq!((takes.depth(), waits.depth(), drops.stats().overflowed), (3, 1, 2));
    assert_eq!(names(&broker, "a"), ["waits", "rejects", "drops", "refused", "takes"]);
}

#[tokio::test(start_paused = true)]
async fn publish_waits_for_room() {
    let mut mailboxes = Mailboxes::new();
    let broker = MessageBroker::<Event>::new();
    let first = mailboxes.add("first", 1, Overflow::Wait);
    let second = mailboxes.add("second", 1, Overflow::Wait);
    for actor in [&first, &second] {
        broker.subscribe(pattern("*"), actor.clone());
    }
    let (on, permits) = (topic("a"), [first.try_reserve().unwrap(), second.try_reserve().unwrap()]);
    assert!(broker.publish(&on, "0".into()).now_or_never().is_none());
    let room = async {
        for permit in permits {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(first.stats().accepted, 0);
            drop(permit);
        }
    };
    let (published, ()) = tokio::join!(broker.publish(&on, "1".into()), room);
    assert_eq!(published.delivered, 2);
    assert_eq!((first.stats().accepted, second.stats().accepted), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn full_or_ended_subscribers_are_skipped_with_the_reason() {
    let mut mailboxes = Mailboxes::new();
    let broker = MessageBroker::<Event, bool>::new();
    let ended = mailboxes.add("ended", 1, Overflow::Wait);
    mailboxes.prepared.clear();
    let rejects = mailboxes.add("rejects", 1, Overflow::Reject);
    rejects.try_send("0".into()).unwrap();
    let refused = mailboxes.add("refused", 1, Overflow::Wait);
    refused.try_send("0".into()).unwrap();
    let takes = mailboxes.add("takes", 1, Overflow::Wait);
    for (actor, tag) in [(&ended, true), (&rejects, true), (&refused, false), (&takes, true)] {
        broker.subscribe_tagged(pattern("*"), actor.clone(), tag);
    }
    let published = broker.try_publish_if(&topic("a"), "1".into(), |subscriber| subscriber.tag).unwrap();
    assert_eq!(published.delivered, 1);
    let skipped: Vec<_> = published.skipped.iter().map(|(actor, reason)| (actor.name(), *reason)).collect();
    let expected =
        [("ended", SkipReason::Closed), ("rejects", SkipReason::Full), ("refused", SkipReason::Refused)];
    assert_eq!(skipped, expected);
    assert_eq!(names(&broker, "a"), ["rejects", "refused", "takes"], "who has ended is unsubscribed");
    assert_eq!(broker.try_publish_if(&topic("a"), "2".into(), |_| false).unwrap().delivered, 0);
}

#[tokio::test(start_paused = true)]
async fn cached_subscribers_can_be_published_to() {
    let mut mailboxes = Mailboxes::new();
    let broker = MessageBroker::<Event>::new();
    let a = mailboxes.add("a", 4, Overflow::Wait);
    broker.subscribe(pattern("a"), a.clone());
    let kept = broker.matching(&topic("a"));
    let event = Event::from("1");
    for _ in 0..2 {
        MessageBroker::try_publish_to(&kept, event.clone()).unwrap();
    }
    assert_eq!(a.stats().depth, 2);
    assert_eq!(Arc::strong_count(&event), 3, "the payload is shared");
}

/// Logs the number of each event.
struct Collect(tokio::sync::mpsc::UnboundedSender<Event>);

impl Child for Collect {}

impl Actor for Collect {
    type Message = Event;
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, event: Event, _: &ActorContext<Event>) -> Result<(), Self::Error> {
        self.0.send(event).map_err(|_| std::fmt::Error)
    }
}

/// A message whose second copy panics.
struct Brittle(Arc<AtomicU32>);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) == 0, "on purpose");
        Self(self.0.clone())
    }
}

#[tokio::test]
async fn copy_that_panics_keeps_no_room() {
    let system = ActorSystem::new("test");
    let broker = MessageBroker::<Brittle>::new();
    let mut prepared: Vec<Prepared<Brittle>> = Vec::new();
    for name in ["one", "two", "three"] {
        let actor = system.prepare(ChildSpec::new(name).capacity(1)).unwrap();
        broker.subscribe(pattern("orders.*"), actor.actor_ref());
        prepared.push(actor);
    }
    let message = Brittle(Arc::default());
    let publish = || broker.try_publish(&topic("orders.created"), message);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(publish)).is_err());
    let has_room = |actor: &Prepared<Brittle>| actor.actor_ref().try_reserve().is_ok();
    let room: Vec<bool> = prepared.iter().map(has_room).collect();
    assert_eq!(room, [false, true, true], "the first has its copy");
}

#[tokio::test(start_paused = true)]
async fn publications_arrive_in_order() {
    let system = ActorSystem::new("test");
    let broker = MessageBroker::<Event>::new();
    let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
    let spec = ChildSpec::new("collect").capacity(2);
    let actor = system.spawn(spec, move || Collect(sender.clone())).await.unwrap();
    broker.subscribe(pattern("numbers.*"), actor);
    for number in 0..100 {
        broker.publish(&topic("numbers.all"), number.to_string().into()).await;
        broker.publish(&topic("letters"), "x".into()).await;
    }
    for number in 0..100 {
        assert_eq!(&*events.recv().await.unwrap(), number.to_string());
    }
}

proptest! {
    /// After any subscriptions and unsubscriptions, the trie finds the same as a scan.
    #[test]
    fn the_trie_finds_what_a_scan_finds(
        steps in prop::collection::vec((0..4u64, prop::collection::vec(0..3usize, 1..4), any::<bool>()), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let mut mailboxes = Mailboxes::new();
        let actors: Vec<_> =
            (0..4).map(|index| mailboxes.add(&index.to_string(), 1, Overflow::Wait)).collect();
        let broker = MessageBroker::<Event>::new();
        let mut model: Vec<(TopicPattern, u64)> = Vec::new();
        for (actor, segments, add) in steps {
            let segments: Vec<_> = segments.iter().map(|index| ["a", "b", "*"][*index]).collect();
            let entry = (pattern(&segments.join(".")), actors[actor as usize].id());
            let known = model.contains(&entry);
            if add {
                let actor = actors[actor as usize].clone();
                prop_assert_eq!(broker.subscribe(entry.0.clone(), actor), !known);
                if !known {
                    model.push(entry);
                }
            } else {
                prop_assert_eq!(broker.unsubscribe(&entry.0, entry.1), known);
                model.retain(|other| *other != entry);
            }
        }
        for on in ["a", "b", "c", "a.a", "a.b", "b.c", "a.b.a", "b.b.b", "c.a.b", "a.a.a.a"] {
            let mut expected = Vec::new();
            for (pattern, id) in &model {
                if pattern.matches(&topic(on)) && !expected.contains(id) {
                    expected.push(*id);
                }
            }
            let found: Vec<_> = broker.matching(&topic(on)).iter().map(|found| found.actor.id()).collect();
            prop_assert_eq!(found, expected, "{}", on);
        }
    }
}
