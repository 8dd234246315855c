//! Supervision strategies: the children that restart together, and their order.

use airssys_rt::{
    ActorRef, ActorState, ActorSystem, ChildSpec, ExitReason, RestartPolicy, RestartStrategy,
    SupervisionStrategy, SupervisorConfig, SupervisorRef, SupervisorSpec,
};
use tokio::time::Instant;

use crate::support::probe::Log;
use crate::support::tree::{Leaf, SECOND, Say, ask, config, hang, leaf, leaf_with, moves, names, supervise};

use SupervisionStrategy::{OneForAll, OneForOne, RestForOne};

#[tokio::test(start_paused = true)]
async fn each_strategy_restarts_its_group_in_order() {
    let table: [(SupervisionStrategy, &[&str], [u64; 4]); 3] = [
        (OneForOne, &["-b", "+b"], [0, 1, 0, 0]),
        (OneForAll, &["-b", "-d", "-c", "-a", "+a", "+b", "+c", "+d"], [1, 1, 1, 1]),
        (RestForOne, &["-b", "-d", "-c", "+b", "+c", "+d"], [0, 1, 1, 1]),
    ];
    for (strategy, expected, incarnations) in table {
        for crash in [Say::Fail, Say::Panic, Say::Stop] {
            let system = ActorSystem::new("test");
            let log = Log::default();
            let supervisor = supervise(system.root(), "supervisor", strategy).await;
            let mut leaves = Vec::new();
            for name in ["a", "b", "c", "d"] {
                leaves.push(leaf(&supervisor, &log, name).await);
            }
            assert_eq!(moves(&log), ["+a", "+b", "+c", "+d"]);
            leaves[1].send(crash).await.unwrap();
            for (leaf, incarnation) in leaves.iter().zip(incarnations) {
                tokio::time::sleep(SECOND).await;
                assert_eq!(ask(leaf).await, incarnation, "{strategy:?} {}", leaf.name());
            }
            assert_eq!(moves(&log)[4..], *expected, "{strategy:?}");
            assert_eq!(names(&supervisor), ["a", "b", "c", "d"]);
        }
    }
}

/// Two actors that restart together, half a second after a failure and half a second before they run.
async fn pair_before_its_restart(
    system: &ActorSystem,
    log: &Log,
) -> (SupervisorRef, ActorRef<Say>, ActorRef<Say>) {
    let delay = RestartStrategy::Fixed { delay: SECOND };
    let config = SupervisorConfig { restart_strategy: delay, ..config(OneForAll) };
    let supervisor = system.supervise(SupervisorSpec::new("supervisor").config(config)).await.unwrap();
    let a = leaf(&supervisor, log, "a").await;
    let b = leaf(&supervisor, log, "b").await;
    b.send(Say::Fail).await.unwrap();
    tokio::time::sleep(SECOND / 2).await;
    (supervisor, a, b)
}

#[tokio::test(start_paused = true)]
async fn mailboxes_and_names_outlive_a_group_restart() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let (_, a, b) = pair_before_its_restart(&system, &log).await;
    assert_eq!(moves(&log), ["+a", "+b", "-b", "-a"], "the delay lies between the stops and the starts");
    for number in 1..=3 {
        a.send(Say::Note(number)).await.unwrap();
        system.whereis::<Say>("b").unwrap().send(Say::Note(number)).await.unwrap();
    }
    assert_eq!(a.stats().state, ActorState::Restarting);
    assert_eq!((ask(&a).await, ask(&b).await), (1, 1));
    assert_eq!(log.only("a "), ["a 1", "a 2", "a 3"]);
    assert_eq!(log.only("b "), ["b 1", "b 2", "b 3"]);
}

