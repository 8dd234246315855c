//! Routers: the choice of the worker, and messages while the pool changes.

use std::time::Duration;

use airssys_rt::{
    ActorRef, ActorSystem, ChildSpec, Overflow, RequestError, RestartStrategy, Router, RouterError,
    RouterSpec, Routing, SendError, SupervisorConfig,
};
use tokio::time::Instant;

use crate::support::worker::{Do, Log, Worker, hold};

const SECOND: Duration = Duration::from_secs(1);

async fn start(system: &ActorSystem, log: &Log, spec: RouterSpec) -> Router<Do> {
    let log = log.clone();
    system.router(spec, move || Worker::new(&log)).await.unwrap()
}

fn names(router: &Router<Do>) -> Vec<String> {
    router.workers().iter().map(|worker| worker.name().to_owned()).collect()
}

async fn who(router: &Router<Do>) -> String {
    router.request(Do::Who, SECOND).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn round_robin_takes_one_after_another() {
    let system = ActorSystem::new("test");
    let router = start(&system, &Log::default(), RouterSpec::new("pool").size(3)).await;
    assert_eq!((router.name(), router.size()), ("pool", 3));
    assert_eq!(names(&router), ["pool/1", "pool/2", "pool/3"]);
    let mut asked = Vec::new();
    for _ in 0..6 {
        asked.push(who(&router).await);
    }
    assert_eq!(asked, ["pool/1", "pool/2", "pool/3", "pool/1", "pool/2", "pool/3"]);
    assert_eq!(system.whereis::<Do>("pool/2").unwrap().id(), router.workers()[1].id());
    assert_eq!(router.clone().size(), 3, "clones share the pool");
}

#[tokio::test(start_paused = true)]
async fn the_least_loaded_gets_the_next_and_what_it_is_at_counts() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let spec = RouterSpec::new("pool").size(3).routing(Routing::LeastLoaded);
    let router = start(&system, &log, spec).await;
    // Idle workers take turns.
    assert_eq!([who(&router).await, who(&router).await, who(&router).await], ["pool/1", "pool/2", "pool/3"]);

    let workers = router.workers();
    let (message, is_here, go) = hold();
    workers[0].send(message).await.unwrap();
    is_here.await.unwrap();
    assert_eq!((workers[0].load(), workers[0].depth()), (1, 0), "one is being handled");
    for number in 0..5 {
        workers[1].try_send(Do::Note(number)).unwrap();
    }
    assert_eq!((workers[1].load(), workers[1].depth()), (5, 5));
    for number in 10..15 {
        router.try_send(Do::Note(number)).unwrap();
    }
    let loads: Vec<_> = workers.iter().map(ActorRef::load).collect();
    assert_eq!(loads, [3, 5, 3]);
    go.send(()).unwrap();
    tokio::time::sleep(SECOND).await;
    assert!(workers.iter().all(|worker| worker.load() == 0));
    assert_eq!(log.all().len(), 10);
}

