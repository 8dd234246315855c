//! Dynamic supervisors, and significant children.

use airssys_rt::{
    ActorRef, ActorSystem, AutoShutdown, ChildSpec, ExitReason, PrepareError, RestartPolicy, Shutdown,
    StartError, SupervisionStrategy, SupervisorConfig, SupervisorRef, SupervisorSpec,
};
use tokio::time::Instant;

use crate::support::probe::Log;
use crate::support::tree::{Leaf, SECOND, Say, ask, config, hang, leaf, leaf_with, moves, names, supervise};

use AutoShutdown::{AllSignificant, AnySignificant};
use RestartPolicy::{Permanent, Temporary, Transient};
use SupervisionStrategy::{OneForAll, OneForOne, RestForOne};

#[tokio::test(start_paused = true)]
async fn children_of_a_dynamic_supervisor_are_restarted_on_their_own() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let spec = SupervisorSpec::new("pool").config(config(OneForOne)).dynamic();
    let pool = system.supervise(spec).await.unwrap();
    let (a, b) = (leaf(&pool, &log, "a").await, leaf(&pool, &log, "b").await);
    a.send(Say::Panic).await.unwrap();
    assert_eq!((ask(&a).await, ask(&b).await), (1, 0));
    a.stop();
    a.closed().await;
    assert_eq!(names(&pool), ["b"]);
    for strategy in [OneForAll, RestForOne] {
        let error = system.supervise(SupervisorSpec::new("odd").strategy(strategy).dynamic()).await;
        assert!(matches!(error, Err(StartError::Prepare(PrepareError::DynamicStrategy { .. }))));
    }
}

#[tokio::test(start_paused = true)]
async fn dynamic_children_stop_all_at_once_each_with_its_own_time() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let pool = system.supervise(SupervisorSpec::new("pool").dynamic()).await.unwrap();
    let slow = |leaf: &mut Leaf| leaf.slow_stop = 3 * SECOND;
    for name in ["a", "b", "c"] {
        leaf_with(&pool, &log, ChildSpec::new(name), slow).await;
    }
    for (name, seconds) in [("late", 2), ("as late", 2), ("later", 4)] {
        let stuck = leaf_with(&pool, &log, ChildSpec::new(name).shutdown(seconds * SECOND), |_| {}).await;
        hang(&stuck).await;
    }
    let before = Instant::now();
    let mut report = system.shutdown(60 * SECOND).await;
    assert_eq!(before.elapsed(), 4 * SECOND);
    report.stopped.sort();
    assert_eq!(report.stopped, ["a", "b", "c"]);
    report.late.sort();
    assert_eq!(report.late, ["as late", "late", "later"]);
}

#[tokio::test(start_paused = true)]
async fn dynamic_children_end_when_their_supervisor_restarts() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let group = supervise(system.root(), "group", OneForAll).await;
    let pool = group.supervise(SupervisorSpec::new("pool").dynamic()).await.unwrap();
    let (a, b) = (leaf(&pool, &log, "a").await, leaf(&pool, &log, "b").await);
    let fails = leaf(&group, &log, "fails").await;
    fails.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&fails).await, 1);
    assert!(matches!(a.closed().await, ExitReason::Shutdown));
    assert!(matches!(b.closed().await, ExitReason::Shutdown));
    assert_eq!(names(&pool), Vec::<String>::new());
    assert_eq!(ask(&leaf(&pool, &log, "a").await).await, 0);
}

async fn significant(
    supervisor: &SupervisorRef,
    log: &Log,
    name: &str,
    policy: RestartPolicy,
) -> ActorRef<Say> {
    leaf_with(supervisor, log, ChildSpec::new(name).restart(policy).significant(true), |_| {}).await
}

fn auto(auto_shutdown: AutoShutdown) -> SupervisorSpec {
    let config = SupervisorConfig { auto_shutdown, ..config(OneForOne) };
    SupervisorSpec::new("supervisor").config(config).restart(Transient)
}