#[tokio::test(start_paused = true)]
async fn siblings_follow_their_policies() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let supervisor = supervise(system.root(), "supervisor", OneForAll).await;
    let temporary = ChildSpec::new("temporary").restart(RestartPolicy::Temporary);
    let temporary = leaf_with(&supervisor, &log, temporary, |_| {}).await;
    let transient = ChildSpec::new("transient").restart(RestartPolicy::Transient);
    let transient = leaf_with(&supervisor, &log, transient, |_| {}).await;
    let ended = ChildSpec::new("ended").restart(RestartPolicy::Transient);
    let ended = leaf_with(&supervisor, &log, ended, |_| {}).await;
    let permanent = leaf(&supervisor, &log, "permanent").await;
    ended.send(Say::Stop).await.unwrap();
    assert!(matches!(ended.closed().await, ExitReason::Normal));
    assert_eq!(names(&supervisor), ["temporary", "transient", "permanent"]);

    permanent.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&permanent).await, 1);
    assert!(matches!(temporary.closed().await, ExitReason::Shutdown));
    assert_eq!((ask(&transient).await, ask(&permanent).await), (1, 1));
    assert_eq!(names(&supervisor), ["transient", "permanent"]);
    assert!(system.whereis::<Say>("temporary").is_none());

    // The failure of a temporary child concerns no other child.
    let temporary = ChildSpec::new("temporary").restart(RestartPolicy::Temporary);
    let temporary = leaf_with(&supervisor, &log, temporary, |_| {}).await;
    temporary.send(Say::Fail).await.unwrap();
    assert!(matches!(temporary.closed().await, ExitReason::Error(_)));
    assert_eq!((ask(&transient).await, ask(&permanent).await), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn stopped_child_does_not_restart_with_its_group() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let (supervisor, a, b) = pair_before_its_restart(&system, &log).await;
    a.stop();
    assert!(matches!(a.closed().await, ExitReason::Shutdown));
    assert_eq!(ask(&b).await, 1);
    assert_eq!(moves(&log), ["+a", "+b", "-b", "-a", "+b"]);

    b.stop();
    assert!(matches!(b.closed().await, ExitReason::Shutdown));
    assert_eq!(names(&supervisor), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_in_a_group_counts_and_is_tried_again() {
    let table: [(SupervisionStrategy, &[&str]); 2] =
        [(OneForAll, &["-a", "-c", "+a", "-a", "+a", "+b", "+c"]), (RestForOne, &["-c", "+b", "+c"])];
    for (strategy, expected) in table {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let supervisor = supervise(system.root(), "supervisor", strategy).await;
        let a = leaf(&supervisor, &log, "a").await;
        let b = leaf_with(&supervisor, &log, ChildSpec::new("b"), |leaf| leaf.bad_starts = &[1]).await;
        let c = leaf(&supervisor, &log, "c").await;
        let crashes = if strategy == OneForAll { &a } else { &b };
        crashes.send(Say::Fail).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(ask(&b).await, 2);
        assert_eq!(ask(&c).await, 1);
        let moves = moves(&log);
        let moves: Vec<_> = moves.into_iter().skip(3).filter(|line| line != "-b").collect();
        assert_eq!(moves, expected, "{strategy:?}");
        assert_eq!(system.snapshot().root.children.len(), 1);
        let airssys_rt::ChildSnapshot::Supervisor(snapshot) = &system.snapshot().root.children[0] else {
            panic!("a supervisor")
        };
        assert_eq!(snapshot.children_restarted, 2, "the group once, the start once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_counts_once() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let config = SupervisorConfig { max_restarts: 2, ..config(OneForAll) };
    let spec = SupervisorSpec::new("supervisor").config(config).restart(RestartPolicy::Temporary);
    let supervisor = system.supervise(spec).await.unwrap();
    let mut leaves = Vec::new();
    for name in ["a", "b", "c"] {
        leaves.push(leaf(&supervisor, &log, name).await);
    }
    for incarnation in 1..=2 {
        leaves[0].send(Say::Fail).await.unwrap();
        for leaf in &leaves {
            assert_eq!(ask(leaf).await, incarnation);
        }
    }
    leaves[0].send(Say::Fail).await.unwrap();
    let ExitReason::Escalated(failure) = supervisor.closed().await else { panic!("given up") };
    assert_eq!((failure.child.as_str(), failure.restarts), ("a", 2));
}

#[tokio::test(start_paused = true)]
async fn an_earlier_sibling_that_fails_meanwhile_joins_the_restart() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let supervisor = supervise(system.root(), "supervisor", RestForOne).await;
    let a = leaf(&supervisor, &log, "a").await;
    let b = leaf(&supervisor, &log, "b").await;
    let slow = |leaf: &mut Leaf| leaf.slow_stop = SECOND;
    let c = leaf_with(&supervisor, &log, ChildSpec::new("c"), slow).await;
    b.send(Say::Fail).await.unwrap();
    tokio::time::sleep(SECOND / 2).await;
    assert_eq!(moves(&log)[3..], ["-b"]);
    a.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&c).await, 1);
    assert_eq!((ask(&a).await, ask(&b).await), (1, 1));
    assert_eq!(moves(&log)[3..], ["-b", "-a", "-c", "+a", "+b", "+c"]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_does_not_stop_in_time_is_aborted_and_comes_back() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let supervisor = supervise(system.root(), "supervisor", OneForAll).await;
    let hangs = leaf_with(&supervisor, &log, ChildSpec::new("hangs").shutdown(3 * SECOND), |_| {}).await;
    let fails = leaf(&supervisor, &log, "fails").await;
    hang(&hangs).await;
    hangs.send(Say::Note(1)).await.unwrap();
    let before = Instant::now();
    fails.send(Say::Fail).await.unwrap();
    assert_eq!((ask(&hangs).await, ask(&fails).await), (1, 1));
    assert_eq!(before.elapsed(), 3 * SECOND);
    assert_eq!(log.only("hangs "), ["hangs 1"]);
    assert_eq!(moves(&log), ["+hangs", "+fails", "-fails", "+hangs", "+fails"]);
}

#[tokio::test(start_paused = true)]
async fn a_child_can_be_added_during_a_group_restart() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let delay = RestartStrategy::Fixed { delay: SECOND };
    let config = SupervisorConfig { restart_strategy: delay, ..config(OneForAll) };
    let supervisor = system.supervise(SupervisorSpec::new("supervisor").config(config)).await.unwrap();
    let a = leaf(&supervisor, &log, "a").await;
    a.send(Say::Fail).await.unwrap();
    tokio::time::sleep(SECOND / 2).await;
    let b = leaf(&supervisor, &log, "b").await;
    assert_eq!((ask(&b).await, ask(&a).await), (0, 1));
    assert_eq!(moves(&log), ["+a", "-a", "+b", "+a"]);
}

#[tokio::test(start_paused = true)]
async fn the_root_can_restart_groups_too() {
    let system = ActorSystem::builder("test").supervisor(config(OneForAll)).build();
    let log = Log::default();
    let a = leaf(system.root(), &log, "a").await;
    let b = leaf(system.root(), &log, "b").await;
    a.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&a).await, 1);
    assert_eq!(ask(&b).await, 1);
    assert_eq!(moves(&log), ["+a", "+b", "-a", "-b", "+a", "+b"]);
    assert_eq!(system.shutdown(SECOND).await.stopped, ["b", "a"]);
}
