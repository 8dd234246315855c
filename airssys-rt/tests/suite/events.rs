//! The event stream: its events, their order, and its end.

use airssys_rt::{
    ActorSystem, ChildSpec, Event, EventStream, MissedEvents, Overflow, RestartPolicy, RestartStrategy,
    SupervisorConfig, SupervisorSpec,
};
use futures_util::FutureExt;

use crate::support::script::{Log, MILLI, SECOND, Say, Script, settle, start};

fn config(max_restarts: u32) -> SupervisorConfig {
    let restart_strategy = RestartStrategy::Fixed { delay: MILLI };
    SupervisorConfig { restart_strategy, max_restarts, ..SupervisorConfig::default() }
}

fn line(event: Event) -> String {
    match event {
        Event::Started { actor, incarnation } => format!("{actor} started as {incarnation}"),
        Event::Restarting { actor, reason, after } => format!("{actor} {reason}, restarting after {after:?}"),
        Event::Stopped { actor, reason } => format!("{actor} {reason}"),
        Event::Escalated { supervisor, failure } => format!("{supervisor} gives up: {failure}"),
        Event::DeadLetter { actor, message, count, cause } => {
            let message = message.rsplit("::").next().unwrap();
            format!("{actor} {cause:?}: {count} of {message}")
        }
        Event::MailboxFull { actor, capacity } => format!("{actor} full at {capacity}"),
        other => panic!("{other:?}"),
    }
}

