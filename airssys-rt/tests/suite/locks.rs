//! Code of users that uses the system while the system holds, copies or drops a value of theirs: it
//! runs under no lock, so it can call everything.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, Child, ChildSpec, EventStream, ExitReason, MessageBroker,
    Topic, TopicPattern,
};
use futures_util::FutureExt;

use crate::support::script::{Log, SECOND};

#[derive(Clone)]
enum Do {
    Note,
    Fail(Arc<Mutex<Option<Telling>>>),
}

struct Subject;

impl Child for Subject {}

impl Actor for Subject {
    type Message = Do;
    type Error = Telling;

    async fn handle_message(&mut self, message: Do, _: &ActorContext<Do>) -> Result<(), Telling> {
        match message {
            Do::Note => Ok(()),
            Do::Fail(with) => Err(with.lock().unwrap().take().unwrap()),
        }
    }
}

async fn start(system: &ActorSystem, name: &str) -> ActorRef<Do> {
    system.spawn(ChildSpec::new(name), || Subject).await.unwrap()
}

/// A tag that ends a subscription of its broker, and makes one, whenever it is copied or dropped.
struct Tag {
    broker: Weak<MessageBroker<Do, Tag>>,
    actor: ActorRef<Do>,
    log: Log,
}

impl Tag {
    fn use_broker(&self, when: &str) {
        // Its last tags are dropped with it.
        let Some(broker) = self.broker.upgrade() else { return };
        self.log.note(format!("{when} beside {}", broker.subscriptions(self.actor.id()).len()));
        assert_eq!(broker.unsubscribe_all(u64::MAX), 0);
    }
}

impl Clone for Tag {
    fn clone(&self) -> Self {
        self.use_broker("copied");
        Self { broker: self.broker.clone(), actor: self.actor.clone(), log: self.log.clone() }
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        self.use_broker("dropped");
    }
}

fn pattern(text: &str) -> TopicPattern {
    TopicPattern::parse(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn tag_may_use_its_broker_when_it_is_copied_or_dropped() {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let actor = start(&system, "a").await;
    let broker = Arc::new(MessageBroker::<Do, Tag>::new());
    let tag = || Tag { broker: Arc::downgrade(&broker), actor: actor.clone(), log: log.clone() };
    let topic = Topic::parse("a.b").unwrap();
    assert!(broker.subscribe_tagged(pattern("a.*"), actor.clone(), tag()));
    assert!(broker.subscribe_tagged(pattern("a.b"), actor.clone(), tag()));
    log.take();

    assert!(!broker.subscribe_tagged(pattern("a.b"), actor.clone(), tag()), "it has this one");
    assert_eq!(log.take(), ["dropped beside 2"]);
    let copies = broker.matching(&topic);
    assert_eq!(log.take(), ["copied beside 2"]);
    drop(copies);
    log.take();
    let published = broker.publish_if(&topic, Do::Note, |subscriber| {
        subscriber.tag.use_broker("seen");
        true
    });
    assert_eq!(published.await.delivered, 1);
    assert_eq!(log.take(), ["seen beside 2"], "a publication copies no tag");

    assert!(broker.unsubscribe(&pattern("a.b"), actor.id()));
    assert_eq!(log.take(), ["dropped beside 1"]);
    assert_eq!(broker.unsubscribe_all(actor.id()), 1);
    assert_eq!(log.take(), ["dropped beside 0"]);
}

#[tokio::test(start_paused = true)]
async fn tags_of_ended_subscribers_may_use_their_broker_when_they_are_swept() {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let ended = start(&system, "ended").await;
    ended.stop();
    ended.closed().await;
    log.take();
    let broker = Arc::new(MessageBroker::<Do, Tag>::new());
    let tag = || Tag { broker: Arc::downgrade(&broker), actor: ended.clone(), log: log.clone() };
    broker.subscribe_tagged(pattern("a"), ended.clone(), tag());
    // The table is swept when it has 64 subscribers.
    let others: Vec<_> =
        (0..63).map(|_| system.prepare::<Do>(ChildSpec::unnamed()).unwrap().actor_ref()).collect();
    assert!(others.iter().all(ActorRef::is_closed), "they are dropped at once");
    for other in others {
        broker.subscribe_tagged(pattern("a"), other, tag());
    }
    assert_eq!(log.take(), vec!["dropped beside 0"; 64]);
    assert!(broker.matching(&Topic::parse("a").unwrap()).is_empty());
}

/// An error that makes an event, and opens and closes a stream of events, when it is dropped.
struct Telling(ActorRef<Do>, ActorSystem, Log);

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telling")
    }
}

impl fmt::Display for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("told to fail")
    }
}

impl std::error::Error for Telling {}

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.kill();
        drop(self.1.events());
        // Dropped with its message, it makes a dead letter.
        let prepared = self.1.prepare::<Do>(ChildSpec::unnamed().capacity(1));
        let sent = prepared.map(|prepared| prepared.actor_ref().try_send(Do::Note));
        self.2.note(format!("dropped, with a dead letter: {}", sent.is_ok_and(|sent| sent.is_ok())));
    }
}

fn read(events: &mut EventStream) -> usize {
    std::iter::from_fn(|| events.next().now_or_never()?.ok()?).count()
}

#[tokio::test(start_paused = true)]
async fn error_in_an_event_may_make_events_when_it_is_dropped() {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let other = start(&system, "other").await;
    let mut late = system.events();
    let unread = system.events();
    let failing = start(&system, "failing").await;
    for _ in 0..3 {
        let error = Telling(other.clone(), system.clone(), log.clone());
        failing.send(Do::Fail(Arc::new(Mutex::new(Some(error))))).await.unwrap();
        tokio::time::sleep(10 * SECOND).await;
        assert!(read(&mut late) > 0);
    }
    // The stream that is not read keeps 1,024 events; the errors are dropped behind those.
    for _ in 0..1_100 {
        drop(system.prepare::<Do>(ChildSpec::unnamed()).unwrap());
        assert!(read(&mut late) > 0);
        tokio::task::yield_now().await;
    }
    assert_eq!(log.take(), ["dropped, with a dead letter: true"; 3]);
    drop(unread);
    system.root().stop();
    assert!(matches!(system.ended().await, ExitReason::Shutdown));
}
