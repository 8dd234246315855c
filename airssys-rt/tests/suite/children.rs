//! The children that an actor starts: they live as long as the incarnation that started them.

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, BoxError, Child, ChildContext, ChildSnapshot, ChildSpec,
    Event, ExitReason, ReplyTo, StartError, SupervisionStrategy,
};
use futures_util::FutureExt;

use crate::support::probe::{Log, Told};
use crate::support::tree::{Leaf, SECOND, Say, ask, hang, leaf, supervise};

/// Starts a child for each name when it starts, and for each that it is sent.
struct Parent {
    log: Log,
    kids: &'static [&'static str],
}

enum Order {
    Spawn(&'static str),
    Fail,
    Stop,
    Hang,
    /// Begins to start a child, and drops the future.
    GiveUp,
    /// Replies with true if it has its system.
    Reach(ReplyTo<Option<String>>),
}

impl Child for Parent {
    async fn pre_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        self.log.note("pre_stop");
        Ok(())
    }

    async fn post_stop(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        self.log.note(if context.system().is_some() { "post_stop" } else { "post_stop, alone" });
        Ok(())
    }
}

impl Parent {
    async fn spawn(&self, name: &'static str, context: &ActorContext<Order>) -> Result<(), StartError> {
        let log = self.log.clone();
        let spec = match name {
            "" => ChildSpec::unnamed(),
            name => ChildSpec::new(name),
        };
        context.spawn_child(spec, move || Leaf::new(&log, name)).await.map(drop)
    }
}

impl Actor for Parent {
    type Message = Order;
    type Error = Told;

    async fn on_start(&mut self, context: &ActorContext<Order>) -> Result<(), Told> {
        for kid in self.kids {
            self.spawn(kid, context).await.map_err(|_| Told)?;
        }
        Ok(())
    }

    async fn handle_message(&mut self, order: Order, context: &ActorContext<Order>) -> Result<(), Told> {
        match order {
            Order::Spawn(name) => match self.spawn(name, context).await {
                Ok(()) => self.log.note("spawned"),
                Err(error) => self.log.note(error.to_string()),
            },
            Order::Fail => return Err(Told),
            Order::Stop => context.stop_self(),
            Order::GiveUp => {
                let spawn = context.spawn_child(ChildSpec::unnamed(), || Leaf::new(&Log::default(), ""));
                assert!(spawn.now_or_never().is_none());
            }
            Order::Hang => std::future::pending().await,
            Order::Reach(reply) => {
                drop(reply.send(context.system().map(|system| system.name().to_owned())));
            }
        }
        Ok(())
    }
}

async fn parent(system: &ActorSystem, log: &Log, kids: &'static [&'static str]) -> ActorRef<Order> {
    let log = log.clone();
    system.spawn(ChildSpec::new("parent"), move || Parent { log: log.clone(), kids }).await.unwrap()
}

fn kid(system: &ActorSystem, name: &str) -> ActorRef<Say> {
    system.whereis(name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn children_end_between_pre_stop_and_post_stop() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = parent(&system, &log, &["a", "b"]).await;
    let old = kid(&system, "a");
    actor.send(Order::Stop).await.unwrap();
    old.closed().await;
    tokio::time::sleep(SECOND).await;
    let mut lines = log.all();
    lines.retain(|line| !line.starts_with("dropped"));
    lines[3..5].sort();
    assert_eq!(lines, ["+a", "+b", "pre_stop", "-a", "-b", "post_stop", "+a", "+b"]);
    // The next incarnation has children of its own.
    let new = kid(&system, "a");
    assert_ne!(old.id(), new.id());
    assert_eq!(ask(&new).await, 0);
    let report = system.shutdown(SECOND).await;
    assert_eq!(report.late, Vec::<String>::new());
    assert_eq!(report.stopped.last().map(String::as_str), Some("parent"));
}

#[tokio::test(start_paused = true)]
async fn children_end_when_their_parent_fails_or_is_killed() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = parent(&system, &log, &["a"]).await;
    for (round, hangs) in [(1, false), (2, true)] {
        let old = kid(&system, "a");
        match hangs {
            true => {
                actor.send(Order::Hang).await.unwrap();
                tokio::task::yield_now().await;
                actor.kill();
            }
            false => actor.send(Order::Fail).await.unwrap(),
        }
        assert!(matches!(old.closed().await, ExitReason::Shutdown));
        tokio::time::sleep(SECOND).await;
        assert_ne!(kid(&system, "a").id(), old.id());
        // The child's name was free again when the next incarnation needed it.
        assert_eq!(actor.stats().restarts, round);
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_is_restarted_by_its_own_supervisor() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = parent(&system, &log, &["a"]).await;
    let child = kid(&system, "a");
    child.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&child).await, 1);
    assert_eq!(actor.stats().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn parent_fails_when_its_children_fail_too_often() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = parent(&system, &log, &["a"]).await;
    let mut events = system.events();
    let child = kid(&system, "a");
    for _ in 0..4 {
        child.send(Say::Fail).await.unwrap();
    }
    child.closed().await;
    let reason = loop {
        let event = events.next().await.unwrap();
        if let Some(Event::Restarting { actor, reason, .. }) = event
            && &*actor.name == "parent"
        {
            break reason;
        }
    };
    let ExitReason::Linked(down) = reason else { panic!("{reason}") };
    assert!(matches!(&down.reason, ExitReason::Escalated(failure) if failure.child == "a"), "{down:?}");
    tokio::time::sleep(SECOND).await;
    assert_eq!(actor.stats().restarts, 1);
    assert_eq!(ask(&kid(&system, "a")).await, 0);
}

