//! The end of trees: in order and in time, against everything in flight, and without leftovers.

use airssys_rt::{
    ActorState, ActorSystem, ChildSpec, ExitReason, RestartPolicy, RestartStrategy, Shutdown,
    SupervisionStrategy, SupervisorConfig, SupervisorSpec,
};
use tokio::time::Instant;

use crate::support::blocks::{Blocks, block};
use crate::support::probe::Log;
use crate::support::tasks::tasks;
use crate::support::tree::{Leaf, SECOND, Say, ask, config, hang, leaf, leaf_with, moves, supervise};

use SupervisionStrategy::{OneForAll, OneForOne, RestForOne};

#[tokio::test(start_paused = true)]
async fn trees_stop_in_depth_in_reverse_order() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    leaf(system.root(), &log, "a").await;
    let one = supervise(system.root(), "one", OneForOne).await;
    leaf(&one, &log, "b").await;
    let inner = supervise(&one, "inner", OneForAll).await;
    leaf(&inner, &log, "c").await;
    leaf(&inner, &log, "d").await;
    leaf(&one, &log, "e").await;
    let pool = system.supervise(SupervisorSpec::new("pool").dynamic()).await.unwrap();
    leaf(&pool, &log, "f").await;
    leaf(system.root(), &log, "g").await;
    let report = system.shutdown(SECOND).await;
    assert_eq!(report.stopped, ["g", "f", "e", "d", "c", "b", "a"]);
    assert_eq!(moves(&log)[7..], ["-g", "-f", "-e", "-d", "-c", "-b", "-a"]);
    for supervisor in [one, inner, pool] {
        assert!(matches!(supervisor.closed().await, ExitReason::Shutdown));
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_holds_for_the_whole_tree() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    leaf(system.root(), &log, "first").await;
    let one = supervise(system.root(), "one", OneForOne).await;
    leaf(&one, &log, "a").await;
    let inner = supervise(&one, "inner", OneForOne).await;
    leaf(&inner, &log, "b").await;
    let stuck = leaf_with(&inner, &log, ChildSpec::new("stuck").shutdown(Shutdown::Unbounded), |_| {}).await;
    leaf(&inner, &log, "c").await;
    let slow = |leaf: &mut Leaf| leaf.slow_stop = SECOND / 1000;
    leaf_with(&one, &log, ChildSpec::new("slow"), slow).await;
    hang(&stuck).await;
    let before = Instant::now();
    let report = system.shutdown(SECOND).await;
    assert!(before.elapsed() <= SECOND, "{:?}", before.elapsed());
    assert_eq!(report.late, ["stuck"]);
    let mut stopped = report.stopped;
    assert_eq!(stopped[..2], ["slow", "c"], "in order, as long as there is time");
    stopped.sort();
    assert_eq!(stopped, ["a", "b", "c", "first", "slow"]);
    assert!(matches!(stuck.closed().await, ExitReason::Killed));
    assert_eq!(log.only("dropped").len(), 6);
}

#[tokio::test(start_paused = true)]
async fn hanging_restart_does_not_delay_a_shutdown() {
    for strategy in [OneForOne, OneForAll, RestForOne] {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let supervisor = supervise(system.root(), "supervisor", strategy).await;
        leaf(&supervisor, &log, "a").await;
        let spec = ChildSpec::new("hangs").shutdown(2 * SECOND);
        let hangs = leaf_with(&supervisor, &log, spec, |leaf| leaf.hangs = &[1]).await;
        let last = leaf(&supervisor, &log, "last").await;
        hangs.send(Say::Fail).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(log.only("hangs "), ["hangs hangs"]);
        last.try_send(Say::Note(1)).unwrap();
        let before = Instant::now();
        let report = system.shutdown(60 * SECOND).await;
        assert_eq!(before.elapsed(), 2 * SECOND, "its own time");
        assert_eq!((report.stopped, report.late), (vec!["last".into(), "a".into()], vec!["hangs".into()]));
        assert!(matches!(last.closed().await, ExitReason::Shutdown));
        assert_eq!(
            log.all().iter().filter(|line| line.starts_with("dropped")).count(),
            log.only("+").len() + 1
        );
    }
}

#[tokio::test(start_paused = true)]
async fn long_restart_delay_does_not_delay_a_shutdown() {
    let hour = RestartStrategy::Fixed { delay: 3600 * SECOND };
    for strategy in [OneForOne, OneForAll, RestForOne] {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let config = SupervisorConfig { restart_strategy: hour, ..config(strategy) };
        let supervisor = system.supervise(SupervisorSpec::new("supervisor").config(config)).await.unwrap();
        let a = leaf(&supervisor, &log, "a").await;
        let b = leaf(&supervisor, &log, "b").await;
        a.send(Say::Fail).await.unwrap();
        tokio::time::sleep(SECOND).await;
        let before = Instant::now();
        assert_eq!(system.shutdown(60 * SECOND).await.stopped, ["b", "a"]);
        assert_eq!(before.elapsed(), std::time::Duration::ZERO);
        assert!(matches!(b.closed().await, ExitReason::Shutdown));
        assert!(a.is_closed());
    }
}

