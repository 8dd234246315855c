//! The hooks around an incarnation: which of them run, and in which order.

use std::time::Duration;

use airssys_rt::{ActorRef, ActorSystem, ChildSpec, ExitReason, RestartPolicy, StartError};

use crate::support::probe::{Do, Log, Probe, Told, hang};

async fn start(
    system: &ActorSystem,
    log: &Log,
    fail_in: &'static [&'static str],
) -> Result<ActorRef<Do>, StartError> {
    let spec = ChildSpec::new("probe").restart(RestartPolicy::Temporary);
    let log = log.clone();
    system.spawn(spec, move || Probe { log: log.clone(), fail_in }).await
}

async fn run(fail_in: &'static [&'static str], messages: Vec<Do>) -> (Vec<String>, ExitReason) {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = start(&system, &log, fail_in).await.unwrap();
    for message in messages {
        actor.send(message).await.unwrap();
    }
    let reason = actor.closed().await;
    (log.all(), reason)
}

const ALL: [&str; 7] =
    ["pre_start 0", "post_start 0", "on_start 0", "pre_stop 0", "post_stop 0", "probe stopped", "dropped"];

#[tokio::test(start_paused = true)]
async fn a_normal_life() {
    let (log, reason) = run(&[], vec![Do::Note(1), Do::Stop, Do::Note(2)]).await;
    assert_eq!(
        log,
        [
            "pre_start 0",
            "post_start 0",
            "on_start 0",
            "note 1",
            "pre_stop 0",
            "post_stop 0",
            "probe stopped",
            "dropped"
        ]
    );
    assert!(matches!(reason, ExitReason::Normal));
}

#[tokio::test(start_paused = true)]
async fn the_last_hooks_run_after_an_error_and_after_a_panic() {
    let (log, reason) = run(&[], vec![Do::Fail]).await;
    assert_eq!(log, ALL);
    assert!(matches!(reason, ExitReason::Error(error) if error.downcast_ref::<Told>().is_some()));

    let (log, reason) = run(&[], vec![Do::Panic]).await;
    assert_eq!(log, ALL);
    assert!(matches!(reason, ExitReason::Panic(message) if message == "told to panic"));
}

#[tokio::test(start_paused = true)]
async fn failing_last_hooks_do_not_keep_each_other_from_running() {
    for fail_in in [&["pre_stop"], &["pre_stop!"]] {
        let (log, reason) = run(fail_in, vec![Do::Stop]).await;
        assert_eq!(log, ALL);
        assert!(reason.is_failure(), "{reason}");
    }
    let (log, reason) = run(&["pre_stop!", "post_stop"], vec![Do::Fail]).await;
    assert_eq!(log, ["pre_start 0", "post_start 0", "on_start 0", "pre_stop 0", "post_stop 0", "dropped"]);
    assert!(matches!(reason, ExitReason::Error(_)), "the first failure counts: {reason}");
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_is_an_error_and_ends_the_actor() {
    let without_on_start: Vec<_> = ALL.into_iter().filter(|hook| *hook != "on_start 0").collect();
    let cases: [(&'static [&'static str], &[&str]); 6] = [
        (&["pre_start"], &["pre_start 0", "dropped"]),
        (&["pre_start!"], &["pre_start 0", "dropped"]),
        (&["post_start"], &without_on_start),
        (&["post_start!"], &without_on_start),
        (&["on_start"], &ALL),
        (&["on_start!"], &ALL),
    ];
    for (fail_in, expected) in cases {
        let system = ActorSystem::new("test");
        let log = Log::default();
        let error = start(&system, &log, fail_in).await.unwrap_err();
        assert!(matches!(&error, StartError::Failed { name, .. } if name == "probe"), "{error}");
        assert_eq!(std::error::Error::source(&error).is_some(), !fail_in[0].ends_with('!'));
        assert_eq!(log.all(), expected);
        assert!(system.whereis::<Do>("probe").is_none());
        start(&system, &log, &[]).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn no_hook_runs_when_an_actor_is_aborted() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = start(&system, &log, &[]).await.unwrap();
    let (message, hangs) = hang();
    actor.send(message).await.unwrap();
    hangs.await.unwrap();
    let report = system.shutdown(Duration::from_secs(60)).await;
    assert_eq!(report.late, ["probe"]);
    assert_eq!(log.all(), ["pre_start 0", "post_start 0", "on_start 0", "dropped"]);
    assert!(matches!(actor.closed().await, ExitReason::Killed));
    assert_eq!(actor.stats().failed, 1);
}

#[tokio::test(start_paused = true)]
async fn hooks_run_in_the_same_order_for_every_incarnation() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let log_too = log.clone();
    let actor = system.spawn(ChildSpec::new("probe"), move || Probe::new(&log_too)).await.unwrap();
    actor.send(Do::Panic).await.unwrap();
    let incarnation = actor.request(Do::Ask, Duration::from_secs(1)).await.unwrap();
    assert_eq!(incarnation, 1);
    system.shutdown(Duration::from_secs(1)).await;
    let both = ["0", "1"].map(|number| {
        let hooks = ["pre_start", "post_start", "on_start", "pre_stop", "post_stop"];
        let hooks = hooks.map(|hook| format!("{hook} {number}"));
        hooks.into_iter().chain(["probe stopped".into(), "dropped".into()])
    });
    assert_eq!(log.all(), both.into_iter().flatten().collect::<Vec<_>>());
}
