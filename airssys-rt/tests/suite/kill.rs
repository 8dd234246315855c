//! Actors that are killed: no last hook, and the supervisor's decision.

use airssys_rt::{
    ActorState, ActorSystem, ChildSpec, ExitReason, RestartPolicy, RestartStrategy, Shutdown,
    SupervisionStrategy, SupervisorConfig, testing,
};
use tokio::time::Instant;

use crate::support::probe::Log;
use crate::support::tree::{Leaf, SECOND, Say, ask, config, hang, leaf, leaf_with, moves, supervise};

use SupervisionStrategy::{OneForAll, OneForOne};

#[tokio::test(start_paused = true)]
async fn killed_actor_is_restarted_by_its_policy() {
    for (policy, restarted) in [
        (RestartPolicy::Permanent, true),
        (RestartPolicy::Transient, true),
        (RestartPolicy::Temporary, false),
    ] {
        for hangs in [true, false] {
            let system = ActorSystem::builder("test").supervisor(config(OneForOne)).build();
            let log = Log::default();
            let actor = leaf_with(system.root(), &log, ChildSpec::new("a").restart(policy), |_| {}).await;
            if hangs {
                hang(&actor).await;
            }
            actor.kill();
            if restarted {
                tokio::time::sleep(SECOND).await;
                actor.send(Say::Note(1)).await.unwrap();
                assert_eq!(ask(&actor).await, 1);
                assert_eq!(log.all(), ["+a", "dropped a", "+a", "a 1"]);
                assert_eq!(actor.stats().failed, u64::from(hangs));
            } else {
                assert!(matches!(actor.closed().await, ExitReason::Killed));
                assert_eq!(log.all(), ["+a", "dropped a"]);
                assert!(system.whereis::<Say>("a").is_none());
                actor.kill();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_behind_a_kill_are_handled_by_the_next_incarnation() {
    let system = ActorSystem::builder("test").supervisor(config(OneForOne)).build();
    let log = Log::default();
    let actor = leaf(system.root(), &log, "a").await;
    for incarnation in 1..=3 {
        hang(&actor).await;
        for number in 0..3 {
            actor.send(Say::Note(number)).await.unwrap();
        }
        actor.kill();
        assert_eq!(ask(&actor).await, incarnation);
    }
    assert_eq!(log.only("a ").len(), 9);
    let stats = actor.stats();
    assert_eq!((stats.failed, stats.dropped, stats.depth), (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_kill_takes_the_group_along_and_waits_for_its_delay() {
    let delay = RestartStrategy::Fixed { delay: SECOND };
    let system = ActorSystem::new("test");
    let log = Log::default();
    let spec = airssys_rt::SupervisorSpec::new("supervisor");
    let one_for_one = SupervisorConfig { restart_strategy: delay, ..config(OneForOne) };
    let config = SupervisorConfig { restart_strategy: delay, ..config(OneForAll) };
    let supervisor = system.supervise(spec.config(config)).await.unwrap();
    let (a, b) = (leaf(&supervisor, &log, "a").await, leaf(&supervisor, &log, "b").await);
    let before = Instant::now();
    a.kill();
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(a.stats().state, ActorState::Restarting);
    assert_eq!((ask(&a).await, ask(&b).await), (1, 1));
    assert_eq!(before.elapsed(), SECOND);
    assert_eq!(moves(&log)[2..], ["-b", "+a", "+b"]);

    let system = ActorSystem::builder("test").supervisor(one_for_one).build();
    let alone = leaf(system.root(), &log, "alone").await;
    let before = Instant::now();
    alone.kill();
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(ask(&alone).await, 1);
    assert_eq!(before.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn kills_count_as_restarts() {
    let config = SupervisorConfig { max_restarts: 2, ..config(OneForOne) };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let log = Log::default();
    let actor = leaf(system.root(), &log, "a").await;
    for incarnation in 1..=2 {
        actor.kill();
        tokio::time::sleep(SECOND / 10).await;
        assert_eq!(ask(&actor).await, incarnation);
    }
    actor.kill();
    assert!(matches!(system.failed().await.reason, ExitReason::Killed));
}

#[tokio::test(start_paused = true)]
async fn a_start_can_be_killed() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let prepared = system.prepare::<Say>(ChildSpec::new("a")).unwrap();
    let actor = prepared.actor_ref();
    actor.kill();
    let make = move || {
        let mut leaf = Leaf::new(&log, "a");
        leaf.hangs = &[0];
        leaf
    };
    let kill = async {
        tokio::time::sleep(SECOND).await;
        actor.kill();
    };
    let (started, ()) = tokio::join!(system.start(prepared, make), kill);
    let error = started.unwrap_err();
    assert!(matches!(error, airssys_rt::StartError::Failed { reason: ExitReason::Killed, .. }));
    assert!(system.root().children().is_empty());
}

/// Kills, failures and stops on several threads: in any state, the actors go on or end, and the
/// shutdown returns.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn kills_from_all_sides_do_no_harm() {
    for strategy in [OneForOne, OneForAll] {
        let system = ActorSystem::new("test");
        let config = SupervisorConfig { max_restarts: u32::MAX, ..config(strategy) };
        let spec = airssys_rt::SupervisorSpec::new("supervisor").config(config);
        let supervisor = system.supervise(spec).await.unwrap();
        let log = Log::default();
        let mut actors = Vec::new();
        for name in ["a", "b", "c"] {
            actors.push(leaf(&supervisor, &log, name).await);
        }
        let mut tasks = tokio::task::JoinSet::new();
        for actor in &actors {
            for number in 0..2 {
                let actor = actor.clone();
                tasks.spawn(async move {
                    for _ in 0..200 {
                        if number == 0 {
                            actor.kill();
                        } else {
                            let _ = actor.try_send(Say::Fail);
                        }
                        tokio::task::yield_now().await;
                    }
                });
            }
        }
        tasks.join_all().await;
        for actor in &actors {
            // One more kill may have been in flight.
            while actor.request(Say::Ask, SECOND).await.is_err() {}
        }
        supervise(system.root(), "another", OneForOne).await;
        let report = system.shutdown(10 * SECOND).await;
        assert_eq!((report.stopped, report.late), (vec!["c".into(), "b".into(), "a".into()], vec![]));
    }
}

/// The next incarnation is starting when the group is told to stop: it stops, and starts again with
/// the others.
#[test]
fn a_stop_of_the_group_between_two_incarnations_counts() {
    testing::explore(0..200, async || {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let group = supervise(system.root(), "group", OneForAll).await;
        let fails = leaf(&group, &log, "fails").await;
        let pool = supervise(&group, "pool", OneForOne).await;
        let spec = ChildSpec::new("killed").shutdown(Shutdown::Unbounded);
        let killed = leaf_with(&pool, &log, spec, |_| {}).await;
        fails.send(Say::Fail).await.unwrap();
        for _ in 0..fastrand::u32(..10) {
            tokio::task::yield_now().await;
        }
        killed.kill();
        assert_eq!(ask(&fails).await, 1);
        ask(&killed).await;
    });
}