#[tokio::test(start_paused = true)]
async fn any_significant_child_that_ends_by_itself_ends_the_supervisor() {
    for (policy, end) in [(Transient, Say::Stop), (Temporary, Say::Stop), (Temporary, Say::Fail)] {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let supervisor = system.supervise(auto(AnySignificant)).await.unwrap();
        let first = leaf(&supervisor, &log, "first").await;
        let ends = significant(&supervisor, &log, "ends", policy).await;
        significant(&supervisor, &log, "other", policy).await;
        ends.send(end).await.unwrap();
        assert!(matches!(supervisor.closed().await, ExitReason::Shutdown));
        assert!(matches!(first.closed().await, ExitReason::Shutdown));
        assert_eq!(moves(&log)[3..], ["-ends", "-other", "-first"]);
        assert!(system.root().children().is_empty() && !system.is_failing());
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_significant_child_ends_the_supervisor() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let supervisor = system.supervise(auto(AllSignificant)).await.unwrap();
    let other = leaf_with(&supervisor, &log, ChildSpec::new("other").restart(Transient), |_| {}).await;
    let mut all = Vec::new();
    for name in ["a", "b", "c"] {
        all.push(significant(&supervisor, &log, name, Transient).await);
    }
    other.stop();
    all[0].send(Say::Stop).await.unwrap();
    // A restart is not an end, and a requested end does not count as the child's own.
    all[1].send(Say::Fail).await.unwrap();
    assert_eq!(ask(&all[1]).await, 1);
    all[2].stop();
    all[2].closed().await;
    assert_eq!(names(&supervisor), ["b"]);
    all[1].send(Say::Stop).await.unwrap();
    assert!(matches!(supervisor.closed().await, ExitReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn stopped_significant_child_does_not_end_the_supervisor() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let supervisor = system.supervise(auto(AnySignificant)).await.unwrap();
    let ends = significant(&supervisor, &log, "ends", Temporary).await;
    ends.stop();
    ends.closed().await;
    assert_eq!(ask(&leaf(&supervisor, &log, "a").await).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_supervisor_comes_back_from_its_auto_shutdown() {
    let system = ActorSystem::builder("test").supervisor(config(OneForOne)).build();
    let log = Log::default();
    let supervisor = system.supervise(auto(AnySignificant).restart(Permanent)).await.unwrap();
    let first = leaf(&supervisor, &log, "first").await;
    let ends = significant(&supervisor, &log, "ends", Temporary).await;
    ends.send(Say::Stop).await.unwrap();
    ends.closed().await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(ask(&first).await, 1);
    assert_eq!(names(&supervisor), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn a_significant_supervisor_ends_the_one_above() {
    let config = SupervisorConfig { auto_shutdown: AnySignificant, ..config(OneForOne) };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let log = Log::default();
    let first = leaf(system.root(), &log, "first").await;
    let supervisor = system.supervise(auto(AnySignificant).significant(true)).await.unwrap();
    let ends = significant(&supervisor, &log, "ends", Temporary).await;
    ends.send(Say::Stop).await.unwrap();
    assert!(matches!(system.root().closed().await, ExitReason::Shutdown));
    assert!(matches!(first.closed().await, ExitReason::Shutdown));
    assert_eq!(moves(&log)[2..], ["-ends", "-first"]);
    assert!(!system.is_failing());
    assert!(matches!(system.prepare::<Say>(ChildSpec::new("a")), Err(PrepareError::SystemStopped { .. })));
}

#[tokio::test(start_paused = true)]
async fn significance_that_means_nothing_is_refused() {
    let system = ActorSystem::new("test");
    let spec = || ChildSpec::new("a").significant(true);
    let error = system.prepare::<Say>(spec()).unwrap_err();
    assert_eq!(error, PrepareError::SignificantPermanent { name: "a".into() });
    let error = system.prepare::<Say>(spec().restart(Transient)).unwrap_err();
    assert_eq!(error, PrepareError::SignificantForNothing { name: "a".into() });
    let error = system.supervise(SupervisorSpec::new("b").significant(true)).await.unwrap_err();
    assert!(matches!(error, StartError::Prepare(PrepareError::SignificantPermanent { .. })));

    // Prepared below a supervisor that accepts it, started below one that does not.
    let supervisor = system.supervise(auto(AnySignificant)).await.unwrap();
    let prepared = supervisor.prepare::<Say>(spec().restart(Transient)).unwrap();
    let error = system.start(prepared, || Leaf::new(&Log::default(), "a")).await.unwrap_err();
    assert!(matches!(error, StartError::Prepare(PrepareError::SignificantForNothing { .. })));
    assert!(system.whereis::<Say>("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn each_child_is_stopped_as_its_spec_says() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let slow = |leaf: &mut Leaf| leaf.slow_stop = 7 * SECOND;
    for (name, shutdown) in [
        ("killed", Shutdown::Kill),
        ("late", Shutdown::After(2 * SECOND)),
        ("in time", Shutdown::After(8 * SECOND)),
        ("waited for", Shutdown::Unbounded),
    ] {
        leaf_with(system.root(), &log, ChildSpec::new(name).shutdown(shutdown), slow).await;
    }
    let before = Instant::now();
    let report = system.shutdown(100 * SECOND).await;
    assert_eq!(before.elapsed(), 16 * SECOND);
    assert_eq!(report.stopped, ["waited for", "in time", "killed"]);
    assert_eq!(report.late, ["late"]);
    assert_eq!(moves(&log)[4..], ["-waited for", "-in time"], "no last hook of one that is aborted");
    let dropped = ["dropped waited for", "dropped in time", "dropped late", "dropped killed"];
    assert_eq!(log.only("dropped"), dropped);
}