/// A worker that crashes has nothing to do, and must not draw all messages for that.
#[tokio::test(start_paused = true)]
async fn restarting_worker_is_not_chosen_as_idle() {
    let system = ActorSystem::new("test");
    let restart_strategy = RestartStrategy::Fixed { delay: 10 * SECOND };
    let spec = RouterSpec::new("pool").size(2).routing(Routing::LeastLoaded);
    let spec = spec.supervisor(SupervisorConfig { restart_strategy, ..SupervisorConfig::default() });
    let router = start(&system, &Log::default(), spec).await;
    let workers = router.workers();
    workers[0].send(Do::Fail).await.unwrap();
    let (message, is_here, go) = hold();
    workers[1].send(message).await.unwrap();
    is_here.await.unwrap();
    for number in 0..4 {
        router.send(Do::Note(number)).await.unwrap();
    }
    assert_eq!((workers[0].load(), workers[1].load()), (0, 5));
    // If all workers are restarting, they share the messages.
    workers[1].kill();
    drop(go);
    tokio::time::sleep(SECOND).await;
    for number in 4..14 {
        router.send(Do::Note(number)).await.unwrap();
    }
    assert_eq!((workers[0].load(), workers[1].load()), (7, 7));
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!((workers[0].load(), workers[1].load()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn failed_messages_do_not_count_as_load() {
    let system = ActorSystem::new("test");
    let spec = RouterSpec::new("pool").size(1).capacity(2).overflow(Overflow::DropOldest);
    let router = start(&system, &Log::default(), spec).await;
    let worker = &router.workers()[0];
    for message in [Do::Note(1), Do::Note(2), Do::Note(3), Do::Fail, Do::Panic] {
        worker.try_send(message).unwrap();
    }
    assert_eq!(worker.load(), 2);
    tokio::time::sleep(SECOND).await;
    assert_eq!(worker.load(), 0);
    assert_eq!((worker.stats().failed, worker.stats().overflowed), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_key_has_one_worker() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let router = start(&system, &log, RouterSpec::new("pool").size(4)).await;
    for key in ["a", "b", "c", "d", "e", "f"] {
        let worker = router.worker_by(key).unwrap();
        let asked = router.request_by(key, Do::Who, SECOND).await.unwrap();
        assert_eq!(asked, worker.name());
        let owned = key.to_owned();
        assert_eq!(router.worker_by(&owned).unwrap().id(), worker.id(), "a string is a string");
        router.send_by(key, Do::Note(1)).await.unwrap();
        router.try_send_by(key, Do::Note(2)).unwrap();
        router.request_by(key, Do::Who, SECOND).await.unwrap();
        assert_eq!(log.take(), [format!("{asked} 1"), format!("{asked} 2")]);
    }
}

fn assignment(router: &Router<Do>) -> Vec<String> {
    (0..KEYS).map(|key: u32| router.worker_by(key).unwrap().name().to_owned()).collect()
}

const KEYS: u32 = 10_000;

/// Adding a worker moves a fair share of the keys, all of them to the new worker. Removing one moves
/// only its own keys.
#[tokio::test(start_paused = true)]
async fn a_resize_moves_few_keys() {
    let system = ActorSystem::new("test");
    let router = start(&system, &Log::default(), RouterSpec::new("pool").size(1)).await;
    let mut before = assignment(&router);
    for size in 2..=12 {
        router.resize(size).await.unwrap();
        let after = assignment(&router);
        let newest = names(&router).pop().unwrap();
        let moved: Vec<_> = before.iter().zip(&after).filter(|(old, new)| old != new).collect();
        assert!(moved.iter().all(|(_, new)| **new == newest));
        let fair = f64::from(KEYS) / size as f64;
        for worker in names(&router) {
            let share = after.iter().filter(|name| **name == worker).count() as f64;
            assert!((share / fair - 1.0).abs() < 0.2, "{worker} has {share} of {fair}");
        }

        router.resize(size - 1).await.unwrap();
        assert_eq!(assignment(&router), before, "the keys of the others stay where they are");
        router.resize(size).await.unwrap();
        before = assignment(&router);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_reaches_all_and_waits_for_those_without_room() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let router = start(&system, &log, RouterSpec::new("pool").size(3).capacity(1)).await;
    let (message, is_here, go) = hold();
    router.workers()[1].send(message).await.unwrap();
    is_here.await.unwrap();
    router.workers()[1].send(Do::Note(1)).await.unwrap();

    let all = tokio::spawn({
        let router = router.clone();
        async move { router.broadcast(Do::Note(2)).await }
    });
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.take(), ["pool/1 2", "pool/3 2"], "one that is busy holds nobody up");
    assert!(!all.is_finished());
    go.send(()).unwrap();
    let reached = all.await.unwrap();
    assert_eq!((reached.delivered, reached.refused), (3, 0));
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.take(), ["pool/2 1", "pool/2 2"]);
}

#[tokio::test(start_paused = true)]
async fn broadcast_counts_refusals() {
    let system = ActorSystem::new("test");
    let spec = RouterSpec::new("pool").size(3).capacity(1).overflow(Overflow::Reject);
    let router = start(&system, &Log::default(), spec).await;
    router.workers()[0].try_send(Do::Note(1)).unwrap();
    let reached = router.broadcast(Do::Note(2)).await;
    assert_eq!((reached.delivered, reached.refused), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn full_worker_answers_by_its_overflow_policy() {
    let system = ActorSystem::new("test");
    let spec = RouterSpec::new("pool").size(2).capacity(1);
    let router = start(&system, &Log::default(), spec.overflow(Overflow::Reject)).await;
    router.try_send(Do::Note(1)).unwrap();
    router.try_send(Do::Note(2)).unwrap();
    assert!(matches!(router.try_send(Do::Note(3)), Err(SendError::Full(Do::Note(3)))));
    assert!(matches!(router.send(Do::Note(4)).await, Err(SendError::Full(Do::Note(4)))));
    assert!(matches!(router.request(Do::Who, SECOND).await, Err(RequestError::Full(Do::Who(_)))));
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_request_covers_the_wait_for_room() {
    let system = ActorSystem::new("test");
    let router = start(&system, &Log::default(), RouterSpec::new("pool").size(1).capacity(1)).await;
    let (message, is_here, go) = hold();
    router.send(message).await.unwrap();
    is_here.await.unwrap();
    router.send(Do::Note(1)).await.unwrap();
    let before = Instant::now();
    assert!(matches!(router.request(Do::Who, SECOND).await, Err(RequestError::TimedOut)));
    assert_eq!(before.elapsed(), SECOND);
    // Now there is room after half of the time, and no reply.
    let asking = tokio::spawn({
        let router = router.clone();
        async move {
            let before = Instant::now();
            let (here, _is_here) = tokio::sync::oneshot::channel();
            let answer = router.request(|reply| Do::Hang(here, reply), SECOND).await;
            (before.elapsed(), matches!(answer, Err(RequestError::TimedOut)))
        }
    });
    tokio::time::sleep(SECOND / 2).await;
    go.send(()).unwrap();
    assert_eq!(asking.await.unwrap(), (SECOND, true));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_a_worker_fails_on_is_answered_at_once() {
    let system = ActorSystem::new("test");
    let router = start(&system, &Log::default(), RouterSpec::new("pool").size(2)).await;
    let before = Instant::now();
    let answer = router.request(Do::FailOn, SECOND).await;
    assert!(matches!(answer, Err(RequestError::NoReply)));
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn invalid_configuration_is_refused() {
    let system = ActorSystem::new("test");
    let make = || Worker::new(&Log::default());
    let error = system.router(RouterSpec::new("pool").size(0), make).await.unwrap_err();
    assert_eq!(error.to_string(), "the router `pool` must have at least one worker");
    let error = system.router(RouterSpec::new("pool").size(1).capacity(0), make).await.unwrap_err();
    assert_eq!(error.to_string(), "the mailbox of `pool/1` must have room for at least one message");

    let other = system.spawn(ChildSpec::new("pool/2"), make).await.unwrap();
    let error = system.router(RouterSpec::new("pool").size(2), make).await.unwrap_err();
    assert!(matches!(error, RouterError::Start(_)));
    assert_eq!(error.to_string(), "the name `pool/2` is taken");
    assert!(system.whereis::<Do>("pool/1").is_none(), "nothing stays");
    other.stop();
    other.closed().await;
    let router = start(&system, &Log::default(), RouterSpec::new("pool").size(2)).await;
    assert_eq!(router.resize(0).await.unwrap_err().to_string(), error_text());
    assert_eq!(router.size(), 2);
    let error = system.router(RouterSpec::new("pool"), make).await.unwrap_err();
    assert_eq!(error.to_string(), "the name `pool` is taken");
}

fn error_text() -> &'static str {
    "the router `pool` must have at least one worker"
}

#[tokio::test(start_paused = true)]
async fn router_fails_to_start_if_a_worker_does() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let spec = RouterSpec::new("pool").size(3);
    let failing = log.clone();
    let error = system.router(spec.clone(), move || Worker::that_fails_as(&failing, "pool/2")).await;
    assert_eq!(error.unwrap_err().to_string(), "`pool/2` failed while it started");
    assert!(system.actors().is_empty());
    assert!(system.root().children().is_empty());
    // The name is free.
    let router = start(&system, &log, spec).await;
    assert_eq!(router.size(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_router_is_part_of_the_tree() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let above = system.supervise(airssys_rt::SupervisorSpec::new("above")).await.unwrap();
    let router = {
        let log = log.clone();
        above.router(RouterSpec::new("pool").size(2), move || Worker::new(&log)).await.unwrap()
    };
    assert_eq!(above.children()[0].name, "pool");
    assert_eq!(router.supervisor().children().len(), 2);
    let report = system.shutdown(SECOND).await;
    assert_eq!(report.stopped, ["pool/2", "pool/1"]);
    assert_eq!((router.size(), router.worker_by(1).is_none()), (0, true));
    assert!(matches!(router.send(Do::Note(1)).await, Err(SendError::Closed(Do::Note(1)))));
    let error = router.resize(3).await.unwrap_err();
    assert_eq!(error.to_string(), "`pool/3` cannot start: the actor system has stopped");
    assert_eq!(format!("{router:?}"), r#"Router("pool")"#);
}

#[tokio::test(start_paused = true)]
async fn cancelled_router_start_leaves_no_worker() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let starting = tokio::spawn({
        let (system, log) = (system.clone(), log.clone());
        let spec = RouterSpec::new("pool").size(3);
        async move { system.router(spec, move || Worker::that_hangs_as(&log, "pool/3")).await.map(drop) }
    });
    tokio::time::sleep(SECOND).await;
    assert!(system.whereis::<Do>("pool/1").is_some());
    starting.abort();
    // The worker that hangs has 5 s.
    tokio::time::sleep(6 * SECOND).await;
    assert!(system.actors().is_empty() && system.root().children().is_empty());
}
