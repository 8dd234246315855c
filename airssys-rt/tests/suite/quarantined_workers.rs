//! Pools with workers that are quarantined.

use std::time::Duration;

use airssys_rt::{
    ActorRef, ActorState, ActorSystem, ExitReason, LimitScope, OnLimit, RequestError, RestartStrategy,
    Router, RouterSpec, Routing, SendError, SupervisorConfig,
};
use futures_util::FutureExt;

use crate::support::worker::{Do, Log, Worker, hold};

const SECOND: Duration = Duration::from_secs(1);

fn config(limit_scope: LimitScope) -> SupervisorConfig {
    SupervisorConfig {
        max_restarts: 1,
        limit_scope,
        on_limit: OnLimit::Quarantine,
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    }
}

/// A pool whose workers are quarantined alone.
async fn start(system: &ActorSystem, log: &Log, spec: RouterSpec) -> Router<Do> {
    let log = log.clone();
    let spec = spec.supervisor(config(LimitScope::PerChild));
    system.router(spec, move || Worker::new(&log)).await.unwrap()
}

/// Has a worker fail until it is quarantined.
async fn quarantine(worker: &ActorRef<Do>) {
    for _ in 0..2 {
        worker.kill();
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(worker.stats().state, ActorState::Quarantined);
}

async fn who(router: &Router<Do>, times: usize) -> Vec<String> {
    let mut asked = Vec::new();
    for _ in 0..times {
        asked.push(router.request(Do::Who, SECOND).await.unwrap());
    }
    asked
}

#[tokio::test(start_paused = true)]
async fn others_take_the_turns_of_a_quarantined_worker_evenly() {
    for routing in [Routing::RoundRobin, Routing::LeastLoaded] {
        let system = ActorSystem::new("test");
        let spec = RouterSpec::new("pool").size(3).routing(routing);
        let router = start(&system, &Log::default(), spec).await;
        let worker = router.workers()[1].clone();
        quarantine(&worker).await;
        let asked = who(&router, 60).await;
        let of = |name: &str| asked.iter().filter(|asked| *asked == name).count();
        assert_eq!(of("pool/2"), 0, "{routing:?}");
        assert!(of("pool/1") >= 20 && of("pool/3") >= 20, "{routing:?}: {asked:?}");
        if routing == Routing::RoundRobin {
            assert_eq!((of("pool/1"), of("pool/3")), (30, 30));
        }
        assert_eq!(router.size(), 3, "it keeps its place");
        assert!(worker.resume());
        assert!(who(&router, 3).await.contains(&"pool/2".to_owned()), "{routing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_quarantined_worker_move_until_it_is_resumed() {
    let system = ActorSystem::new("test");
    let router = start(&system, &Log::default(), RouterSpec::new("pool").size(3)).await;
    let of = |key: u32| router.worker_by(key).unwrap().name().to_owned();
    let before: Vec<_> = (0..32).map(of).collect();
    let worker = router.workers()[1].clone();
    quarantine(&worker).await;
    for (key, before) in (0..32).zip(&before) {
        let now = of(key);
        match before.as_str() {
            "pool/2" => assert_ne!(now, "pool/2"),
            stays => assert_eq!(now, stays),
        }
        assert_eq!(router.request_by(key, Do::Who, SECOND).await.unwrap(), now);
    }
    assert!(worker.resume());
    assert_eq!((0..32).map(of).collect::<Vec<_>>(), before);
}

#[tokio::test(start_paused = true)]
async fn pool_whose_workers_are_all_quarantined_refuses_messages() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let router = start(&system, &log, RouterSpec::new("pool").size(3)).await;
    let workers = router.workers();
    for worker in &workers {
        quarantine(worker).await;
    }
    workers[2].stop();
    workers[2].closed().await;
    assert!(matches!(router.send(Do::Note(1)).await, Err(SendError::Quarantined(Do::Note(1)))));
    assert!(matches!(router.try_send(Do::Note(2)), Err(SendError::Quarantined(Do::Note(2)))));
    assert!(matches!(router.send_by(1, Do::Note(3)).await, Err(SendError::Quarantined(_))));
    assert!(matches!(router.request(Do::Who, SECOND).await, Err(RequestError::Quarantined(_))));
    assert!(router.worker_by(1).is_none());
    let sent = router.broadcast(Do::Note(4)).await;
    assert_eq!((sent.delivered, sent.refused, sent.quarantined), (0, 0, 2));

    assert!(workers[1].resume());
    router.send(Do::Note(5)).await.unwrap();
    let sent = router.broadcast(Do::Note(6)).await;
    assert_eq!((sent.delivered, sent.refused, sent.quarantined), (1, 0, 1));
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.all(), ["pool/2 5", "pool/2 6"]);

    workers.iter().for_each(ActorRef::stop);
    workers[0].closed().await;
    workers[1].closed().await;
    assert!(matches!(router.send(Do::Note(7)).await, Err(SendError::Closed(Do::Note(7)))));
}

/// Messages that are in the mailbox stay there; those whose senders wait for room do not.
#[tokio::test(start_paused = true)]
async fn sender_that_waits_at_a_worker_leaves_it_when_it_is_quarantined() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let router = start(&system, &log, RouterSpec::new("pool").size(2).capacity(1)).await;
    let worker = router.workers()[1].clone();
    let key = (0..).find(|key: &u32| router.worker_by(key).unwrap() == worker).unwrap();
    worker.kill();
    tokio::time::sleep(SECOND).await;
    let (message, is_here, _go) = hold();
    worker.send(message).await.unwrap();
    is_here.await.unwrap();
    worker.send(Do::Note(1)).await.unwrap();
    let mut sends = Box::pin(router.send_by(key, Do::Note(2)));
    let mut asks = Box::pin(router.request_by(key, Do::Who, 60 * SECOND));
    let mut tells_all = Box::pin(router.broadcast(Do::Note(3)));
    assert!((&mut sends).now_or_never().is_none());
    assert!((&mut asks).now_or_never().is_none());
    assert!((&mut tells_all).now_or_never().is_none());
    worker.kill();
    sends.await.unwrap();
    assert_eq!(asks.await.unwrap(), "pool/1");
    let sent = tells_all.await;
    assert_eq!((sent.delivered, sent.refused, sent.quarantined), (1, 0, 1));
    assert_eq!((worker.stats().state, worker.depth()), (ActorState::Quarantined, 1));
    assert_eq!(log.take(), ["pool/1 3", "pool/1 2"]);
    assert!(worker.resume());
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.all(), ["pool/2 1"]);
}

