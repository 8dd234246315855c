//! Pools that are resized under load: no message is lost, and workers that left get no messages.

use std::collections::HashMap;
use std::time::Duration;

use airssys_rt::{
    ActorSystem, RequestError, RestartPolicy, RestartStrategy, Router, RouterSpec, Routing, SendError,
    SupervisorConfig,
};

use crate::support::worker::{Do, Log, Worker, hold};

const SECOND: Duration = Duration::from_secs(1);

async fn start(system: &ActorSystem, log: &Log, spec: RouterSpec) -> Router<Do> {
    let log = log.clone();
    system.router(spec, move || Worker::new(&log)).await.unwrap()
}

fn names(router: &Router<Do>) -> Vec<String> {
    router.workers().iter().map(|worker| worker.name().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn numbers_are_not_used_again() {
    let system = ActorSystem::new("test");
    let router = start(&system, &Log::default(), RouterSpec::new("pool").size(3)).await;
    router.resize(1).await.unwrap();
    assert_eq!(names(&router), ["pool/1"]);
    assert!(system.whereis::<Do>("pool/2").is_none());
    router.resize(3).await.unwrap();
    assert_eq!(names(&router), ["pool/1", "pool/4", "pool/5"]);
    router.resize(3).await.unwrap();
    assert_eq!(names(&router), ["pool/1", "pool/4", "pool/5"]);
}

#[tokio::test(start_paused = true)]
async fn leaving_worker_handles_its_messages_and_gets_no_more() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let router = start(&system, &log, RouterSpec::new("pool").size(2).capacity(3)).await;
    let leaving = router.workers()[1].clone();
    let (message, is_here, go) = hold();
    leaving.send(message).await.unwrap();
    is_here.await.unwrap();
    for number in 1..=3 {
        leaving.send(Do::Note(number)).await.unwrap();
    }
    // This sender waits for room in the mailbox of the worker that leaves.
    let key = (0..).find(|key: &u32| router.worker_by(key).unwrap().id() == leaving.id()).unwrap();
    let waiting = tokio::spawn({
        let router = router.clone();
        async move { router.send_by(key, Do::Note(4)).await }
    });
    tokio::time::sleep(SECOND).await;
    let resizing = tokio::spawn({
        let router = router.clone();
        async move { router.resize(1).await }
    });
    waiting.await.unwrap().unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.take(), ["pool/1 4"], "its message went to another");
    assert!(!resizing.is_finished(), "it waits until the worker has ended");
    assert_eq!(names(&router), ["pool/1"]);
    for number in 5..=7 {
        router.send_by(key, Do::Note(number)).await.unwrap();
    }
    go.send(()).unwrap();
    resizing.await.unwrap().unwrap();
    assert!(leaving.is_closed());
    assert_eq!((leaving.stats().dropped, leaving.stats().handled), (0, 4));
    let mut handled = log.take();
    handled.sort();
    assert_eq!(handled, ["pool/1 5", "pool/1 6", "pool/1 7", "pool/2 1", "pool/2 2", "pool/2 3"]);
}

#[tokio::test(start_paused = true)]
async fn leaving_worker_that_fails_goes_on_draining() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let router = start(&system, &log, RouterSpec::new("pool").size(2)).await;
    let leaving = router.workers()[1].clone();
    for message in [Do::Note(1), Do::Fail, Do::Note(2), Do::Panic, Do::Note(3)] {
        leaving.try_send(message).unwrap();
    }
    router.resize(1).await.unwrap();
    assert_eq!(log.all(), ["pool/2 1", "pool/2 2", "pool/2 3"]);
    assert_eq!(leaving.stats().restarts, 2);
}

