//! Components that wait where the host waits for them: in a start, a look at their health, a stop.

use std::error::Error;
use std::path::Path;
use std::process;
use std::time::Duration;

use airssys_rt::{LimitScope, OnLimit, RestartStrategy, SupervisorConfig};
use airssys_wasm::{Capabilities, ComponentSpec, Input, Limits};
use tokio::time::timeout;

use super::neighbour_answers;
use crate::raw_guest::{raw_batch_component, raw_component_with_health};
use crate::support::*;

/// A component that never returns from this call.
fn waits_in(call: &str, start_timeout: Duration) -> ComponentSpec {
    let limits = Limits { start_timeout, execution_time: Duration::from_millis(50), ..Limits::default() };
    let config = vec![setting("waits-in", call)];
    let capabilities = Capabilities::everything();
    ComponentSpec { limits, config, capabilities, ..ComponentSpec::new("offender", waiter()) }
}

/// The same with a pipe as its input, for which it waits. Nothing ever writes to the pipe.
fn waits_for_input_in(call: &str, start_timeout: Duration, pipe: &Path) -> ComponentSpec {
    let mut spec = waits_in(call, start_timeout);
    spec.config.push(setting("waits-for", "input"));
    ComponentSpec { input: Some(Input::File(pipe.to_owned())), ..spec }
}

/// The last of the causes of an error.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_that_waits_fails_and_says_which_call_waited() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let host = host();
    host.spawn(trusted("neighbour")).await.unwrap();
    for call in ["initialize", "health"] {
        for (spec, awaited) in [
            (waits_in(call, SHORT), "a timer"),
            (waits_for_input_in(call, SHORT, &pipe), "a timer or its input"),
        ] {
            let error = host.spawn(spec).await.unwrap_err();
            let expected = format!(
                "did not answer in time: `{call}` took longer than 100 ms (start_timeout), and waited for {awaited}"
            );
            assert_eq!(root_cause(&error), expected);
            assert!(host.actors("offender").is_empty(), "its name is free again");
            neighbour_answers(&host).await;
        }
    }
}

/// Components that never return from this call, because they run: on a fiber, and directly entered.
fn works_in(call: &str, start_timeout: Duration) -> [ComponentSpec; 2] {
    let mut on_fiber = waits_in(call, start_timeout);
    on_fiber.config.push(setting("waits-for", "work"));
    let spin = "(loop $on (br $on))";
    let direct = match call {
        "initialize" => raw_batch_component(spin, "").unwrap(),
        _ => raw_component_with_health(spin),
    };
    assert!(on_fiber.component.runs_on_fiber() && !direct.runs_on_fiber());
    let direct = ComponentSpec::new("offender", direct);
    // The limits of an app are wider: a start has a shorter time than a message.
    [on_fiber, direct].map(|spec| ComponentSpec {
        limits: Limits { start_timeout, execution_time: Duration::from_secs(10), ..Limits::default() },
        ..spec
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_that_runs_on_fails_at_its_deadline_and_says_that_it_ran() {
    let host = host();
    host.spawn(trusted("neighbour")).await.unwrap();
    for call in ["initialize", "health"] {
        for spec in works_in(call, SHORT) {
            let error = host.spawn(spec).await.unwrap_err();
            let expected = format!(
                "did not answer in time: `{call}` took longer than 100 ms (start_timeout), and still ran"
            );
            assert_eq!(root_cause(&error), expected);
            assert!(host.actors("offender").is_empty(), "its name is free again");
            neighbour_answers(&host).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_at_the_health_that_runs_on_restarts_the_instance() {
    let host = host();
    let [mut spec, _] = works_in("later-health", SHORT);
    spec.config.push(setting("waits-from", "0"));
    host.spawn(spec).await.unwrap();
    assert_eq!(host.health("offender").await, [("offender".to_owned(), None)]);
    assert_eq!(host.ask("offender", Command::Echo("back".to_owned())).await, Ok("back".to_owned()));
    assert_eq!(host.component_snapshot("offender").unwrap().restarts(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_after_a_start_has_its_whole_execution_time() {
    let host = host();
    let [mut spec, _] = works_in("never", SHORT);
    spec.limits.execution_time = 3 * SHORT;
    host.spawn(spec).await.unwrap();
    // Later than the deadline of the start.
    host.tell("offender", Command::Spin).await;
    host.drained().await;
    let reasons = host.reasons();
    assert_eq!(reasons, ["failed: ran longer than its limit of 300 ms (execution_time)"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_that_waits_is_a_failure_and_its_supervisor_decides() {
    for call in ["initialize", "health"] {
        let host = host_with(SupervisorConfig {
            max_restarts: 2,
            within_duration: LONG,
            restart_strategy: RestartStrategy::Immediate,
            limit_scope: LimitScope::PerChild,
            on_limit: OnLimit::Quarantine,
            ..SupervisorConfig::default()
        });
        host.spawn(trusted("neighbour")).await.unwrap();
        let mut spec = waits_in(call, SHORT);
        spec.config.push(setting("waits-from", "1"));
        host.spawn(spec).await.unwrap();
        host.tell("offender", Command::Spin).await;
        while host.quarantined() != ["offender"] {
            neighbour_answers(&host).await;
        }
        assert!(host.shutdown(SOON).await.late.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn look_at_the_health_that_waits_restarts_the_instance() {
    let host = host();
    let mut spec = waits_in("later-health", SHORT);
    spec.config.push(setting("waits-from", "0"));
    host.spawn(spec).await.unwrap();
    assert_eq!(host.health("offender").await, [("offender".to_owned(), None)]);
    assert_eq!(host.ask("offender", Command::Echo("back".to_owned())).await, Ok("back".to_owned()));
    assert_eq!(host.component_snapshot("offender").unwrap().restarts(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_ends_in_time_whatever_call_waits() {
    for call in ["initialize", "health", "later-health", "callback", "shutdown"] {
        let host = host();
        host.spawn(trusted("neighbour")).await.unwrap();
        let _silent = host.prepare(trusted("silent")).unwrap();
        let spawns = host.spawn(waits_in(call, LONG));
        let drives = async {
            if matches!(call, "initialize" | "health") {
                tokio::task::yield_now().await;
                return;
            }
            while host.actors("offender").is_empty() {
                tokio::task::yield_now().await;
            }
            let (to, command) = ("silent".to_owned(), note("x"));
            host.tell("offender", Command::Request { to, command, timeout_ms: 1 }).await;
            // Nothing answers this request, because the offender waits in every one of these calls.
            drop(timeout(SHORT, host.health("offender")).await);
        };
        let shuts_down = async {
            drives.await;
            host.shutdown(Duration::from_secs(2)).await
        };
        let (_, report) = timeout(SOON, async { tokio::join!(spawns, shuts_down) }).await.unwrap();
        assert!(report.late.len() <= 1, "{call}: {report:?}");
        assert!(report.stopped.iter().any(|name| name == "neighbour"), "{call}: {report:?}");
    }
}
