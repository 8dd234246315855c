//! Handles of actors without their message type.

use airssys_rt::{ActorHandle, ActorState, ActorSystem, ChildSpec, Overflow, RestartPolicy};
use futures_util::FutureExt;

use crate::support::script::{Log, MILLI, Say, settle, start};

#[tokio::test(start_paused = true)]
async fn handle_shows_the_same_as_the_reference() {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let spec = ChildSpec::new("a").capacity(7).overflow(Overflow::Reject);
    let actor = start(&system, &log, spec).await;
    let handle = ActorHandle::from(&actor);
    assert_eq!((handle.name(), handle.id()), ("a", actor.id()));
    assert_eq!((handle.identity().to_string(), handle.identity().id), ("a".to_owned(), actor.id()));
    assert_eq!((handle.capacity(), handle.overflow()), (7, Overflow::Reject));
    assert_eq!(format!("{handle:?}"), format!("ActorHandle(\"a\", {})", actor.id()));
    for number in 0..3 {
        actor.try_send(Say::Note(number)).unwrap();
    }
    assert_eq!((handle.depth(), handle.load()), (3, 3));
    settle().await;
    assert_eq!((handle.depth(), handle.load(), handle.stats()), (0, 0, actor.stats()));
    assert_eq!(handle.stats().handled, 3);
}

#[tokio::test(start_paused = true)]
async fn handles_are_equal_if_they_are_of_one_actor() {
    let (first, second, log) = (ActorSystem::new("one"), ActorSystem::new("two"), Log::default());
    let actor = start(&first, &log, ChildSpec::new("a")).await;
    let other = start(&second, &log, ChildSpec::new("a")).await;
    assert_eq!(actor.id(), other.id());
    assert_eq!(actor.handle(), actor.clone().handle());
    assert_ne!(actor.handle(), other.handle());
}

#[tokio::test(start_paused = true)]
async fn handle_signals_and_wakes() {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let actor = start(&system, &log, ChildSpec::new("a")).await;
    settle().await;
    let sleeps = actor.try_send_with::<()>(|| Ok(Say::Note(1))).unwrap();
    settle().await;
    assert!(sleeps && log.take().is_empty());
    actor.handle().wake();
    settle().await;
    assert_eq!(log.take(), ["note 1"]);
    actor.handle().signal();
    settle().await;
    assert_eq!(log.take(), ["signal"]);
}

type End = fn(&ActorHandle);

#[tokio::test(start_paused = true)]
async fn handle_ends_an_actor_in_every_way() {
    let ways: [(End, &str); 4] = [
        (ActorHandle::restart, "told to restart"),
        (ActorHandle::stop, "shut down"),
        (ActorHandle::drain, "shut down"),
        (ActorHandle::kill, "killed"),
    ];
    for (end, expected) in ways {
        let (system, log) = (ActorSystem::new("test"), Log::default());
        let actor = start(&system, &log, ChildSpec::new("a").restart(RestartPolicy::Temporary)).await;
        let handle = actor.handle();
        assert!(!handle.is_closed() && handle.closed().now_or_never().is_none());
        end(&handle);
        assert_eq!(handle.closed().await.to_string(), expected);
        assert!(handle.is_closed());
        assert_eq!(handle.stats().state, ActorState::Stopped);
        end(&handle);
    }
}

#[tokio::test(start_paused = true)]
async fn handle_stays_valid_across_restarts() {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let actor = start(&system, &log, ChildSpec::new("a")).await;
    let handle = actor.handle();
    handle.kill();
    while handle.stats().restarts == 0 || handle.stats().state != ActorState::Running {
        tokio::time::sleep(MILLI).await;
    }
    handle.signal();
    settle().await;
    assert_eq!(log.take(), ["signal"]);
}