/// Four senders and a pool whose size changes all the time: each message is handled once, and the
/// messages of one sender to one worker are handled in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_reordered_while_the_size_changes() {
    const EACH: u64 = 2_000;
    for routing in [Routing::RoundRobin, Routing::LeastLoaded] {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let spec = RouterSpec::new("pool").size(4).capacity(8).routing(routing);
        let router = start(&system, &log, spec).await;
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let router = router.clone();
                tokio::spawn(async move {
                    for number in (0..EACH).map(|number| sender * EACH + number) {
                        if number % 50 == 0 {
                            tokio::task::yield_now().await;
                        }
                        match number % 3 {
                            0 => router.send_by(number % 16, Do::Note(number)).await.unwrap(),
                            _ => router.send(Do::Note(number)).await.unwrap(),
                        }
                    }
                })
            })
            .collect();
        let mut sizes = [1, 6, 2, 4].into_iter().cycle();
        while !senders.iter().all(tokio::task::JoinHandle::is_finished) {
            let size = sizes.next().unwrap();
            router.resize(size).await.unwrap();
            assert_eq!(router.size(), size);
        }
        for sender in senders {
            sender.await.unwrap();
        }
        router.resize(1).await.unwrap();
        router.request(Do::Who, 10 * SECOND).await.unwrap();

        let mut last = HashMap::new();
        let mut handled = Vec::new();
        for line in log.take() {
            let (worker, number) = line.split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            let before = last.insert((worker.to_owned(), number / EACH), number);
            assert!(before.is_none_or(|before| before < number), "{worker}: {before:?}, then {number}");
            handled.push(number);
        }
        handled.sort_unstable();
        assert!(handled.iter().copied().eq(0..4 * EACH), "{} of {}", handled.len(), 4 * EACH);
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_resize_leaves_the_pool_consistent() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let hanging = log.clone();
    let make = move || Worker::that_hangs_as(&hanging, "pool/4");
    let router = system.router(RouterSpec::new("pool").size(2), make).await.unwrap();
    let given_up = tokio::time::timeout(SECOND, router.resize(4)).await;
    assert!(given_up.is_err());
    assert_eq!(names(&router), ["pool/1", "pool/2"]);
    tokio::time::sleep(6 * SECOND).await;
    assert_eq!(router.supervisor().children().len(), 2, "the new ones are stopped");

    let (message, is_here, go) = hold();
    let leaving = router.workers()[1].clone();
    leaving.send(message).await.unwrap();
    is_here.await.unwrap();
    leaving.send(Do::Note(1)).await.unwrap();
    assert!(tokio::time::timeout(SECOND, router.resize(1)).await.is_err());
    assert_eq!(names(&router), ["pool/1"]);
    go.send(()).unwrap();
    leaving.closed().await;
    assert_eq!(log.take(), ["pool/2 1"], "it goes on leaving");
    router.resize(2).await.unwrap();
    assert_eq!(names(&router), ["pool/1", "pool/5"]);
}

#[tokio::test(start_paused = true)]
async fn failed_start_adds_no_worker() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let make = move || Worker::that_fails_as(&log, "pool/3");
    let router = system.router(RouterSpec::new("pool").size(1), make).await.unwrap();
    let error = router.resize(4).await.unwrap_err();
    assert_eq!(error.to_string(), "`pool/3` failed while it started");
    assert_eq!(names(&router), ["pool/1"]);
    tokio::time::sleep(SECOND).await;
    assert_eq!(router.supervisor().children().len(), 1);
    router.resize(2).await.unwrap();
    assert_eq!(names(&router), ["pool/1", "pool/5"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_restarted_keeps_its_place_and_its_messages() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let config = SupervisorConfig {
        restart_strategy: RestartStrategy::Fixed { delay: SECOND },
        ..SupervisorConfig::default()
    };
    let router = start(&system, &log, RouterSpec::new("pool").size(2).supervisor(config)).await;
    let before: Vec<_> = (0..100).map(|key: u32| router.worker_by(key).unwrap().id()).collect();
    router.workers()[1].send(Do::Fail).await.unwrap();
    tokio::time::sleep(SECOND / 2).await;
    for number in 1..=4 {
        router.send(Do::Note(number)).await.unwrap();
    }
    let during: Vec<_> = (0..100).map(|key: u32| router.worker_by(key).unwrap().id()).collect();
    assert_eq!((router.size(), during), (2, before));
    tokio::time::sleep(SECOND / 4).await;
    assert_eq!(log.take(), ["pool/1 1", "pool/1 3"]);
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.take(), ["pool/2 2", "pool/2 4"]);
}

