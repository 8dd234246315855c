//! Faults: each happens once, where it was planned, and nothing else changes.

use std::panic::catch_unwind;
use std::time::Duration;

use airssys_rt::testing::{Fault, Faults, Faulty, FaultyError, Place, Probe};
use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, Child, ChildSpec, Event, ExitReason, RequestError,
    RestartPolicy, RestartStrategy, RouterSpec, StartError, SupervisorConfig,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::support::probe::{self, Do, Log, Told};

const SECOND: Duration = Duration::from_secs(1);

fn config() -> SupervisorConfig {
    SupervisorConfig {
        max_restarts: 100,
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    }
}

async fn faulty(
    spec: ChildSpec,
    faults: &Faults,
    log: &Log,
) -> Result<(ActorSystem, ActorRef<Do>), StartError> {
    let system = ActorSystem::builder("test").supervisor(config()).build();
    let log = log.clone();
    let actor = system.spawn(spec, faults.wrap(move || probe::Probe::new(&log))).await?;
    Ok((system, actor))
}

/// The reasons of all restarts so far.
fn reasons(events: &mut airssys_rt::EventStream) -> Vec<String> {
    let mut reasons = Vec::new();
    while let Some(event) = events.next().now_or_never() {
        if let Some(Event::Restarting { reason, .. }) = event.unwrap() {
            reasons.push(reason.to_string());
        }
    }
    reasons
}

#[tokio::test(start_paused = true)]
async fn chosen_messages_fail_over_all_incarnations() {
    let log = Log::default();
    let faults = Faults::new().fail_nth(2).panic_nth(3).fail_nth(6);
    let (system, actor) = faulty(ChildSpec::new("actor"), &faults, &log).await.unwrap();
    let mut events = system.events();
    for number in 1..=7 {
        actor.send(Do::Note(number)).await.unwrap();
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.only("note"), ["note 1", "note 4", "note 5", "note 7"]);
    assert_eq!((actor.stats().failed, actor.stats().handled, actor.stats().restarts), (3, 4, 3));
    let expected = [
        "failed: told to fail at message 2",
        "panicked: told to panic at message 3",
        "failed: told to fail at message 6",
    ];
    assert_eq!(reasons(&mut events), expected);
    assert_eq!((faults.count(Place::Message), faults.left()), (7, 0));
}