#[tokio::test(start_paused = true)]
async fn children_belong_to_no_group_restart_but_their_parents() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let supervisor = supervise(system.root(), "rest", SupervisionStrategy::RestForOne).await;
    let log_too = log.clone();
    let make = move || Parent { log: log_too.clone(), kids: &[] };
    let actor = supervisor.spawn(ChildSpec::new("parent"), make).await.unwrap();
    let sibling = leaf(&supervisor, &log, "sibling").await;
    actor.send(Order::Spawn("a")).await.unwrap();
    actor.request(Order::Reach, SECOND).await.unwrap();
    let child = kid(&system, "a");
    sibling.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&sibling).await, 1);
    assert_eq!(ask(&child).await, 0);
    assert!(!child.is_closed());

    // If the parent is in the group, its children end with it.
    let all = supervise(system.root(), "all", SupervisionStrategy::OneForAll).await;
    let log_too = log.clone();
    let make = move || Parent { log: log_too.clone(), kids: &["b"] };
    let actor = all.spawn(ChildSpec::new("other"), make).await.unwrap();
    let child = kid(&system, "b");
    let sibling = leaf(&all, &log, "cousin").await;
    sibling.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&sibling).await, 1);
    assert!(matches!(child.closed().await, ExitReason::Shutdown));
    assert_eq!(actor.stats().restarts, 1);
    assert_ne!(kid(&system, "b").id(), child.id());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_an_error_of_the_call() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = parent(&system, &log, &["a"]).await;
    actor.send(Order::Spawn("a")).await.unwrap();
    actor.send(Order::Spawn("")).await.unwrap();
    let reached = actor.request(Order::Reach, SECOND).await.unwrap();
    assert_eq!(reached.as_deref(), Some("test"));
    let lines = log.all();
    assert!(lines[1].contains('a') && lines[1].contains("taken"), "{lines:?}");
    assert_eq!(lines[2..], ["+", "spawned"]);
}

#[tokio::test(start_paused = true)]
async fn snapshot_shows_the_parent_of_children() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = parent(&system, &log, &["a"]).await;
    let root = system.snapshot().root;
    assert_eq!(root.owner, None);
    let [ChildSnapshot::Actor(owner), ChildSnapshot::Supervisor(children)] = &root.children[..] else {
        panic!("{root:?}")
    };
    assert_eq!((owner.id, children.owner), (actor.id(), Some(actor.id())));
    let [ChildSnapshot::Actor(child)] = &children.children[..] else { panic!("{children:?}") };
    assert_eq!(child.name, "a");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_hangs_is_aborted_when_its_time_is_over() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = parent(&system, &log, &["a"]).await;
    hang(&kid(&system, "a")).await;
    let before = tokio::time::Instant::now();
    actor.stop();
    assert!(matches!(actor.closed().await, ExitReason::Shutdown | ExitReason::Killed));
    // A child has 5 s to stop, and its parent too.
    assert!(before.elapsed() <= 6 * SECOND);
    assert!(system.whereis::<Say>("a").is_none_or(|child| child.is_closed()));
}

#[tokio::test(start_paused = true)]
async fn a_system_without_references_is_not_reached() {
    let log = Log::default();
    let system = ActorSystem::new("test");
    let actor = parent(&system, &log, &[]).await;
    drop(system);
    actor.closed().await;
    assert_eq!(log.all(), ["pre_stop", "post_stop, alone"]);
}

#[tokio::test(start_paused = true)]
async fn cancelled_start_leaves_no_supervisor() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = parent(&system, &log, &[]).await;
    for _ in 0..3 {
        actor.send(Order::GiveUp).await.unwrap();
    }
    actor.send(Order::Spawn("a")).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(system.root().children().len(), 2, "the actor, and one for its children");
    assert_eq!(ask(&kid(&system, "a")).await, 0);
}
