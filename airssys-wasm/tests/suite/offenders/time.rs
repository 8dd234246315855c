//! Components that want more time of the host than their limits allow.

use std::time::Duration;

use airssys_rt::Overflow;
use airssys_wasm::{Capabilities, Component, ComponentHost, ComponentSpec, Limits};

use super::*;
use crate::raw_guest::*;

/// The messages of a batch: too many to send within the execution time, but not too many for the host
/// to read the batch.
const TOO_MANY: u32 = 300_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_of_too_many_messages_ends_at_the_execution_time_limit() {
    let (host, _silent) = scene().await;
    host.retire("sink").await;
    // The sink accepts every message.
    host.spawn(ComponentSpec { capacity: 4, overflow: Overflow::DropNewest, ..trusted("sink") })
        .await
        .unwrap();
    let raw = ComponentSpec {
        limits: Limits {
            execution_time: Duration::from_millis(50),
            memory_bytes: 16 << 20,
            ..Limits::default()
        },
        ..ComponentSpec::new("raw", sends_small_messages(TOO_MANY))
    };
    let everything = Capabilities::everything();
    host.spawn(ComponentSpec { capabilities: everything, ..raw }).await.unwrap();
    host.tell("raw", *note("x")).await;
    neighbour_answers(&host).await;
    host.drained().await;
    let letters = host.dead_letters().kept();
    let letter = letters.iter().find(|letter| &*letter.receiver == "raw").unwrap();
    let expected = "failed: ran longer than its limit of 50 ms (execution_time)";
    assert_eq!((letter.reason.to_string().as_str(), snapshot(&host, "raw").restarts()), (expected, 1));
    // It was stopped within the first batch.
    let sent = host.dead_letters().total() - 1;
    assert!(sent < TOO_MANY.into(), "{sent}");
    let (sink, neighbour) = (snapshot(&host, "sink"), snapshot(&host, "neighbour"));
    assert_eq!((sink.dead_lettered, sink.handled, sink.restarts(), neighbour.restarts()), (sent, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_does_not_come_to_its_start_is_refused() {
    let (host, _silent) = scene().await;
    let spins = raw_bytes(WELL_BEHAVED, "(func $spin (loop $on (br $on))) (start $spin)");
    let component = Component::new(engine(), &spins).unwrap();
    let spec = ComponentSpec { limits: limits(), ..ComponentSpec::new("raw", component) };
    let (spawned, ()) = tokio::join!(host.spawn(spec), neighbour_answers(&host));
    let mut error: &dyn std::error::Error = &spawned.unwrap_err();
    while let Some(cause) = error.source() {
        error = cause;
    }
    assert_eq!(error.to_string(), "ran longer than its limit of 250 ms (execution_time)");
    assert!(host.actors("raw").is_empty());
}

/// A guest that spins far longer than this test may take.
async fn spins(host: &ComponentHost, name: &str) {
    let limits = Limits { execution_time: Duration::from_secs(600), ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted(name) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn long_running_guests_hand_over_their_worker() {
    let host = host();
    host.spawn(trusted("neighbour")).await.unwrap();
    for name in ["first", "second", "third"] {
        spins(&host, name).await;
        host.tell(name, Command::Spin).await;
    }
    neighbour_answers(&host).await;
    let report = host.shutdown(Duration::from_secs(2)).await;
    assert_eq!(report.stopped.len() + report.late.len(), 4, "{report:?}");
}
