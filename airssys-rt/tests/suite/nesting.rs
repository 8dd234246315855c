//! Supervisors below supervisors: escalation, and the order of restarts.

use std::error::Error;
use std::pin::pin;

use airssys_rt::{
    ActorState, ActorSystem, ChildKind, ChildSpec, ExitReason, PrepareError, RestartPolicy, RestartStrategy,
    Shutdown, StartError, SupervisionStrategy, SupervisorConfig, SupervisorSpec, testing,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::support::probe::{Log, Told};
use crate::support::tree::{Leaf, SECOND, Say, ask, config, hang, leaf, leaf_with, moves, names, supervise};

use SupervisionStrategy::{OneForAll, OneForOne, RestForOne};

/// The supervisor gives up at the first failure.
fn fragile(name: &str) -> SupervisorSpec {
    SupervisorSpec::new(name).config(SupervisorConfig { max_restarts: 0, ..config(OneForOne) })
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_gives_up_comes_back_with_its_children() {
    let system = ActorSystem::builder("test").supervisor(config(OneForOne)).build();
    let log = Log::default();
    let supervisor = system.supervise(fragile("supervisor")).await.unwrap();
    let a = leaf(&supervisor, &log, "a").await;
    let b = leaf(&supervisor, &log, "b").await;
    let temporary = ChildSpec::new("temporary").restart(RestartPolicy::Temporary);
    let temporary = leaf_with(&supervisor, &log, temporary, |_| {}).await;
    let c = leaf(&supervisor, &log, "c").await;
    let outside = leaf(system.root(), &log, "outside").await;
    b.send(Say::Fail).await.unwrap();
    b.send(Say::Note(1)).await.unwrap();
    for leaf in [&b, &a, &c] {
        assert_eq!(ask(leaf).await, 1);
    }
    assert_eq!(ask(&outside).await, 0);
    assert!(matches!(temporary.closed().await, ExitReason::Shutdown));
    assert_eq!(moves(&log)[5..], ["-b", "-c", "-temporary", "-a", "+a", "+b", "+c"]);
    assert_eq!(log.only("b "), ["b 1"]);
    assert_eq!(names(&supervisor), ["a", "b", "c"]);
    assert!(!system.is_failing());
    assert_eq!(system.whereis::<Say>("b").unwrap().id(), b.id());
    let added = leaf(&supervisor, &log, "added").await;
    assert_eq!(ask(&added).await, 0);
    assert_eq!(system.shutdown(SECOND).await.stopped, ["outside", "added", "c", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn failure_escalates_until_a_supervisor_handles_it() {
    let system = ActorSystem::builder("test")
        .supervisor(SupervisorConfig { max_restarts: 1, ..config(OneForOne) })
        .build();
    let log = Log::default();
    let outer = system.supervise(fragile("outer")).await.unwrap();
    let inner = outer.supervise(fragile("inner")).await.unwrap();
    let beside = leaf(&outer, &log, "beside").await;
    let inside = leaf(&inner, &log, "inside").await;
    inside.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&inside).await, 1);
    assert_eq!(ask(&beside).await, 1);
    assert_eq!(moves(&log)[2..], ["-inside", "-beside", "+inside", "+beside"]);

    inside.send(Say::Fail).await.unwrap();
    let failure = system.failed().await;
    assert_eq!(failure.child, "outer");
    assert_eq!(failure.to_string(), "`outer` gave up after 1 restarts within 5s");
    let inner_failure = failure.source().unwrap();
    assert_eq!(inner_failure.to_string(), "`inner` gave up after 0 restarts within 5s");
    let leaf_failure = inner_failure.source().unwrap();
    assert_eq!(leaf_failure.to_string(), "`inside` failed after 0 restarts within 5s");
    assert!(leaf_failure.source().unwrap().downcast_ref::<Told>().is_some());
    assert!(matches!(inside.closed().await, ExitReason::Error(_)), "it keeps its own reason");
    assert!(matches!(beside.closed().await, ExitReason::Shutdown));
    assert!(matches!(inner.closed().await, ExitReason::Escalated(_)));
    assert!(matches!(outer.closed().await, ExitReason::Escalated(_)));
    assert!(matches!(system.root().closed().await, ExitReason::Escalated(_)));
}

#[tokio::test(start_paused = true)]
async fn children_end_with_a_supervisor_that_is_not_restarted() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let spec = fragile("supervisor").restart(RestartPolicy::Temporary);
    let supervisor = system.supervise(spec).await.unwrap();
    let inner = supervise(&supervisor, "inner", OneForOne).await;
    let a = leaf(&inner, &log, "a").await;
    let b = leaf(&supervisor, &log, "b").await;
    b.send(Say::Fail).await.unwrap();
    assert!(matches!(supervisor.closed().await, ExitReason::Escalated(_)));
    assert!(matches!(a.closed().await, ExitReason::Shutdown));
    assert!(matches!(inner.closed().await, ExitReason::Shutdown));
    assert!(matches!(b.closed().await, ExitReason::Error(_)));
    assert!(system.actors().is_empty() && system.root().children().is_empty());
    let error = supervisor.spawn(ChildSpec::new("c"), || Leaf::new(&Log::default(), "c")).await;
    assert!(matches!(error, Err(StartError::SupervisorStopped { name }) if name == "c"));
    let error = inner.supervise(SupervisorSpec::new("d")).await.unwrap_err();
    assert!(matches!(error, StartError::SupervisorStopped { name } if name == "d"));
    // The names are free again.
    system.supervise(SupervisorSpec::new("supervisor")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_group_of_supervisors_restarts_as_a_whole() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let group = supervise(system.root(), "group", RestForOne).await;
    let first = leaf(&group, &log, "first").await;
    let one = supervise(&group, "one", OneForOne).await;
    let [a, b] = [leaf(&one, &log, "a").await, leaf(&one, &log, "b").await];
    let two = supervise(&group, "two", OneForAll).await;
    let c = leaf(&two, &log, "c").await;
    first.send(Say::Note(0)).await.unwrap();
    first.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&first).await, 1);
    for leaf in [&c, &a, &b] {
        assert_eq!(ask(leaf).await, 1);
    }
    assert_eq!(moves(&log)[4..], ["-first", "-c", "-b", "-a", "+first", "+a", "+b", "+c"]);
    // The tree below works as before.
    b.send(Say::Fail).await.unwrap();
    assert_eq!((ask(&b).await, ask(&a).await), (2, 1));
    assert_eq!(names(&group), ["first", "one", "two"]);
    assert_eq!(group.children()[1].kind, ChildKind::Supervisor);
    assert_eq!(group.children()[1].state, ActorState::Running);
}

#[tokio::test(start_paused = true)]
async fn starts_that_fail_when_a_supervisor_comes_back_are_its_failures() {
    let system = ActorSystem::builder("test").supervisor(config(OneForOne)).build();
    let log = Log::default();
    let config = SupervisorConfig { max_restarts: 1, ..config(OneForOne) };
    let supervisor = system.supervise(SupervisorSpec::new("supervisor").config(config)).await.unwrap();
    let a = leaf(&supervisor, &log, "a").await;
    // Two failures in a row are one more than allowed.
    let b = leaf_with(&supervisor, &log, ChildSpec::new("b"), |leaf| leaf.bad_starts = &[2, 3]).await;
    b.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&b).await, 1);
    b.send(Say::Fail).await.unwrap();
    assert_eq!(ask(&b).await, 4);
    assert_eq!(ask(&a).await, 2);
}