/// The events that are in the stream now.
fn told(events: &mut EventStream) -> Vec<String> {
    std::iter::from_fn(|| events.next().now_or_never()?.unwrap()).map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn events_of_an_actor_come_in_order() {
    let system = ActorSystem::builder("test").supervisor(config(10)).build();
    settle().await;
    let (mut events, mut others) = (system.events(), system.events());
    let actor = start(&system, &Log::default(), ChildSpec::new("a").capacity(2)).await;
    actor.send(Say::Fail).await.unwrap();
    tokio::time::sleep(SECOND).await;
    actor.send(Say::Take(SECOND)).await.unwrap();
    settle().await;
    for number in 0..2 {
        actor.try_send(Say::Note(number)).unwrap();
    }
    actor.try_send(Say::Note(2)).unwrap_err();
    actor.try_send(Say::Note(3)).unwrap_err();
    actor.stop();
    actor.closed().await;
    let expected = [
        "a started as 0",
        "a HandlerFailed: 1 of Say",
        "a failed: told to fail, restarting after 1ms",
        "a started as 1",
        "a full at 2",
        "a ActorEnded: 2 of Say",
        "a shut down",
    ];
    assert_eq!(told(&mut events), expected);
    assert_eq!(told(&mut others), expected, "each stream tells everything");

    let mut late = system.events();
    let unnamed = start(&system, &Log::default(), ChildSpec::unnamed()).await;
    assert_eq!(told(&mut late), [format!("#{} started as 0", unnamed.id())], "from when it was made");
}

#[tokio::test(start_paused = true)]
async fn supervisors_are_told_of_too() {
    let system = ActorSystem::builder("shop").supervisor(config(10)).build();
    settle().await;
    let mut events = system.events();
    let spec = SupervisorSpec::new("pool").config(config(1)).restart(RestartPolicy::Permanent);
    let pool = system.supervise(spec).await.unwrap();
    let log = Log::default();
    let make = move || Script { log: log.clone(), bad_starts: 0 };
    let actor = pool.spawn(ChildSpec::new("a"), make).await.unwrap();
    for _ in 0..2 {
        actor.send(Say::Panic).await.unwrap();
        tokio::time::sleep(SECOND).await;
    }
    system.shutdown(SECOND).await;
    let panicked = "a panicked: told to panic, restarting after";
    let letter = "a HandlerFailed: 1 of Say";
    let failure = "`a` panicked: told to panic after 1 restarts within 5s";
    let expected = [
        "pool started as 0",
        "a started as 0",
        letter,
        &format!("{panicked} 1ms"),
        "a started as 1",
        letter,
        &format!("pool gives up: {failure}"),
        // Its supervisor starts it again as soon as it has started itself.
        &format!("{panicked} 0ns"),
        &format!("pool gave up: {failure}, restarting after 1ms"),
        "a started as 2",
        "pool started as 1",
        "a shut down",
        "pool shut down",
        "shop shut down",
    ];
    assert_eq!(told(&mut events), expected);
}

/// Every way to find the mailbox full makes one event, until there is room again.
#[tokio::test(start_paused = true)]
async fn full_mailbox_event_comes_once_for_any_kind_of_send() {
    let system = ActorSystem::new("test");
    for way in 0..4 {
        let actor = start(&system, &Log::default(), ChildSpec::new("a").capacity(1)).await;
        actor.send(Say::Take(SECOND)).await.unwrap();
        settle().await;
        actor.send(Say::Note(0)).await.unwrap();
        let mut events = system.events();
        let waits = async {
            match way {
                0 => actor.send(Say::Note(1)).await.unwrap(),
                1 => drop(actor.reserve().await.unwrap()),
                2 => actor.recipient::<u32>().send(1).await.unwrap(),
                _ => assert_eq!(actor.request(Say::Ask, 5 * SECOND).await.unwrap(), 0),
            }
        };
        let mut waits = Box::pin(waits);
        assert!(waits.as_mut().now_or_never().is_none());
        settle().await;
        assert!(waits.as_mut().now_or_never().is_none());
        assert_eq!(told(&mut events), ["a full at 1"], "{way}");
        waits.await;
        assert_eq!(told(&mut events), [""; 0]);
        assert_eq!(actor.stats().rejected, 0);
        actor.stop();
        actor.closed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn missed_events_are_counted() {
    let system = ActorSystem::new("test");
    settle().await;
    let mut events = system.events();
    let spec = ChildSpec::new("a").capacity(1).overflow(Overflow::DropNewest);
    let prepared = system.prepare::<Say>(spec).unwrap();
    let actor = prepared.actor_ref();
    // The first message is taken. The second makes two events: a full mailbox, and a dead letter.
    for number in 0..1030 {
        actor.try_send(Say::Note(number)).unwrap();
    }
    assert_eq!(events.next().await.unwrap_err(), MissedEvents { count: 6 });
    assert_eq!(MissedEvents { count: 6 }.to_string(), "6 events were missed: the reader was too slow");
    for _ in 0..1024 {
        assert!(events.next().await.unwrap().is_some(), "what is left");
    }
    drop(prepared);
    assert_eq!(told(&mut events), ["a ActorEnded: 1 of Say", "a shut down"]);
}

#[tokio::test(start_paused = true)]
async fn events_of_one_actor_do_not_push_out_those_of_others() {
    let system = ActorSystem::new("test");
    settle().await;
    let mut events = system.events();
    let prepare = |name: &str| {
        let spec = ChildSpec::new(name).capacity(1).overflow(Overflow::DropNewest);
        system.prepare::<Say>(spec).unwrap()
    };
    let (quiet, loud) = (prepare("quiet"), prepare("loud"));
    for number in 0..3 {
        quiet.actor_ref().try_send(Say::Note(number)).unwrap();
    }
    for number in 0..5_000 {
        loud.actor_ref().try_send(Say::Note(number)).unwrap();
    }
    assert!(events.next().await.is_err(), "some were dropped");
    let mut of_quiet = 0;
    for _ in 0..1024 {
        let event = events.next().await.unwrap().unwrap();
        of_quiet += usize::from(format!("{event:?}").contains("quiet"));
    }
    assert_eq!(of_quiet, 3, "a full mailbox and two dead letters");
}

/// The stream ends although there are references to actors.
#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_system() {
    let system = ActorSystem::new("test");
    settle().await;
    let mut events = system.events();
    let actor = start(&system, &Log::default(), ChildSpec::new("a")).await;
    let mut waits = Box::pin(async {
        let mut count = 0;
        while events.next().await.unwrap().is_some() {
            count += 1;
        }
        count
    });
    assert!(waits.as_mut().now_or_never().is_none());
    system.shutdown(SECOND).await;
    assert_eq!(waits.await, 3, "started, shut down, and the root");
    assert!(events.next().await.unwrap().is_none(), "an end is one");
    assert!(system.events().next().await.unwrap().is_none(), "what begins after it has nothing to tell");
    assert!(actor.is_closed());
}
