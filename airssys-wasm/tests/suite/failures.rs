//! Traps, restarts and shutdown, and the fate of messages.

use std::time::Duration;

use airssys_rt::{ActorState, LimitScope, OnLimit, RestartPolicy, RestartStrategy, SupervisorConfig};
use airssys_wasm::{ComponentHost, ComponentSpec, Limits};
use futures_util::FutureExt;

use crate::support::*;

#[tokio::test]
async fn trap_loses_only_the_current_message() {
    let host = host();
    let prepared = host.prepare(trusted("probe")).unwrap();
    host.tell("probe", Command::Note("before".to_owned())).await;
    host.tell("probe", Command::Panic("drill".to_owned())).await;
    host.tell("probe", Command::Note("after".to_owned())).await;
    host.start(prepared).await.unwrap();
    host.drained().await;
    // The notes of the first incarnation are gone.
    assert_eq!(host.notes("probe").await, "after");
    let letters = host.dead_letters().kept();
    assert_eq!(letters.len(), 1);
    let reason = letters[0].reason.to_string();
    assert!(reason.starts_with("failed: panicked: drill (test-probe/src/harm.rs:"), "{reason}");
    assert_eq!(letters[0].message, message(&Command::Panic("drill".to_owned())));
    let snapshot = host.component_snapshots().remove(0);
    assert_eq!(
        (snapshot.received, snapshot.handled, snapshot.dead_lettered, snapshot.restarts()),
        (4, 3, 1, 1)
    );
}

#[tokio::test]
async fn every_kind_of_failure_has_its_own_reason() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    for (command, expected) in [
        (Command::Panic("on purpose".to_owned()), "panicked: on purpose"),
        (Command::Exit, "called exit"),
        (Command::Recurse, "stack"),
        (Command::Stall, "waits for nothing"),
        (Command::Allocate(65), "memory"),
    ] {
        host.tell("probe", command.clone()).await;
        host.drained().await;
        let reason = host.reasons().pop().expect("a dead letter");
        assert!(reason.contains(expected), "{command:?}: {reason}");
        // The next message finds a component that works.
        assert_eq!(host.ask("probe", Command::Echo("ok".to_owned())).await, Ok("ok".to_owned()));
    }
    assert_eq!(host.component_snapshots()[0].restarts(), 5);
}

#[tokio::test]
async fn component_that_fails_too_often_is_not_restarted() {
    let host = host_with(SupervisorConfig {
        max_restarts: 2,
        within_duration: Duration::from_secs(60),
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    });
    host.spawn(trusted("probe")).await.unwrap();
    for _ in 0..3 {
        fail_on_a_message(&host).await;
    }
    for _ in 0..2 {
        fail_outside_of_messages(&host).await;
    }
    host.actors("probe")[0].kill();
    let failure = host.system().failed().await;
    assert_eq!((failure.child.as_str(), failure.restarts), ("probe", 2));
    host.drained().await;
    assert!(host.actors("probe")[0].is_closed());
    assert_eq!(host.dead_letters().total(), 3, "those that failed on a message");
}

/// A host that quarantines an instance after this many restarts.
fn quarantining(max_restarts: u32) -> ComponentHost {
    host_with(SupervisorConfig {
        max_restarts,
        within_duration: Duration::from_secs(600),
        restart_strategy: RestartStrategy::Immediate,
        limit_scope: LimitScope::PerChild,
        on_limit: OnLimit::Quarantine,
        ..SupervisorConfig::default()
    })
}

/// Fails the component on a message, and waits until it has been restarted.
async fn fail_on_a_message(host: &ComponentHost) {
    host.tell("probe", Command::Panic("poison".to_owned())).await;
    host.ask("probe", Command::Identity).await.expect("it is restarted");
}