#[tokio::test(start_paused = true)]
async fn pool_that_is_quarantined_with_its_supervisor_refuses_messages() {
    let system = ActorSystem::builder("test").supervisor(config(LimitScope::PerChild)).build();
    let log = Log::default();
    let own = log.clone();
    let spec = RouterSpec::new("pool").size(2).capacity(1);
    let escalates = SupervisorConfig { on_limit: OnLimit::Escalate, ..config(LimitScope::Shared) };
    let router = system.router(spec.supervisor(escalates), move || Worker::new(&own)).await.unwrap();
    let worker = router.workers()[0].clone();
    for _ in 0..3 {
        worker.kill();
        tokio::time::sleep(SECOND).await;
    }
    let (message, is_here, _go) = hold();
    worker.send(message).await.unwrap();
    is_here.await.unwrap();
    worker.send(Do::Note(1)).await.unwrap();
    let key = (0..).find(|key: &u32| router.worker_by(key).unwrap() == worker).unwrap();
    let mut waits = Box::pin(router.send_by(key, Do::Note(2)));
    assert!((&mut waits).now_or_never().is_none());
    worker.kill();
    assert!(matches!(waits.await, Err(SendError::Quarantined(Do::Note(2)))));
    assert!(matches!(router.try_send(Do::Note(3)), Err(SendError::Quarantined(Do::Note(3)))));
    assert!(router.supervisor().resume());
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.take(), ["pool/1 1"]);
    router.send_by(key, Do::Note(4)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.take(), ["pool/1 4"]);
}

#[tokio::test(start_paused = true)]
async fn resize_removes_quarantined_workers_that_leave_and_keeps_the_others() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let router = start(&system, &log, RouterSpec::new("pool").size(4)).await;
    let workers = router.workers();
    for worker in [&workers[0], &workers[3]] {
        worker.kill();
        tokio::time::sleep(SECOND).await;
        let (message, is_here, _go) = hold();
        worker.send(message).await.unwrap();
        is_here.await.unwrap();
        worker.send(Do::Note(1)).await.unwrap();
        worker.kill();
        tokio::time::sleep(SECOND).await;
        assert_eq!((worker.stats().state, worker.depth()), (ActorState::Quarantined, 1));
    }
    router.resize(2).await.unwrap();
    assert!(matches!(workers[3].closed().now_or_never(), Some(ExitReason::Shutdown)));
    assert_eq!(workers[3].stats().dropped, 1, "its message is a dead letter");
    assert!(system.whereis::<Do>("pool/4").is_none());
    assert_eq!(router.size(), 2, "a quarantined worker counts");
    assert_eq!(who(&router, 4).await, ["pool/2"; 4]);

    router.resize(3).await.unwrap();
    assert!(!who(&router, 6).await.contains(&"pool/1".to_owned()));
    router.resize(1).await.unwrap();
    assert!(matches!(router.try_send(Do::Note(2)), Err(SendError::Quarantined(Do::Note(2)))));
    assert_eq!(log.take(), [""; 0]);
    assert!(workers[0].resume());
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.take(), ["pool/1 1"], "it kept its mailbox");
    router.resize(3).await.unwrap();
    assert_eq!(who(&router, 3).await.len(), 3);
    let names: Vec<_> = router.workers().iter().map(|worker| worker.name().to_owned()).collect();
    assert_eq!(names, ["pool/1", "pool/6", "pool/7"]);
}