#[tokio::test(start_paused = true)]
async fn a_message_is_late_and_one_hangs() {
    let log = Log::default();
    let faults = Faults::new().delay_nth(2, 60 * SECOND).hang_nth(3);
    let (_system, actor) = faulty(ChildSpec::new("actor"), &faults, &log).await.unwrap();
    let before = Instant::now();
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 0);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(actor.request(Do::Ask, 61 * SECOND).await.unwrap(), 0);
    assert_eq!(before.elapsed(), 60 * SECOND);
    // The message is not dropped, so the requester is not told.
    assert!(matches!(actor.request(Do::Ask, 3600 * SECOND).await, Err(RequestError::TimedOut)));
    assert_eq!(faults.left(), 0);
    actor.kill();
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn chosen_starts_fail() {
    let log = Log::default();
    let faults = Faults::new().fail_start(2).panic_start(3).at(Place::PreStart, 4, Fault::Delay(9 * SECOND));
    let (system, actor) = faulty(ChildSpec::new("actor"), &faults, &log).await.unwrap();
    let mut events = system.events();
    let before = Instant::now();
    actor.send(Do::Fail).await.unwrap();
    // The messages behind it wait for an incarnation that starts: the fourth.
    assert_eq!(actor.request(Do::Ask, 10 * SECOND).await.unwrap(), 3);
    assert_eq!(before.elapsed(), 9 * SECOND);
    let expected = [
        "failed: told to fail",
        "failed: told to fail at pre_start 2",
        "panicked: told to panic at pre_start 3",
    ];
    assert_eq!(reasons(&mut events), expected);
    assert_eq!(log.only("pre_start"), ["pre_start 0", "pre_start 3"]);

    let error = faulty(ChildSpec::new("actor"), &Faults::new().fail_start(1), &log).await.unwrap_err();
    assert!(matches!(error, StartError::Failed { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn each_hook_can_fail() {
    for (place, hooks) in [
        (Place::OnStart, "pre_start 0, post_start 0, pre_stop 0, post_stop 0, dropped"),
        (Place::PostStart, "pre_start 0, pre_stop 0, post_stop 0, dropped"),
        (Place::PreStop, "pre_start 0, post_start 0, on_start 0, post_stop 0, dropped"),
        (Place::PostStop, "pre_start 0, post_start 0, on_start 0, pre_stop 0, dropped"),
        (Place::OnSignal, "pre_start 0, post_start 0, on_start 0, pre_stop 0, post_stop 0, dropped"),
    ] {
        let log = Log::default();
        let faults = Faults::new().at(place, 1, Fault::Fail);
        let spec = ChildSpec::new("actor").restart(RestartPolicy::Temporary);
        let ended = match faulty(spec, &faults, &log).await {
            Err(StartError::Failed { reason, .. }) => reason,
            Err(error) => panic!("{error}"),
            Ok((_system, actor)) => {
                if place == Place::OnSignal {
                    actor.signal();
                } else {
                    actor.stop();
                }
                actor.closed().await
            }
        };
        assert_eq!(ended.to_string(), format!("failed: told to fail at {place} 1"));
        let lines: Vec<_> = log.all().into_iter().filter(|line| line != "actor stopped").collect();
        assert_eq!(lines.join(", "), hooks);
        assert_eq!(faults.left(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_without_a_fault_are_passed_on() {
    let log = Log::default();
    let faults = Faults::new();
    let (system, actor) = faulty(ChildSpec::new("actor"), &faults, &log).await.unwrap();
    actor.send(Do::Note(1)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    actor.signal();
    tokio::time::sleep(SECOND).await;
    let mut events = system.events();
    actor.send(Do::Fail).await.unwrap();
    let error = loop {
        match events.next().await.unwrap() {
            Some(Event::Restarting { reason: ExitReason::Error(error), .. }) => break error,
            Some(_) => {}
            None => panic!("it did not fail"),
        }
    };
    assert!(matches!(error.downcast_ref(), Some(FaultyError::Own(own)) if own.is::<Told>()));
    assert_eq!(error.to_string(), Told.to_string(), "it reads like the actor's own");
    system.shutdown(SECOND).await;
    let expected = "pre_start 0, post_start 0, on_start 0, note 1, signal, pre_stop 0, post_stop 0, actor stopped, dropped, \
                    pre_start 1, post_start 1, on_start 1, pre_stop 1, post_stop 1, actor stopped, dropped";
    assert_eq!(log.all().join(", "), expected);
    let places = [
        Place::PreStart,
        Place::PostStart,
        Place::OnStart,
        Place::PreStop,
        Place::PostStop,
        Place::OnSignal,
        Place::Message,
    ];
    assert_eq!(places.map(|place| faults.count(place)), [2, 2, 2, 2, 2, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn fault_in_on_down_fails_the_incarnation() {
    let system = ActorSystem::builder("test").supervisor(config()).build();
    let watched = Probe::<()>::spawn(&system, "watched").await.unwrap();
    let faults = Faults::new().at(Place::OnDown, 1, Fault::Panic);
    let (log, other) = (Log::default(), watched.actor_ref().clone());
    let make = faults.wrap(move || Watch { other: other.clone(), log: log.clone() });
    let actor = system.spawn(ChildSpec::new("actor"), make).await.unwrap();
    actor.send(()).await.unwrap();
    tokio::time::sleep(SECOND).await;
    watched.actor_ref().kill();
    tokio::time::sleep(SECOND).await;
    assert_eq!(actor.stats().restarts, 1);
    watched.actor_ref().kill();
    tokio::time::sleep(SECOND).await;
    assert_eq!((actor.stats().restarts, faults.count(Place::OnDown)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn many_can_share_a_plan() {
    let system = ActorSystem::builder("test").supervisor(config()).build();
    let (log, faults) = (Log::default(), Faults::new().fail_nth(3));
    let plan = faults.clone();
    let make = move || Faulty::new(probe::Probe::new(&log), &plan);
    let router = system.router(RouterSpec::new("pool").size(2), make).await.unwrap();
    for number in 1..=4 {
        router.send(Do::Note(number)).await.unwrap();
        tokio::time::sleep(SECOND).await;
    }
    let failed: Vec<_> = router.workers().iter().map(|worker| worker.stats().failed).collect();
    assert_eq!((failed, faults.count(Place::Message)), (vec![1, 0], 4));
    // Faults can be added while the actors run.
    let faults = faults.hang_nth(5);
    router.send(Do::Note(5)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!((router.workers()[0].load(), faults.left()), (1, 0));
}

#[test]
fn fault_that_can_never_happen_is_refused() {
    let never = catch_unwind(|| Faults::new().fail_nth(0)).unwrap_err();
    assert_eq!(*never.downcast::<String>().unwrap(), "message 0 never comes: the next is 1");
    assert_eq!(
        format!("{:?}", Faults::new().hang_nth(7)),
        "Faults { left: {(Message, 7): Hang}, counts: {} }"
    );
}

/// Monitors another actor, and ignores its end.
struct Watch {
    other: ActorRef<()>,
    log: Log,
}

impl Child for Watch {}

impl Actor for Watch {
    type Message = ();
    type Error = Told;

    async fn handle_message(&mut self, (): (), context: &ActorContext<()>) -> Result<(), Told> {
        context.monitor(&self.other);
        self.log.note("watches");
        Ok(())
    }
}