/// Fails the component outside of its messages, and waits until it is restarted or quarantined.
async fn fail_outside_of_messages(host: &ComponentHost) {
    let actor = host.actors("probe").remove(0);
    let before = actor.stats().restarts;
    actor.kill();
    let decided = async {
        while actor.stats().restarts == before && actor.stats().state != ActorState::Quarantined {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, decided).await.expect("its supervisor decides");
}

#[tokio::test]
async fn failure_on_a_message_is_within_every_limit() {
    let host = quarantining(0);
    host.spawn(trusted("probe")).await.unwrap();
    for _ in 0..3 {
        fail_on_a_message(&host).await;
    }
    fail_outside_of_messages(&host).await;
    assert_eq!(host.quarantined(), ["probe"]);

    let host = quarantining(3);
    host.spawn(trusted("probe")).await.unwrap();
    for _ in 0..3 {
        fail_outside_of_messages(&host).await;
    }
    fail_on_a_message(&host).await;
    assert!(host.quarantined().is_empty());
}

#[tokio::test]
async fn failure_on_a_message_does_not_hide_other_failures() {
    let host = quarantining(3);
    host.spawn(trusted("probe")).await.unwrap();
    for _ in 0..3 {
        fail_outside_of_messages(&host).await;
        fail_on_a_message(&host).await;
    }
    assert!(host.quarantined().is_empty());
    fail_outside_of_messages(&host).await;
    assert_eq!(host.quarantined(), ["probe"]);
}

#[tokio::test]
async fn failed_restart_counts_as_a_failure() {
    let host = host_with(SupervisorConfig {
        max_restarts: 3,
        within_duration: Duration::from_secs(60),
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    });
    let config = vec![setting("panic-after-restart", "yes")];
    host.spawn(ComponentSpec { config, ..trusted("probe") }).await.unwrap();
    host.tell("probe", Command::Panic("first".to_owned())).await;
    host.tell("probe", Command::Note("behind".to_owned())).await;
    let failure = host.system().failed().await;
    assert_eq!(failure.child, "probe");
    host.drained().await;
    let reasons = host.reasons();
    assert_eq!(reasons.last().unwrap(), "the receiver stopped before it came to the message");
}

#[tokio::test]
async fn drained_waits_for_pending_restarts() {
    let host = host_with(SupervisorConfig {
        max_restarts: 1,
        within_duration: Duration::from_secs(60),
        restart_strategy: RestartStrategy::Fixed { delay: Duration::from_millis(20) },
        ..SupervisorConfig::default()
    });
    host.spawn(trusted("probe")).await.unwrap();
    host.spawn(ComponentSpec { restart: RestartPolicy::Temporary, ..trusted("once") }).await.unwrap();
    host.tell("probe", Command::Panic("first".to_owned())).await;
    host.drained().await;
    assert_eq!(host.component_snapshots().iter().map(|component| component.restarts()).sum::<u64>(), 1);
    assert!(!host.system().is_failing());

    // A temporary component is not restarted, so `drained` does not wait for it.
    host.tell("once", Command::Panic("only".to_owned())).await;
    host.drained().await;
    assert!(!host.system().is_failing());

    fail_outside_of_messages(&host).await;
    assert!(!host.system().is_failing(), "one restart is allowed beside that for a message");
    host.actors("probe")[0].kill();
    host.actors("probe")[0].closed().await;
    host.drained().await;
    assert!(host.system().is_failing());
}

#[tokio::test]
async fn a_temporary_component_is_not_restarted() {
    let host = host();
    host.spawn(ComponentSpec { restart: RestartPolicy::Temporary, ..trusted("probe") }).await.unwrap();
    let actor = host.actors("probe").remove(0);
    host.tell("probe", Command::Panic("only once".to_owned())).await;
    let reason = actor.closed().await.to_string();
    assert!(reason.contains("only once"), "{reason}");
}

#[tokio::test]
async fn component_that_is_dropped_before_its_start_is_taken_away() {
    let host = host();
    let two = || ComponentSpec { instances: 2, ..trusted("probe") };
    let prepared = host.prepare(two()).unwrap();
    host.tell("probe", Command::Echo("early".to_owned())).await;
    drop(prepared);
    assert!(host.component_snapshot("probe").is_none());
    assert_eq!((host.dead_letters().total(), host.in_flight()), (1, 0));

    // A start that is given up takes away what had started.
    let prepared = host.prepare(two()).unwrap();
    assert!(host.start(prepared).now_or_never().is_none());
    assert!(host.component_snapshot("probe").is_none());
    host.drained().await;
    host.system().idle().await;
    host.spawn(two()).await.unwrap();
    assert_eq!(host.ask("probe", Command::Echo("again".to_owned())).await, Ok("again".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn component_has_the_time_of_its_specification_to_stop() {
    for (seconds, is_late) in [(5, true), (20, false)] {
        let host = host();
        let stop_timeout = Duration::from_secs(seconds);
        host.spawn(ComponentSpec { stop_timeout, ..ComponentSpec::new("sleeper", waiter()) }).await.unwrap();
        host.tell("sleeper", Command::Sleep(8_000)).await;
        while host.actors("sleeper")[0].stats().depth > 0 {
            tokio::task::yield_now().await;
        }
        let stopped = host.shutdown(Duration::from_secs(60)).await;
        assert_eq!(stopped.late.len(), usize::from(is_late), "{seconds} s: {stopped:?}");
        assert_eq!(host.dead_letters().total(), u64::from(is_late), "{seconds} s");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_meets_its_deadline_while_a_guest_spins() {
    let host = host();
    host.spawn(trusted("good")).await.unwrap();
    let limits = Limits { execution_time: Duration::from_secs(600), ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..ComponentSpec::new("spins", waiter()) }).await.unwrap();
    host.tell("spins", Command::Spin).await;
    while host.actors("spins")[0].depth() > 0 {
        tokio::task::yield_now().await;
    }
    let deadline = Duration::from_secs(2);
    let report = tokio::time::timeout(SOON, host.system().shutdown(deadline)).await.unwrap();
    assert_eq!(report.late, ["spins"]);
    assert!(report.stopped.contains(&"good".to_owned()), "{report:?}");
    host.drained().await;
    assert_eq!(host.reasons(), ["the receiver was ended while it handled the message"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn shutdown_meets_its_deadline_while_a_guest_holds_the_only_worker() {
    let host = host();
    let limits = Limits { execution_time: Duration::from_secs(600), ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("spins") }).await.unwrap();
    host.tell("spins", Command::Spin).await;
    while host.actors("spins")[0].depth() > 0 {
        std::thread::yield_now();
    }
    let stopped = host.shutdown(Duration::from_millis(300)).await;
    assert!(stopped.stopped.len() + stopped.late.len() == 1, "{stopped:?}");
    host.drained().await;
    assert_eq!(host.reasons(), ["the receiver was ended while it handled the message"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn component_busy_with_callbacks_can_be_stopped() {
    let host = host();
    host.spawn(trusted("busy")).await.unwrap();
    host.spawn(trusted("other")).await.unwrap();
    host.tell("busy", Command::CancelForever { to: "other".to_owned() }).await;
    assert_eq!(host.ask("other", Command::Echo("here".to_owned())).await.unwrap(), "here");
    host.shutdown(Duration::from_millis(500)).await;
}

#[tokio::test]
async fn component_that_fails_while_stopping_can_be_retired() {
    let host = host();
    host.spawn(ComponentSpec { config: vec![setting("panic-on-shutdown", "yes")], ..trusted("probe") })
        .await
        .unwrap();
    assert!(tokio::time::timeout(SOON, host.retire("probe")).await.unwrap());
    host.spawn(trusted("probe")).await.unwrap();
    assert_eq!(host.ask("probe", Command::Identity).await.unwrap(), "test probe 0");
}

#[tokio::test]
async fn reason_does_not_mention_an_earlier_limit() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    assert_eq!(host.ask("probe", Command::TryAllocate(65)).await.unwrap(), "refused");
    host.tell("probe", Command::Exit).await;
    host.drained().await;
    assert_eq!(host.reasons(), ["failed: called exit"]);
}

#[tokio::test]
async fn long_reason_is_cut() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    host.tell("probe", Command::Reject("é".repeat(10_000))).await;
    host.drained().await;
    let reason = host.reasons().remove(0);
    assert!(reason.len() < 1_100 && reason.ends_with('…'), "{} bytes", reason.len());
}

#[tokio::test]
async fn dead_letters_are_counted_by_reason() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    for reason in ["bad", "worse", "bad"] {
        host.tell("probe", Command::Reject(reason.to_owned())).await;
    }
    host.drained().await;
    let counts: Vec<_> = host.dead_letters().counts().into_iter().map(|c| (c.reason, c.count)).collect();
    assert_eq!(counts, [("rejected: bad".to_owned(), 2), ("rejected: worse".to_owned(), 1)]);
}
