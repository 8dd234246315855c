//! Restart limits: the restarts that count together, and the step after one too many.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorHandle, ActorState, ActorSystem, Child, ChildSpec, Event, EventStream,
    ExitReason, LimitScope, OnLimit, RestartStrategy, SupervisionStrategy, SupervisorConfig, SupervisorRef,
    SupervisorSpec,
};
use futures_util::FutureExt;

use crate::support::logs::logs;
use crate::support::script::{Log, SECOND, Say, run, settle, start};
use crate::support::tree::{self, leaf, leaf_with, moves};

/// Two restarts within 5 s, at once, and this step after that.
fn config(limit_scope: LimitScope, on_limit: OnLimit) -> SupervisorConfig {
    SupervisorConfig {
        max_restarts: 2,
        limit_scope,
        on_limit,
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    }
}

fn per_child(on_limit: OnLimit) -> ActorSystem {
    ActorSystem::builder("test").supervisor(config(LimitScope::PerChild, on_limit)).build()
}

/// Kills the actor until its limit is reached.
async fn exhaust(actor: ActorHandle) {
    for _ in 0..3 {
        actor.kill();
        settle().await;
    }
}

/// The children that gave up alone, according to the events in the stream now.
fn given_up(events: &mut EventStream) -> Vec<String> {
    std::iter::from_fn(|| events.next().now_or_never()?.unwrap())
        .filter_map(|event| match event {
            Event::GaveUp { actor, failure, quarantined } => {
                Some(format!("{actor}, quarantined: {quarantined}: {failure}"))
            }
            _ => None,
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn child_at_its_own_limit_ends_alone() {
    let system = per_child(OnLimit::End);
    let mut events = system.events();
    let log = Log::default();
    let [a, b] = ["a", "b"].map(|name| ChildSpec::new(name).capacity(8));
    let (a, b) = (start(&system, &log, a).await, start(&system, &log, b).await);
    for _ in 0..2 {
        a.send(Say::Panic).await.unwrap();
        b.send(Say::Fail).await.unwrap();
        settle().await;
    }
    assert_eq!((a.stats().restarts, b.stats().restarts), (2, 2), "each has its own limit");

    a.send(Say::Panic).await.unwrap();
    a.send(Say::Note(1)).await.unwrap();
    assert!(matches!(a.closed().await, ExitReason::Panic(_)));
    assert_eq!(a.stats().dropped, 1);
    let told = "a, quarantined: false: `a` panicked: told to panic after 2 restarts within 5s";
    assert_eq!(given_up(&mut events), [told]);
    assert!(!system.is_failing());
    assert!(system.whereis::<Say>("a").is_none());
    assert_eq!(b.request(Say::Ask, SECOND).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn quarantined_actor_keeps_its_mailbox_until_it_is_resumed() {
    let system = per_child(OnLimit::Quarantine);
    let mut events = system.events();
    let (log, notified) = (Log::default(), Log::default());
    let watcher = start(&system, &notified, ChildSpec::new("watcher")).await;
    let actor = start(&system, &log, ChildSpec::new("actor")).await;
    let watched = actor.clone();
    run(&watcher, move |context| context.monitor(&watched)).await;
    assert!(!actor.resume(), "it is running");
    for number in 0..3 {
        actor.send(Say::Panic).await.unwrap();
        actor.send(Say::Note(number)).await.unwrap();
        settle().await;
    }
    assert_eq!(log.take(), ["note 0", "note 1"]);
    assert_eq!(notified.take(), ["actor panicked: told to panic, restarting"; 3], "it may return");
    assert_eq!(given_up(&mut events).len(), 1);
    actor.send(Say::Note(3)).await.unwrap();
    actor.kill();
    settle().await;
    assert_eq!(actor.stats().state, ActorState::Quarantined);
    assert_eq!((actor.stats().restarts, actor.depth(), actor.is_closed()), (2, 2, false));
    assert_eq!(system.whereis::<Say>("actor"), Some(actor.clone()));
    assert!(system.actors().iter().any(|one| one.stats.state == ActorState::Quarantined));
    assert!(!system.is_failing());

    actor.handle().restart();
    assert_eq!(actor.request(Say::Ask, SECOND).await.unwrap(), 3);
    assert_eq!(log.take(), ["note 2", "note 3"]);
    exhaust(actor.handle()).await;
    assert_eq!(actor.stats().restarts, 5, "restarts before the quarantine do not count");
    assert_eq!(actor.stats().state, ActorState::Quarantined);
}

#[tokio::test(start_paused = true)]
async fn a_child_chooses_its_own_step() {
    let system = per_child(OnLimit::Escalate);
    let log = Log::default();
    let spare = start(&system, &log, ChildSpec::new("spare").on_limit(OnLimit::Quarantine)).await;
    let vital = start(&system, &log, ChildSpec::new("vital")).await;
    exhaust(spare.handle()).await;
    assert_eq!(spare.stats().state, ActorState::Quarantined);
    assert!(!system.is_failing());
    exhaust(vital.handle()).await;
    let failure = system.failed().await;
    assert_eq!((failure.child.as_str(), failure.restarts), ("vital", 2), "only its own restarts count");
    assert!(matches!(spare.closed().await, ExitReason::Killed), "its last end");
}

#[tokio::test(start_paused = true)]
async fn a_shared_limit_can_end_in_quarantine_too() {
    let config = config(LimitScope::Shared, OnLimit::Quarantine);
    let system = ActorSystem::builder("test").supervisor(config).build();
    let log = Log::default();
    let a = start(&system, &log, ChildSpec::new("a")).await;
    let b = start(&system, &log, ChildSpec::new("b")).await;
    for actor in [&a, &a, &b] {
        actor.send(Say::Fail).await.unwrap();
        settle().await;
    }
    assert_eq!((a.stats().state, b.stats().state), (ActorState::Running, ActorState::Quarantined));

    // Only the restarts of the resumed actor are forgotten.
    let system = ActorSystem::builder("test").supervisor(config).build();
    let a = start(&system, &log, ChildSpec::new("a")).await;
    let b = start(&system, &log, ChildSpec::new("b")).await;
    for actor in [&a, &b, &b] {
        actor.send(Say::Fail).await.unwrap();
        settle().await;
    }
    assert_eq!(b.stats().state, ActorState::Quarantined);
    assert!(b.resume());
    settle().await;
    for expected in [ActorState::Running, ActorState::Quarantined] {
        b.send(Say::Fail).await.unwrap();
        settle().await;
        assert_eq!((a.stats().state, b.stats().state), (ActorState::Running, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn quarantined_actor_can_be_ended() {
    let system = per_child(OnLimit::Quarantine);
    let log = Log::default();
    let stopped = start(&system, &log, ChildSpec::new("stopped")).await;
    let handled = start(&system, &log, ChildSpec::new("handled")).await;
    let drained = start(&system, &log, ChildSpec::new("drained")).await;
    let left = start(&system, &log, ChildSpec::new("left")).await;
    for actor in [&stopped, &handled, &drained, &left] {
        exhaust(actor.handle()).await;
        actor.send(Say::Note(1)).await.unwrap();
    }
    stopped.stop();
    handled.handle().stop();
    drained.drain();
    for actor in [&stopped, &handled, &drained] {
        assert!(matches!(actor.closed().now_or_never(), Some(ExitReason::Shutdown)));
        assert_eq!((actor.stats().dropped, actor.stats().state), (1, ActorState::Stopped));
        assert!(!actor.resume());
    }
    assert!(system.whereis::<Say>("stopped").is_none());
    let report = system.shutdown(SECOND).await;
    assert_eq!(report.stopped, ["left"]);
    assert!(!left.resume());
    assert!(log.all().is_empty(), "no message was handled");
}

/// A stop that comes together with the last failure is not forgotten in quarantine.
#[tokio::test(start_paused = true)]
async fn stop_before_the_quarantine_counts() {
    let system = per_child(OnLimit::Quarantine);
    let actor = start(&system, &Log::default(), ChildSpec::new("actor")).await;
    for _ in 0..2 {
        actor.kill();
        settle().await;
    }
    actor.kill();
    actor.stop();
    actor.closed().await;
}

#[tokio::test(start_paused = true)]
async fn only_a_restart_of_the_supervisor_starts_a_quarantined_child() {
    let system =
        ActorSystem::builder("test").supervisor(tree::config(SupervisionStrategy::OneForOne)).build();
    let log = crate::support::probe::Log::default();
    let limits = SupervisorConfig {
        strategy: SupervisionStrategy::OneForAll,
        ..config(LimitScope::PerChild, OnLimit::Escalate)
    };
    let group = system.supervise(SupervisorSpec::new("group").config(limits)).await.unwrap();
    let spec = ChildSpec::new("a").on_limit(OnLimit::Quarantine);
    let a = leaf_with(&group, &log, spec, |_| {}).await;
    let b = leaf(&group, &log, "b").await;
    exhaust(a.handle()).await;
    assert_eq!(a.stats().state, ActorState::Quarantined);
    assert_eq!(b.stats().restarts, 2, "with the group, twice");

    b.kill();
    settle().await;
    assert_eq!((a.stats().state, b.stats().restarts), (ActorState::Quarantined, 3));
    for _ in 0..2 {
        b.kill();
        settle().await;
    }
    assert_eq!(tree::ask(&a).await, 3, "`b` has used up its own limit, and the group was restarted");
    let starts = moves(&log);
    assert_eq!(starts[starts.len() - 2..], ["+a", "+b"]);
}

/// An actor that has itself restarted in each of its starts.
struct Restless {
    starts: Arc<AtomicU64>,
}

impl Child for Restless {}

impl Actor for Restless {
    type Message = Infallible;
    type Error = Infallible;

    async fn on_start(&mut self, context: &ActorContext<Infallible>) -> Result<(), Infallible> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        context.self_ref().restart();
        Ok(())
    }

    async fn handle_message(
        &mut self,
        message: Infallible,
        _: &ActorContext<Infallible>,
    ) -> Result<(), Infallible> {
        match message {}
    }
}

#[tokio::test(start_paused = true)]
async fn actor_that_restarts_itself_in_every_start_reaches_its_limit() {
    for scope in [LimitScope::PerChild, LimitScope::Shared] {
        let system = ActorSystem::builder("test").supervisor(config(scope, OnLimit::End)).build();
        let starts = Arc::new(AtomicU64::new(0));
        let restless = Restless { starts: starts.clone() };
        let actor = system
            .spawn(ChildSpec::new("restless"), move || Restless { starts: restless.starts.clone() })
            .await
            .unwrap();
        assert!(matches!(actor.closed().await, ExitReason::Restart));
        assert_eq!(starts.load(Ordering::Relaxed), 3, "two restarts are allowed");
    }
}

#[tokio::test(start_paused = true)]
async fn early_restarts_are_delayed_like_failures() {
    let delay = RestartStrategy::Fixed { delay: SECOND };
    let config =
        SupervisorConfig { max_restarts: u32::MAX, restart_strategy: delay, ..SupervisorConfig::default() };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let starts = Arc::new(AtomicU64::new(0));
    let counted = starts.clone();
    let make = move || Restless { starts: counted.clone() };
    let _actor = system.spawn(ChildSpec::new("restless"), make).await.unwrap();
    tokio::time::sleep(10 * SECOND + SECOND / 2).await;
    assert_eq!(starts.load(Ordering::Relaxed), 11, "one in each second");
}

#[tokio::test(start_paused = true)]
async fn member_of_a_quarantined_group_ends_as_soon_as_it_is_told_to() {
    let system = per_child(OnLimit::Quarantine);
    let log = crate::support::probe::Log::default();
    let spec = SupervisorSpec::new("group").config(config(LimitScope::PerChild, OnLimit::Escalate));
    let group = system.supervise(spec).await.unwrap();
    let inner = group.supervise(SupervisorSpec::new("inner")).await.unwrap();
    let [stopped, drained, last] = ["stopped", "drained", "last"];
    let stopped = leaf(&group, &log, stopped).await;
    let drained = leaf(&inner, &log, drained).await;
    let last = leaf(&inner, &log, last).await;
    let failing = leaf(&group, &log, "failing").await;
    for _ in 0..9 {
        failing.kill();
        settle().await;
    }
    assert_eq!([&stopped, &drained, &last].map(|actor| actor.stats().state), [ActorState::Quarantined; 3]);
    stopped.stop();
    assert!(matches!(stopped.closed().now_or_never(), Some(ExitReason::Shutdown)));
    drained.drain();
    assert!(matches!(drained.closed().now_or_never(), Some(ExitReason::Shutdown)));
    inner.stop();
    assert!(matches!(last.closed().now_or_never(), Some(ExitReason::Shutdown)));
    assert!(matches!(inner.closed().now_or_never(), Some(ExitReason::Shutdown)));
    assert_eq!(group.children().iter().map(|child| &*child.name).collect::<Vec<_>>(), ["failing"]);
    assert!(group.resume());
    settle().await;
    assert_eq!(failing.stats().state, ActorState::Running);
}

async fn quarantined_group(system: &ActorSystem, log: &crate::support::probe::Log) -> SupervisorRef {
    let spec = SupervisorSpec::new("group").config(config(LimitScope::PerChild, OnLimit::Escalate));
    let group = system.supervise(spec).await.unwrap();
    let a = leaf(&group, log, "a").await;
    leaf(&group, log, "b").await;
    // Each third end of `a` restarts the group, and the third of those restarts is one too many.
    for _ in 0..9 {
        a.kill();
        settle().await;
    }
    group
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_is_quarantined_and_resumed_with_its_children() {
    let system = per_child(OnLimit::Quarantine);
    let mut events = system.events();
    let log = crate::support::probe::Log::default();
    let other = leaf(system.root(), &log, "other").await;
    let group = quarantined_group(&system, &log).await;
    let told = "group, quarantined: true: `group` gave up after 2 restarts within 5s";
    assert_eq!(given_up(&mut events), [told]);
    let state = || {
        system.snapshot().root.children.iter().any(|child| match child {
            airssys_rt::ChildSnapshot::Supervisor(group) => group.state == ActorState::Quarantined,
            _ => false,
        })
    };
    assert!(state());
    assert_eq!(other.stats().restarts, 0);
    let a = system.whereis::<tree::Say>("a").unwrap();
    a.send(tree::Say::Note(1)).await.unwrap();
    settle().await;
    assert_eq!(a.depth(), 1);

    assert!(group.resume());
    assert!(!group.resume(), "once");
    tree::ask(&a).await;
    assert!(log.all().contains(&"a 1".to_owned()));
    assert!(!state());
    assert_eq!(system.shutdown(SECOND).await.stopped, ["b", "a", "other"]);
}

#[tokio::test(start_paused = true)]
async fn a_quarantined_supervisor_can_be_stopped() {
    let system = per_child(OnLimit::Quarantine);
    let log = crate::support::probe::Log::default();
    let group = quarantined_group(&system, &log).await;
    let a = system.whereis::<tree::Say>("a").unwrap();
    group.stop();
    assert!(matches!(group.closed().now_or_never(), Some(ExitReason::Shutdown)));
    a.closed().await;
    assert!(!group.resume());
    assert!(system.actors().is_empty());
}

#[tokio::test(start_paused = true)]
async fn by_default_an_actor_that_fails_too_often_does_not_end_the_system() {
    let system = ActorSystem::new("test");
    let mut events = system.events();
    let log = Log::default();
    let bad = start(&system, &log, ChildSpec::new("bad")).await;
    let good = start(&system, &log, ChildSpec::new("good")).await;
    for _ in 0..4 {
        bad.send(Say::Panic).await.unwrap();
    }
    assert!(matches!(bad.closed().await, ExitReason::Panic(_)));
    assert_eq!(given_up(&mut events).len(), 1);
    assert_eq!(good.request(Say::Ask, SECOND).await.unwrap(), 0);
    assert!(!system.is_failing());

    // A program that ends with its last actor is told.
    assert!(system.idle().now_or_never().is_none());
    let (idle, ()) = tokio::join!(tokio::time::timeout(60 * SECOND, system.idle()), async {
        for _ in 0..4 {
            good.send(Say::Panic).await.unwrap();
        }
    });
    idle.unwrap();
    assert!(system.root().children().is_empty());
    assert!(system.ended().now_or_never().is_none(), "the system goes on");
}

/// An actor that fails on every message, and has the supervisor excuse the failure if the message says so.
struct Failing;

impl Child for Failing {}

impl Actor for Failing {
    type Message = bool;
    type Error = std::fmt::Error;

    async fn handle_message(
        &mut self,
        excused: bool,
        context: &ActorContext<bool>,
    ) -> Result<(), std::fmt::Error> {
        if excused {
            context.child().excuse_failure();
        }
        Err(std::fmt::Error)
    }
}

#[tokio::test(start_paused = true)]
async fn excused_failures_count_towards_no_limit() {
    for scope in [LimitScope::PerChild, LimitScope::Shared] {
        let system = ActorSystem::builder("test").supervisor(config(scope, OnLimit::End)).build();
        let failing = system.spawn(ChildSpec::new("failing"), || Failing).await.unwrap();
        for excused in [false, true, true, true, false, true] {
            failing.send(excused).await.unwrap();
            settle().await;
            assert_eq!(failing.stats().state, ActorState::Running);
        }
        assert_eq!(failing.stats().restarts, 6);
        failing.send(false).await.unwrap();
        assert!(matches!(failing.closed().await, ExitReason::Error(_)), "two others count");
    }
}

#[tokio::test(start_paused = true)]
async fn delay_grows_after_excused_failures_too() {
    let restart_strategy = RestartStrategy::ExponentialBackoff {
        initial_delay: Duration::from_millis(10),
        max_delay: SECOND,
        multiplier: 2.0,
        jitter: 0.0,
    };
    let config = SupervisorConfig { restart_strategy, ..config(LimitScope::PerChild, OnLimit::End) };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let mut events = system.events();
    let failing = system.spawn(ChildSpec::new("failing").capacity(32), || Failing).await.unwrap();
    for _ in 0..20 {
        failing.send(true).await.unwrap();
    }
    let mut delays = Vec::new();
    while delays.len() < 20 {
        if let Some(Event::Restarting { after, .. }) = events.next().await.unwrap() {
            delays.push(after.as_millis());
        }
    }
    let expected: Vec<u128> = (0..20).map(|attempt| (10_u128 << attempt).min(1000)).collect();
    assert_eq!(delays, expected);
}

#[tokio::test(start_paused = true)]
async fn restart_that_was_asked_for_hides_no_failure_in_the_log() {
    let (_guard, logs) = logs();
    let system = ActorSystem::new("test");
    let actor = start(&system, &Log::default(), ChildSpec::new("actor")).await;
    actor.restart();
    settle().await;
    assert_eq!(logs.take(), [""; 0]);
    for _ in 0..2 {
        actor.send(Say::Fail).await.unwrap();
        tokio::time::sleep(SECOND).await;
    }
    let lines = logs.take();
    assert_eq!(lines.len(), 1, "equal lines are throttled: {lines:?}");
    assert!(lines[0].starts_with("WARN an actor failed and is restarted"), "{lines:?}");
    assert_eq!(actor.stats().restarts, 3);
    // The end of the child tells what its next line would have told.
    actor.stop();
    actor.closed().await;
    settle().await;
    let lines = logs.take();
    let told = "an actor ended, which failed and was restarted more often since its last line";
    assert!(
        lines.iter().any(|line| line.starts_with(&format!("WARN {told}")) && line.contains('1')),
        "{lines:?}"
    );
}