#[tokio::test(start_paused = true)]
async fn restart_limit_starts_anew_with_each_incarnation() {
    let system = ActorSystem::builder("test").supervisor(config(OneForOne)).build();
    let log = Log::default();
    let config = SupervisorConfig { max_restarts: 2, ..config(OneForOne) };
    let supervisor = system.supervise(SupervisorSpec::new("supervisor").config(config)).await.unwrap();
    let (a, b) = (leaf(&supervisor, &log, "a").await, leaf(&supervisor, &log, "b").await);
    for expected in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 2)] {
        a.send(Say::Fail).await.unwrap();
        assert_eq!((ask(&a).await, ask(&b).await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_is_stopped_by_name_or_with_its_parent() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let supervisor = supervise(system.root(), "supervisor", OneForOne).await;
    let inner = supervise(&supervisor, "inner", OneForOne).await;
    let a = leaf(&inner, &log, "a").await;
    inner.stop();
    assert!(matches!(inner.closed().await, ExitReason::Shutdown));
    assert!(matches!(a.closed().await, ExitReason::Shutdown));
    assert_eq!(names(&supervisor), Vec::<String>::new());
    let inner = supervise(&supervisor, "inner", OneForOne).await;
    leaf(&inner, &log, "b").await;
    supervisor.stop();
    assert!(matches!(supervisor.closed().await, ExitReason::Shutdown));
    assert!(matches!(inner.closed().await, ExitReason::Shutdown));
    assert_eq!(moves(&log), ["+a", "-a", "+b", "-b"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_out_of_time_is_aborted_with_its_children() {
    for shutdown in [Shutdown::After(3 * SECOND), Shutdown::Kill] {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let group = supervise(system.root(), "group", OneForAll).await;
        let spec = SupervisorSpec::new("supervisor").config(config(OneForOne)).shutdown(shutdown);
        let supervisor = group.supervise(spec).await.unwrap();
        let stuck =
            leaf_with(&supervisor, &log, ChildSpec::new("stuck").shutdown(Shutdown::Unbounded), |_| {});
        let stuck = stuck.await;
        let fails = leaf(&group, &log, "fails").await;
        hang(&stuck).await;
        stuck.send(Say::Note(1)).await.unwrap();
        let before = Instant::now();
        fails.send(Say::Fail).await.unwrap();
        assert_eq!(ask(&fails).await, 1);
        assert_eq!(ask(&stuck).await, 1);
        let time = if shutdown == Shutdown::Kill { std::time::Duration::ZERO } else { 3 * SECOND };
        assert_eq!(before.elapsed(), time);
        assert_eq!(log.only("stuck "), ["stuck 1"]);
        let report = system.shutdown(SECOND).await;
        match shutdown {
            Shutdown::Kill => assert_eq!((report.stopped.len(), report.late), (1, vec!["stuck".into()])),
            _ => assert_eq!(report.stopped, ["fails", "stuck"]),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_waits_for_its_restart_can_be_stopped() {
    let hour = RestartStrategy::Fixed { delay: 3600 * SECOND };
    let config = SupervisorConfig { restart_strategy: hour, ..config(OneForOne) };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let log = Log::default();
    let supervisor = system.supervise(fragile("supervisor")).await.unwrap();
    let (a, b) = (leaf(&supervisor, &log, "a").await, leaf(&supervisor, &log, "b").await);
    a.send(Say::Fail).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(system.root().children()[0].state, ActorState::Restarting);
    let mut spawn = pin!(supervisor.spawn(ChildSpec::new("c"), || Leaf::new(&Log::default(), "c")));
    assert!(spawn.as_mut().now_or_never().is_none(), "it waits for the restart");
    let before = Instant::now();
    supervisor.stop();
    assert!(matches!(spawn.await, Err(StartError::SupervisorStopped { .. })));
    assert!(matches!(supervisor.closed().await, ExitReason::Shutdown));
    assert!(matches!(a.closed().await, ExitReason::Error(_)));
    assert!(matches!(b.closed().await, ExitReason::Shutdown));
    assert_eq!(before.elapsed(), std::time::Duration::ZERO);
    assert!(system.root().children().is_empty());
}

#[tokio::test(start_paused = true)]
async fn names_are_shared_and_may_be_absent() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    leaf(system.root(), &log, "taken").await;
    let error = system.supervise(SupervisorSpec::new("taken")).await.unwrap_err();
    assert!(matches!(error, StartError::Prepare(PrepareError::NameTaken { .. })));
    let error = system.supervise(SupervisorSpec::new("")).await.unwrap_err();
    assert!(matches!(error, StartError::Prepare(PrepareError::EmptyName)));
    let first = system.supervise(SupervisorSpec::unnamed()).await.unwrap();
    let second = system.supervise(SupervisorSpec::unnamed()).await.unwrap();
    assert_eq!((first.name(), second.name()), ("", ""));
    assert_ne!(first.id(), second.id());
    let unnamed = leaf_with(&first, &log, ChildSpec::unnamed(), |_| {}).await;
    assert_eq!(unnamed.name(), "");
    assert!(system.whereis::<Say>("").is_none());
    let listed: Vec<_> = system.actors().into_iter().map(|actor| (actor.name, actor.id)).collect();
    assert_eq!(listed[1], (String::new(), unnamed.id()));
    let report = system.shutdown(SECOND).await;
    assert_eq!(report.stopped, [format!("#{}", unnamed.id()), "taken".into()]);
}

/// Another child of the supervisor fails while one starts: in either order, the start resolves.
#[test]
fn start_interrupted_by_a_group_restart_still_resolves() {
    testing::explore(0..100, async || {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let above = supervise(system.root(), "above", SupervisionStrategy::OneForAll).await;
        let sibling = leaf(&above, &log, "sibling").await;
        sibling.kill();
        let start = tokio::time::timeout(60 * SECOND, above.supervise(SupervisorSpec::new("below")));
        let started = start.await.unwrap();
        // The restart may go on.
        tokio::time::sleep(SECOND).await;
        match started {
            Ok(below) => drop(leaf(&below, &log, "leaf").await),
            Err(error) => {
                assert!(matches!(error, StartError::SupervisorStopped { .. }), "{error}");
                // Its name is free.
                supervise(&above, "below", SupervisionStrategy::OneForOne).await;
            }
        }
        assert_eq!(names(&above), ["sibling", "below"]);
    });
}

#[tokio::test(start_paused = true)]
async fn supervisor_that_does_not_escalate_ends_for_good_and_leaves_its_siblings_alone() {
    let root = SupervisorConfig { max_restarts: 0, ..config(OneForAll) };
    let system = ActorSystem::builder("test").supervisor(root).build();
    let log = Log::default();
    let before = leaf(system.root(), &log, "before").await;
    let supervisor = system.supervise(fragile("supervisor").escalates(false)).await.unwrap();
    assert!(!supervisor.has_given_up());
    let a = leaf(&supervisor, &log, "a").await;
    let b = leaf(&supervisor, &log, "b").await;
    let after = leaf(system.root(), &log, "after").await;
    a.send(Say::Fail).await.unwrap();
    assert!(matches!(supervisor.closed().await, ExitReason::Escalated(_)));
    assert!(a.closed().await.is_failure());
    assert!(matches!(b.closed().await, ExitReason::Shutdown));
    assert!(supervisor.has_given_up());
    assert_eq!((ask(&before).await, ask(&after).await), (0, 0));
    assert_eq!(names(system.root()), ["before", "after"]);
    assert!(!system.is_failing());
}

#[tokio::test(start_paused = true)]
async fn prepared_supervisor_takes_its_place_when_it_starts() {
    let system = ActorSystem::builder("test").supervisor(config(OneForOne)).build();
    let log = Log::default();
    let inner = system.root().prepare_supervisor(SupervisorSpec::new("inner").config(config(OneForAll)));
    let inner = inner.unwrap();
    let below = inner.supervisor_ref();
    let prepared = below.prepare::<Say>(ChildSpec::new("inside")).unwrap();
    let inside = prepared.actor_ref();
    inside.send(Say::Note(1)).await.unwrap();
    leaf(system.root(), &log, "first").await;
    system.root().start_supervisor(inner).await.unwrap();
    let (writes, name) = (log.clone(), "inside".to_owned());
    below.start(prepared, move || Leaf::new(&writes, &name)).await.unwrap();
    leaf(system.root(), &log, "last").await;
    assert_eq!(ask(&inside).await, 0);
    assert_eq!(names(system.root()), ["first", "inner", "last"]);
    assert_eq!(log.only("inside "), ["inside 1"]);
    assert_eq!(system.shutdown(SECOND).await.stopped, ["last", "inside", "first"]);
}

#[tokio::test(start_paused = true)]
async fn child_does_not_start_before_its_prepared_supervisor() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let outer = system.root().prepare_supervisor(SupervisorSpec::new("outer")).unwrap();
    let inner = outer.supervisor_ref().prepare_supervisor(SupervisorSpec::new("inner")).unwrap();
    let (outside, inside) = (outer.supervisor_ref(), inner.supervisor_ref());
    let make = |name: &str| {
        let (log, name) = (log.clone(), name.to_owned());
        move || Leaf::new(&log, &name)
    };
    for below in [&outside, &inside] {
        let early = below.spawn(ChildSpec::new("early"), make("early")).await;
        assert!(matches!(&early, Err(StartError::SupervisorNotStarted { name }) if name == "early"));
        let text = "`early` cannot start: its supervisor is only prepared; start that first";
        assert_eq!(early.unwrap_err().to_string(), text);
    }
    let early = outside.supervise(SupervisorSpec::new("early")).await;
    assert!(matches!(early, Err(StartError::SupervisorNotStarted { .. })), "{early:?}");
    assert!(log.only("early").is_empty(), "no hook was called");

    system.root().start_supervisor(outer).await.unwrap();
    outside.start_supervisor(inner).await.unwrap();
    for (below, name) in [(&outside, "a"), (&inside, "b")] {
        below.spawn(ChildSpec::new(name), make(name)).await.unwrap();
    }
    // The actor `a` has started after the supervisor of `b`.
    assert_eq!(system.shutdown(SECOND).await.stopped, ["a", "b"]);
}

#[tokio::test]
async fn child_waits_for_a_supervisor_that_is_being_started() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let prepared = system.root().prepare_supervisor(SupervisorSpec::new("group")).unwrap();
    let group = prepared.supervisor_ref();
    let make = move || Leaf::new(&log, "child");
    let starts = system.root().start_supervisor(prepared);
    let (started, child) = tokio::join!(starts, group.spawn(ChildSpec::new("child"), make));
    started.unwrap();
    child.unwrap();
    assert_eq!(system.shutdown(SECOND).await.stopped, ["child"]);
}

#[tokio::test]
async fn dropped_prepared_supervisor_frees_its_name_and_takes_no_children() {
    let system = ActorSystem::new("test");
    let inner = system.root().prepare_supervisor(SupervisorSpec::new("inner")).unwrap();
    let taken = system.root().prepare_supervisor(SupervisorSpec::new("inner"));
    assert!(matches!(taken, Err(PrepareError::NameTaken { .. })));
    let below = inner.supervisor_ref();
    let prepared = below.prepare::<Say>(ChildSpec::new("inside")).unwrap();
    drop(inner);
    assert!(matches!(below.closed().await, ExitReason::Shutdown));
    let log = Log::default();
    let started = below.start(prepared, move || Leaf::new(&log, "inside")).await;
    assert!(matches!(started, Err(StartError::SupervisorStopped { .. })), "{started:?}");
    system.supervise(SupervisorSpec::new("inner")).await.unwrap();
}