#[tokio::test(start_paused = true)]
async fn workers_that_fail_too_often_all_restart_with_their_messages() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let config = SupervisorConfig { max_restarts: 0, ..SupervisorConfig::default() };
    let router = start(&system, &log, RouterSpec::new("pool").size(2).supervisor(config)).await;
    let workers = router.workers();
    let (message, is_here, _go) = hold();
    workers[0].send(message).await.unwrap();
    is_here.await.unwrap();
    workers[0].send(Do::Note(1)).await.unwrap();
    workers[1].send(Do::Fail).await.unwrap();
    workers[1].send(Do::Note(2)).await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    let mut handled = log.take();
    handled.sort();
    assert_eq!(handled, ["pool/1 1", "pool/2 2"]);
    assert_eq!(names(&router), ["pool/1", "pool/2"]);
    assert!(!system.is_failing());
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_ends_for_good_leaves_the_pool() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let cases: [(RestartPolicy, fn() -> Do); 3] = [
        (RestartPolicy::Transient, || Do::Stop),
        (RestartPolicy::Temporary, || Do::Stop),
        (RestartPolicy::Temporary, || Do::Panic),
    ];
    for (index, (policy, end)) in cases.into_iter().enumerate() {
        let spec = RouterSpec::new(format!("pool {index}")).size(3).restart(policy);
        let router = start(&system, &log, spec).await;
        let before: Vec<_> = (0..100).map(|key: u32| router.worker_by(key).unwrap().id()).collect();
        let ended = router.workers()[1].clone();
        ended.send(end()).await.unwrap();
        ended.closed().await;
        assert_eq!(router.size(), 2);
        // Every way to send finds the ended worker, and no message is lost.
        for number in 0..6 {
            router.send(Do::Note(number)).await.unwrap();
            router.try_send(Do::Note(number)).unwrap();
            router.request(Do::Who, SECOND).await.unwrap();
        }
        assert_eq!(log.take().len(), 12);
        let after: Vec<_> = (0..100).map(|key: u32| router.worker_by(key).unwrap().id()).collect();
        let stayed = |(before, after): (&u64, &u64)| *before == ended.id() || before == after;
        assert!(before.iter().zip(&after).all(stayed), "the keys of the others stay");
        assert_eq!(router.broadcast(Do::Note(9)).await.delivered, 2);
        router.resize(3).await.unwrap();
        assert_eq!(router.size(), 3);
        log.take();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_workers_hands_messages_back() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let router = start(&system, &log, RouterSpec::new("pool").size(2)).await;
    for worker in router.workers() {
        worker.stop();
        worker.closed().await;
    }
    assert_eq!(router.size(), 0);
    assert!(matches!(router.send(Do::Note(1)).await, Err(SendError::Closed(Do::Note(1)))));
    assert!(matches!(router.try_send(Do::Note(2)), Err(SendError::Closed(Do::Note(2)))));
    assert!(matches!(router.request(Do::Who, SECOND).await, Err(RequestError::Closed(Do::Who(_)))));
    assert!(router.worker_by("key").is_none());
    assert_eq!(router.broadcast(Do::Note(3)).await.delivered, 0);
    router.resize(1).await.unwrap();
    assert_eq!(router.request(Do::Who, SECOND).await.unwrap(), "pool/3");
    router.supervisor().stop();
    router.supervisor().closed().await;
    assert_eq!(router.size(), 0);
    let error = router.resize(1).await.unwrap_err();
    assert_eq!(error.to_string(), "`pool/4` cannot start: its supervisor is stopping");
}
