//! The ways to start an actor: by a closure, once by a value, without waiting; and its errors.

use std::convert::Infallible;

use airssys_rt::{
    Actor, ActorContext, ActorState, ActorSystem, BoxError, Child, ChildContext, ChildSpec, ExitReason,
    PrepareError, ReplyTo, RestartPolicy, StartError,
};
use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::support::logs::logs;
use crate::support::script::{Log, SECOND, Say, Script, settle, start};

/// Has a state that no closure could make twice.
struct Once(oneshot::Receiver<u32>);

enum Ask {
    Value(ReplyTo<u32>),
    Fail,
}

impl Child for Once {}

impl Actor for Once {
    type Message = Ask;
    type Error = BoxError;

    async fn handle_message(&mut self, ask: Ask, _: &ActorContext<Ask>) -> Result<(), BoxError> {
        match ask {
            Ask::Value(reply) => reply.send((&mut self.0).await?).unwrap(),
            // Errors of two types.
            Ask::Fail => drop("not a number".parse::<u32>()?),
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn spawn_once_runs_a_value_that_cannot_be_made_again() {
    let system = ActorSystem::new("test");
    let (sender, receiver) = oneshot::channel();
    let spec = ChildSpec::new("once").restart(RestartPolicy::Permanent);
    let actor = system.spawn_once(spec, Once(receiver)).await.unwrap();
    sender.send(7).unwrap();
    assert_eq!(actor.request(Ask::Value, SECOND).await.unwrap(), 7);
    actor.send(Ask::Fail).await.unwrap();
    let reason = actor.closed().await;
    assert_eq!(reason.to_string(), "failed: invalid digit found in string");
    assert!(reason.source().unwrap().is::<std::num::ParseIntError>());
    assert_eq!(actor.stats().restarts, 0, "temporary, whatever the spec says");

    let actor = system.spawn_once(ChildSpec::new("once"), Once(oneshot::channel().1)).await.unwrap();
    actor.send(Ask::Value(no_reply())).await.unwrap();
    let reason = actor.closed().await;
    assert!(reason.source().unwrap().is::<oneshot::error::RecvError>(), "{reason}");

    for end in [airssys_rt::ActorRef::restart, airssys_rt::ActorRef::kill] {
        let actor = system.spawn_once(ChildSpec::new("once"), Once(oneshot::channel().1)).await.unwrap();
        end(&actor);
        actor.closed().await;
        assert_eq!(actor.stats().restarts, 0);
    }
}

fn no_reply() -> ReplyTo<u32> {
    let mut taken = None;
    let system = ActorSystem::new("reply");
    let prepared = system.prepare::<Ask>(ChildSpec::unnamed()).unwrap();
    let actor = prepared.actor_ref();
    let keep = |reply| {
        taken = Some(reply);
        Ask::Fail
    };
    let _ = actor.request(keep, None).now_or_never();
    taken.unwrap()
}

#[tokio::test(start_paused = true)]
async fn value_that_does_not_start_is_dropped() {
    let system = ActorSystem::new("test");
    let (sender, receiver) = oneshot::channel();
    let _first = system.spawn_once(ChildSpec::new("once"), Once(oneshot::channel().1)).await.unwrap();
    let refused = system.spawn_once(ChildSpec::new("once"), Once(receiver)).await;
    assert!(matches!(refused, Err(StartError::Prepare(PrepareError::NameTaken { .. }))));
    assert!(sender.is_closed());
    system.shutdown(SECOND).await;
    let refused = system.spawn_once(ChildSpec::new("late"), Once(oneshot::channel().1)).await;
    assert!(matches!(refused, Err(StartError::SystemStopped { .. })));
}

#[tokio::test(start_paused = true)]
async fn prepared_actor_and_child_can_run_once_too() {
    let system = ActorSystem::new("test");
    let prepared = system.prepare(ChildSpec::new("once")).unwrap();
    let (sender, receiver) = oneshot::channel();
    let actor = system.start_once(prepared, Once(receiver)).await.unwrap();
    sender.send(1).unwrap();
    assert_eq!(actor.request(Ask::Value, SECOND).await.unwrap(), 1);

    /// Starts its child with a value that it was given.
    struct Parent(Option<Once>);

    impl Child for Parent {}

    impl Actor for Parent {
        type Message = ();
        type Error = BoxError;

        async fn on_start(&mut self, context: &ActorContext<()>) -> Result<(), BoxError> {
            let once = self.0.take().ok_or("it has none any more")?;
            context.spawn_child_once(ChildSpec::new("child"), once).await?;
            Ok(())
        }

        async fn handle_message(&mut self, (): (), _: &ActorContext<()>) -> Result<(), BoxError> {
            Ok(())
        }
    }

    let (sender, receiver) = oneshot::channel();
    let parent = Parent(Some(Once(receiver)));
    let parent = system.spawn_once(ChildSpec::new("parent"), parent).await.unwrap();
    sender.send(2).unwrap();
    let child = system.whereis::<Ask>("child").unwrap();
    assert_eq!(child.request(Ask::Value, SECOND).await.unwrap(), 2);
    parent.stop();
    child.closed().await;
}

/// Starts once it is let go, by a sender or with an error.
struct Slow {
    go: Option<oneshot::Receiver<()>>,
    log: Log,
}

impl Child for Slow {
    async fn pre_start(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        if let Some(go) = self.go.take() {
            go.await?;
        }
        Ok(())
    }
}

impl Actor for Slow {
    type Message = u32;
    type Error = Infallible;

    async fn handle_message(&mut self, number: u32, _: &ActorContext<u32>) -> Result<(), Infallible> {
        self.log.note(format!("{number}"));
        Ok(())
    }
}

fn slow(log: &Log) -> (oneshot::Sender<()>, impl FnMut() -> Slow + Send + 'static) {
    let (sender, receiver) = oneshot::channel();
    let (mut go, log) = (Some(receiver), log.clone());
    (sender, move || Slow { go: go.take(), log: log.clone() })
}

#[tokio::test(start_paused = true)]
async fn spawn_instant_does_not_wait_for_the_start() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let (go, make) = slow(&log);
    let actor = system.spawn_instant(ChildSpec::new("slow"), make).now_or_never().unwrap().unwrap();
    actor.send(1).await.unwrap();
    settle().await;
    assert_eq!((actor.stats().state, log.all().len()), (ActorState::Starting, 0));
    assert!(system.whereis::<u32>("slow").is_some());
    go.send(()).unwrap();
    settle().await;
    assert_eq!(log.take(), ["1"]);
    actor.kill();
    actor.send(2).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(
        (log.take(), actor.stats().restarts),
        (vec!["2".to_owned()], 1),
        "it is restarted as any other"
    );
}

#[tokio::test(start_paused = true)]
async fn failed_start_that_has_no_waiter_is_logged_and_final() {
    let (_guard, logs) = logs();
    let system = ActorSystem::new("test");
    let (go, make) = slow(&Log::default());
    let actor = system.spawn_instant(ChildSpec::new("slow"), make).await.unwrap();
    drop(go);
    let reason = actor.closed().await;
    assert!(matches!(reason, ExitReason::Error(_)));
    assert_eq!(
        logs.take(),
        ["ERROR an actor did not start, and has ended actor=slow reason=failed: channel closed"]
    );
    let panics = || -> Slow { panic!("no state") };
    let actor = system.spawn_instant(ChildSpec::new("panics"), panics).await.unwrap();
    assert!(matches!(actor.closed().await, ExitReason::Panic(_)));
    assert_eq!(logs.take().len(), 1);

    // A starter that waits gets the error, and nothing is logged.
    let started = system.spawn(ChildSpec::new("panics"), || -> Slow { panic!("no state") }).await;
    assert!(matches!(started, Err(StartError::Failed { .. })));
    assert_eq!(logs.take(), [""; 0]);

    system.shutdown(SECOND).await;
    let prepared = ActorSystem::new("other").prepare(ChildSpec::new("a")).unwrap();
    let refused = system.start_instant(prepared, slow(&Log::default()).1).await;
    assert!(matches!(refused, Err(StartError::OtherSystem { .. })));
    let refused = system.spawn_instant(ChildSpec::new("late"), slow(&Log::default()).1).await;
    assert!(matches!(refused, Err(StartError::SystemStopped { .. })));
}

#[tokio::test(start_paused = true)]
async fn start_instant_below_a_supervisor_that_stops_is_refused() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = start(&system, &log, ChildSpec::new("actor").shutdown(SECOND)).await;
    actor.send(Say::Take(SECOND / 2)).await.unwrap();
    settle().await;
    let prepared = system.prepare(ChildSpec::new("late")).unwrap();
    system.root().stop();
    settle().await;
    let refused = system.start_instant(prepared, move || Script { log: log.clone(), bad_starts: 0 }).await;
    assert!(matches!(refused, Err(StartError::SystemStopped { .. })), "{refused:?}");
}
