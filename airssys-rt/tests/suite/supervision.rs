//! Restarts: the ends that lead to one, the delay, and the limit.

use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorState, ActorSystem, BoxError, Child, ChildContext, ChildSpec,
    ExitReason, RestartPolicy, RestartStrategy, SupervisionStrategy, SupervisorConfig,
};
use tokio::time::Instant;

use crate::support::probe::{Do, Log, Probe, hold};

const SECOND: Duration = Duration::from_secs(1);

fn config(max_restarts: u32, restart_strategy: RestartStrategy) -> SupervisorConfig {
    SupervisorConfig { max_restarts, restart_strategy, ..SupervisorConfig::default() }
}

async fn start(system: &ActorSystem, log: &Log, spec: ChildSpec) -> ActorRef<Do> {
    let log = log.clone();
    system.spawn(spec, move || Probe::new(&log)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn restart_policy_selects_the_ends_that_restart() {
    let ends: [fn(&ActorRef<Do>); 4] = [
        |actor| actor.try_send(Do::Stop).unwrap(),
        ActorRef::restart,
        |actor| actor.try_send(Do::Fail).unwrap(),
        |actor| actor.try_send(Do::Panic).unwrap(),
    ];
    let table = [
        (RestartPolicy::Permanent, [true, true, true, true]),
        (RestartPolicy::Transient, [false, true, true, true]),
        (RestartPolicy::Temporary, [false, false, false, false]),
    ];
    for (policy, restarted) in table {
        for (index, end) in ends.iter().enumerate() {
            let system = ActorSystem::new("test");
            let actor = start(&system, &Log::default(), ChildSpec::new("probe").restart(policy)).await;
            end(&actor);
            let answer = actor.request(Do::Ask, SECOND).await;
            assert_eq!(answer.is_ok(), restarted[index], "{policy:?} {index}");
            assert_eq!(actor.is_closed(), !restarted[index]);
            if !restarted[index] {
                let reason = actor.closed().await;
                let fits = match index {
                    0 => matches!(reason, ExitReason::Normal),
                    1 => matches!(reason, ExitReason::Restart),
                    2 => matches!(reason, ExitReason::Error(_)),
                    _ => matches!(reason, ExitReason::Panic(_)),
                };
                assert!(fits, "{index} {reason}");
                assert_eq!(actor.stats().state, ActorState::Stopped);
                assert!(system.whereis::<Do>("probe").is_none());
            }
        }
    }
}

/// Crashes the actor, and returns the time until it handled messages again.
async fn crash(actor: &ActorRef<Do>) -> Duration {
    let before = Instant::now();
    actor.send(Do::Fail).await.unwrap();
    actor.request(Do::Ask, 100 * SECOND).await.unwrap();
    before.elapsed()
}

#[tokio::test(start_paused = true)]
async fn restart_delays_are_exact() {
    let log = Log::default();
    let millis = Duration::from_millis;
    let backoff = RestartStrategy::ExponentialBackoff {
        initial_delay: millis(100),
        max_delay: millis(450),
        multiplier: 2.0,
        jitter: 0.0,
    };
    let system = ActorSystem::builder("test").supervisor(config(100, backoff)).build();
    let actor = start(&system, &log, ChildSpec::new("probe")).await;
    let sibling = start(&system, &log, ChildSpec::new("sibling")).await;
    for expected in [100, 200, 400, 450, 450] {
        assert_eq!(crash(&actor).await, millis(expected));
    }
    assert_eq!(crash(&sibling).await, millis(100), "each child has its own delays");
    tokio::time::advance(5 * SECOND).await;
    assert_eq!(crash(&actor).await, millis(100), "a child that has lived starts anew");

    let fixed = RestartStrategy::Fixed { delay: millis(30) };
    let system = ActorSystem::builder("test").supervisor(config(100, fixed)).build();
    let actor = start(&system, &log, ChildSpec::new("probe")).await;
    assert_eq!(crash(&actor).await, millis(30));
    assert_eq!(crash(&actor).await, millis(30));

    let system = ActorSystem::builder("test").supervisor(config(100, RestartStrategy::Immediate)).build();
    let actor = start(&system, &log, ChildSpec::new("probe")).await;
    assert_eq!(crash(&actor).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn too_many_restarts_stop_all_in_reverse_order_and_fail_the_system() {
    let log = Log::default();
    let system = ActorSystem::builder("test").supervisor(config(2, RestartStrategy::Immediate)).build();
    let first = start(&system, &log, ChildSpec::new("first")).await;
    let second = start(&system, &log, ChildSpec::new("second")).await;
    let third = start(&system, &log, ChildSpec::new("third")).await;
    crash(&second).await;
    crash(&first).await;
    assert!(!system.is_failing());
    second.send(Do::Panic).await.unwrap();
    second.closed().await;
    assert!(system.is_failing(), "who sees the end of the actor knows that the system fails");
    let failure = system.failed().await;
    assert_eq!((failure.child.as_str(), failure.restarts), ("second", 2));
    assert_eq!(failure.within, 5 * SECOND);
    assert!(matches!(&failure.reason, ExitReason::Panic(_)));
    assert_eq!(failure.to_string(), "`second` panicked: told to panic after 2 restarts within 5s");

    let stopped: Vec<_> = log.all().into_iter().filter(|line| line.ends_with("stopped")).collect();
    assert_eq!(stopped[stopped.len() - 3..], ["second stopped", "third stopped", "first stopped"]);
    assert!(matches!(second.closed().await, ExitReason::Panic(_)));
    for actor in [first, third] {
        assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    }
    assert!(system.actors().is_empty());
    let error = system.prepare::<Do>(ChildSpec::new("fourth")).unwrap_err();
    assert_eq!(error.to_string(), "`fourth` cannot start: the actor system has stopped");
    assert_eq!(system.shutdown(SECOND).await, Default::default());
}

#[tokio::test(start_paused = true)]
async fn restarts_long_ago_do_not_count() {
    let system = ActorSystem::builder("test").supervisor(config(1, RestartStrategy::Immediate)).build();
    let actor = start(&system, &Log::default(), ChildSpec::new("probe")).await;
    for _ in 0..3 {
        crash(&actor).await;
        tokio::time::advance(5 * SECOND).await;
    }
    crash(&actor).await;
    actor.send(Do::Fail).await.unwrap();
    assert_eq!(system.failed().await.restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn child_waiting_for_its_restart_delays_no_shutdown() {
    let hour = RestartStrategy::Fixed { delay: 3600 * SECOND };
    let system = ActorSystem::builder("test").supervisor(config(3, hour)).build();
    let log = Log::default();
    let waits = start(&system, &log, ChildSpec::new("waits")).await;
    waits.send(Do::Fail).await.unwrap();
    waits.send(Do::Note(1)).await.unwrap();
    let other = start(&system, &log, ChildSpec::new("other")).await;
    assert_eq!(other.request(Do::Ask, SECOND).await.unwrap(), 0);
    assert_eq!(waits.stats().state, ActorState::Restarting);

    let before = Instant::now();
    let report = system.shutdown(10 * SECOND).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(report.stopped, ["other", "waits"]);
    assert!(matches!(waits.closed().await, ExitReason::Shutdown));
    assert_eq!(waits.stats().dropped, 1);
}

/// Stops itself in its last hook, which has no effect any more.
struct StopsLate(Log);

impl Child for StopsLate {
    async fn post_stop(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        context.stop_self();
        Ok(())
    }
}

impl Actor for StopsLate {
    type Message = u32;
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, number: u32, context: &ActorContext<u32>) -> Result<(), Self::Error> {
        self.0.note(format!("{} {number}", context.incarnation()));
        if number == 0 { Err(std::fmt::Error) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn stop_self_stops_only_its_own_incarnation() {
    let log = Log::default();
    let log_too = log.clone();
    let system = ActorSystem::new("test");
    let spec = ChildSpec::new("probe").restart(RestartPolicy::Transient);
    let actor = system.spawn(spec, move || StopsLate(log_too.clone())).await.unwrap();
    actor.send(0).await.unwrap();
    actor.send(1).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert!(!actor.is_closed());
    assert_eq!(log.all(), ["0 0", "1 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_asked_for_during_a_restart_is_obeyed_before_any_message() {
    let second = RestartStrategy::Fixed { delay: SECOND };
    let system = ActorSystem::builder("test").supervisor(config(3, second)).build();
    let log = Log::default();
    let actor = start(&system, &log, ChildSpec::new("probe").restart(RestartPolicy::Transient)).await;
    actor.send(Do::Fail).await.unwrap();
    actor.send(Do::Note(1)).await.unwrap();
    tokio::time::advance(SECOND / 2).await;
    assert_eq!(actor.stats().state, ActorState::Restarting);
    actor.stop();
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    assert!(log.only("note").is_empty());
    assert_eq!(actor.stats().dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn stop_by_the_holder_of_a_reference_is_final_whatever_the_policy() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let bystander = start(&system, &log, ChildSpec::new("bystander")).await;
    for policy in [RestartPolicy::Permanent, RestartPolicy::Transient, RestartPolicy::Temporary] {
        let ways: [fn(&ActorRef<Do>); 2] = [ActorRef::stop, |actor| actor.handle().stop()];
        for stop in ways {
            // More often than the supervisor would restart it.
            for _ in 0..5 {
                let actor = start(&system, &log, ChildSpec::new("actor").restart(policy)).await;
                stop(&actor);
                assert!(matches!(actor.closed().await, ExitReason::Shutdown));
                assert_eq!(actor.stats().restarts, 0);
            }
        }
    }
    assert!(!system.is_failing());
    assert_eq!(bystander.request(Do::Ask, SECOND).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn restart_keeps_the_mailbox_and_counts_towards_no_limit() {
    let hour = RestartStrategy::Fixed { delay: 3600 * SECOND };
    for strategy in [SupervisionStrategy::OneForOne, SupervisionStrategy::OneForAll] {
        let config = SupervisorConfig { strategy, ..config(0, hour) };
        let system = ActorSystem::builder("test").supervisor(config).build();
        let log = Log::default();
        let actor = start(&system, &log, ChildSpec::new("actor").restart(RestartPolicy::Transient)).await;
        let sibling = start(&system, &log, ChildSpec::new("sibling")).await;
        for number in 1..5 {
            let (message, is_held, go) = hold();
            actor.send(message).await.unwrap();
            is_held.await.unwrap();
            actor.send(Do::Note(number)).await.unwrap();
            actor.restart();
            actor.handle().restart();
            go.send(()).unwrap();
            assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), u64::from(number), "without a delay");
        }
        assert_eq!(log.only("note"), ["note 1", "note 2", "note 3", "note 4"]);
        assert_eq!(log.only("post_stop").len(), 4, "its last hooks run");
        assert_eq!(sibling.stats().restarts, 0, "no group restarts with it");
        assert_eq!(system.snapshot().root.children_restarted, 4);

        actor.send(Do::Fail).await.unwrap();
        assert!(matches!(system.failed().await.reason, ExitReason::Error(_)), "a failure still counts");
    }
}

/// A restart that was asked for before an incarnation began has happened by then.
#[tokio::test(start_paused = true)]
async fn restart_concerns_only_the_incarnation_that_runs() {
    let system = ActorSystem::builder("test").supervisor(config(3, RestartStrategy::Immediate)).build();
    let prepared = system.prepare::<Do>(ChildSpec::new("actor")).unwrap();
    let actor = prepared.actor_ref();
    actor.restart();
    let log = Log::default();
    system.start(prepared, move || Probe::new(&log)).await.unwrap();
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 0);
    let (message, is_held, go) = hold();
    actor.send(message).await.unwrap();
    is_held.await.unwrap();
    actor.restart();
    actor.kill();
    drop(go);
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 1);
}
