//! Crashes: they cost the message that was being handled, and nothing else.

use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, Child, ChildSpec, ExitReason, RestartPolicy, StartError,
};

use crate::support::probe::{Do, Log, Probe, Told, hold};

const SECOND: Duration = Duration::from_secs(1);

async fn start(system: &ActorSystem, log: &Log, fail_in: &'static [&'static str]) -> ActorRef<Do> {
    let log = log.clone();
    system.spawn(ChildSpec::new("probe"), move || Probe { log: log.clone(), fail_in }).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn messages_behind_a_crash_are_handled_in_order_by_the_next_incarnation() {
    for crash in [Do::Fail, Do::Panic] {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let actor = start(&system, &log, &[]).await;
        let (first, is_held, go) = hold();
        actor.send(first).await.unwrap();
        is_held.await.unwrap();
        actor.send(Do::Note(0)).await.unwrap();
        actor.send(crash).await.unwrap();
        for number in 1..=5 {
            actor.send(Do::Note(number)).await.unwrap();
        }
        go.send(()).unwrap();
        assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 1);
        assert_eq!(log.only("note"), ["note 0", "note 1", "note 2", "note 3", "note 4", "note 5"]);
        let stats = actor.stats();
        assert_eq!((stats.accepted, stats.handled, stats.failed), (9, 8, 1));
        assert_eq!((stats.restarts, stats.dropped, stats.depth), (1, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_cannot_be_made_has_failed() {
    let system = ActorSystem::new("test");
    let make = || -> Probe { panic!("no {}", "parts") };
    let error = system.spawn(ChildSpec::new("probe"), make).await.unwrap_err();
    let StartError::Failed { reason: ExitReason::Panic(message), .. } = error else { panic!("{error}") };
    assert_eq!(message, "no parts");

    let log = Log::default();
    let mut made = 0;
    let make = {
        let log = log.clone();
        move || {
            made += 1;
            assert_ne!(made, 2, "the second cannot be made");
            Probe::new(&log)
        }
    };
    let actor = system.spawn(ChildSpec::new("probe"), make).await.unwrap();
    actor.send(Do::Fail).await.unwrap();
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 2);
}

/// A message that panics when it is dropped cannot take the supervisor with it.
#[tokio::test(start_paused = true)]
async fn messages_that_panic_in_drop_are_dropped_all_the_same() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    struct Idle;
    impl Child for Idle {}
    impl Actor for Idle {
        type Message = Bomb;
        type Error = std::fmt::Error;
        async fn handle_message(
            &mut self,
            bomb: Bomb,
            _: &ActorContext<Bomb>,
        ) -> Result<(), std::fmt::Error> {
            std::mem::forget(bomb);
            Ok(())
        }
    }
    let system = ActorSystem::new("test");
    let spec = ChildSpec::new("idle").restart(RestartPolicy::Temporary);
    let actor = system.spawn(spec, || Idle).await.unwrap();
    // Stopped before it is polled and handles a message.
    actor.stop();
    actor.try_send(Bomb).unwrap();
    actor.try_send(Bomb).unwrap();
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    assert_eq!(actor.stats().dropped, 2);
    assert_eq!(start(&system, &Log::default(), &[]).await.request(Do::Ask, SECOND).await.unwrap(), 0);
}

/// Panics when it is dropped.
struct Brittle;

impl Drop for Brittle {
    fn drop(&mut self) {
        panic!("it broke");
    }
}

impl Child for Brittle {}

impl Actor for Brittle {
    type Message = Do;
    type Error = Told;

    async fn handle_message(&mut self, message: Do, context: &ActorContext<Do>) -> Result<(), Told> {
        match message {
            Do::Fail => return Err(Told),
            _ => context.stop_self(),
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_panics_in_drop_has_failed() {
    let system = ActorSystem::new("test");
    for (message, expected) in [(Do::Stop, "panicked: it broke"), (Do::Fail, "failed: told to fail")] {
        let spec = ChildSpec::new("brittle").restart(RestartPolicy::Temporary);
        let actor = system.spawn(spec, || Brittle).await.unwrap();
        actor.send(message).await.unwrap();
        assert_eq!(actor.closed().await.to_string(), expected, "the first failure counts");
    }
}