#[tokio::test(start_paused = true)]
async fn actor_waiting_for_its_restart_can_be_stopped() {
    let hour = RestartStrategy::Fixed { delay: 3600 * SECOND };
    let config = SupervisorConfig { restart_strategy: hour, ..config(OneForOne) };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let log = Log::default();
    let before = Instant::now();
    for policy in [RestartPolicy::Transient, RestartPolicy::Permanent] {
        let actor = leaf_with(system.root(), &log, ChildSpec::new("a").restart(policy), |_| {}).await;
        actor.send(Say::Fail).await.unwrap();
        tokio::time::sleep(SECOND).await;
        actor.restart();
        tokio::time::sleep(SECOND).await;
        assert_eq!(actor.stats().state, ActorState::Restarting, "its delay holds");
        actor.stop();
        assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    }
    assert_eq!(before.elapsed(), 4 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn shutdown_shortens_a_stop_in_flight() {
    let system = ActorSystem::builder("test")
        .supervisor(SupervisorConfig { max_restarts: 0, ..config(OneForOne) })
        .build();
    let log = Log::default();
    let stuck = leaf_with(system.root(), &log, ChildSpec::new("stuck").shutdown(Shutdown::Unbounded), |_| {});
    let stuck = stuck.await;
    hang(&stuck).await;
    let fails = leaf(system.root(), &log, "fails").await;
    fails.send(Say::Fail).await.unwrap();
    fails.closed().await;
    assert!(system.is_failing());
    let before = Instant::now();
    let report = system.shutdown(SECOND).await;
    assert!(before.elapsed() <= SECOND);
    assert_eq!(report.late, ["stuck"]);
    assert_eq!(system.failed().await.child, "fails");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn group_restart_waits_for_a_blocked_child_but_a_shutdown_does_not() {
    for ends in [true, false] {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let supervisor = supervise(system.root(), "supervisor", OneForAll).await;
        let spec = ChildSpec::new("blocks").shutdown(SECOND / 100);
        let blocks = supervisor.spawn(spec, || Blocks).await.unwrap();
        let a = leaf(&supervisor, &log, "a").await;
        let go = block(&blocks).await;
        a.send(Say::Fail).await.unwrap();
        if ends {
            let report = system.shutdown(60 * SECOND).await;
            assert_eq!((report.stopped, report.late), (vec!["a".into()], vec!["blocks".into()]));
            assert!(matches!(blocks.closed().await, ExitReason::Killed));
            assert_eq!(log.only("+"), ["+a"]);
            go.send(()).unwrap();
        } else {
            go.send(()).unwrap();
            assert_eq!(ask(&a).await, 1);
            assert_eq!(blocks.stats().restarts, 1);
            system.shutdown(10 * SECOND).await;
        }
    }
}

/// A tree with restarts, kills and ends in flight, which is then shut down.
async fn grow_and_shut_down() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let one = supervise(system.root(), "one", OneForAll).await;
    let pool = one.supervise(SupervisorSpec::unnamed().dynamic()).await.unwrap();
    let mut actors = Vec::new();
    for supervisor in [system.root(), &one, &pool] {
        for _ in 0..5 {
            actors.push(leaf_with(supervisor, &log, ChildSpec::unnamed(), |_| {}).await);
        }
    }
    let stuck = leaf_with(&pool, &log, ChildSpec::new("stuck").shutdown(Shutdown::Kill), |_| {}).await;
    hang(&stuck).await;
    actors[6].send(Say::Fail).await.unwrap();
    actors[1].kill();
    actors[2].stop();
    actors[11].stop();
    if one.spawn(ChildSpec::new("x"), || -> Leaf { panic!("no parts") }).await.is_ok() {
        panic!("it cannot start");
    }
    system.shutdown(60 * SECOND).await;
    assert!(actors.iter().all(|actor| actor.is_closed()));
    assert!(system.actors().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_task_is_left_behind() {
    grow_and_shut_down().await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_task_is_left_behind_by_several_threads() {
    for _ in 0..30 {
        grow_and_shut_down().await;
        // A joined task is counted until its worker has removed it.
        let none_left = async {
            while tasks() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(30 * SECOND, none_left).await.unwrap();
    }
}

/// Tasks that are dropped with their runtime report nothing, and start nothing.
#[test]
fn a_runtime_can_be_dropped_with_all_its_actors() {
    for workers in [0, 2] {
        let runtime = match workers {
            0 => tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
            _ => tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap(),
        };
        let log = Log::default();
        let (system, actors) = runtime.block_on(async {
            let unlimited = |strategy| SupervisorConfig { max_restarts: u32::MAX, ..config(strategy) };
            let system = ActorSystem::builder("test").supervisor(unlimited(OneForOne)).build();
            let one =
                system.supervise(SupervisorSpec::new("one").config(unlimited(OneForAll))).await.unwrap();
            let actors = [leaf(system.root(), &log, "a").await, leaf(&one, &log, "b").await];
            (system, actors)
        });
        drop(runtime);
        assert!(actors.iter().all(|actor| actor.is_closed()));
        assert_eq!(log.only("dropped").len(), 2);
        drop(system);
    }
}
