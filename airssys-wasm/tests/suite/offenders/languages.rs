//! Hostile components in JavaScript and Python. Their interpreters hold to the same limits as other code.

use std::time::Duration;

use airssys_message::{Accepts, Codec};
use airssys_wasm::{ComponentSpec, Limits};
use serde_json::json;

use super::memory::growth_of_process;
use super::*;
use crate::languages::encoded;

/// The memory of the component. An interpreter has about 20 MiB at its start.
const MEMORY: usize = 64 << 20;

/// The most that the process may grow by during an attack: the memory, a copy of what it passes to the
/// host, and what the host allocates to write a failure.
const MOST: u64 = 2 * MEMORY as u64 + (64 << 20);

const TIME: &str = "failed: ran longer than its limit of 500 ms (execution_time)";
const REFUSED: &str = "failed: failed after it was refused memory beyond its limit of 67108864 bytes";
const HANDLED: &str = "";

fn hostile(name: &str) -> ComponentSpec {
    ComponentSpec {
        accepts: Accepts::of([Codec::Cbor, Codec::Json]).unwrap(),
        limits: Limits {
            execution_time: Duration::from_millis(500),
            memory_bytes: MEMORY,
            log_lines_per_second: 20,
            ..Limits::default()
        },
        ..ComponentSpec::new(name, component(name))
    }
}

/// Lets a component attack. Each attack ends with one of these texts in its reason, or is handled.
async fn attacks_are_held(name: &str, attacks: &[(&str, &[&str])]) {
    // Lines that the host would not write cost nothing. The log is that of one thread.
    let _log = Log::capture();
    let (host, _silent) = scene().await;
    host.spawn(hostile(name)).await.unwrap();
    let hello = || encoded(Codec::Json, &json!("hello"));
    let mut failed = 0;
    for (attack, expected) in attacks {
        let run = async {
            host.send(name, encoded(Codec::Json, &json!(attack))).await.unwrap();
            neighbour_answers(&host).await;
            host.request(name, hello(), SOON).await.unwrap()
        };
        let (answer, growth) = growth_of_process(run).await;
        assert_eq!(answer, hello(), "{attack}");
        assert!(growth < MOST, "{attack}: the process grew by {} MiB", growth >> 20);
        let is_handled = host.dead_letters().total() == failed;
        let reason = if is_handled { HANDLED.to_owned() } else { last_reason(&host) };
        let is_expected = |text: &&str| if text.is_empty() { is_handled } else { reason.contains(*text) };
        assert!(expected.iter().any(is_expected), "{attack}: {reason:?}");
        assert!(reason.len() < 1_100, "{attack}: {} bytes", reason.len());
        failed += u64::from(!is_handled);
        assert_eq!((host.dead_letters().total(), snapshot(&host, name).restarts()), (failed, failed));
    }
    let attacker = snapshot(&host, name);
    assert_eq!(attacker.received, 2 * attacks.len() as u64);
    assert_eq!(attacker.handled + attacker.dead_lettered, attacker.received);
    assert!(attacker.log.dropped_lines > 100, "{:?}", attacker.log);
    assert_eq!(snapshot(&host, "neighbour").restarts(), 0);
    assert_eq!(snapshot(&host, "sink").received, 0);
}

#[tokio::test]
async fn attacks_in_javascript_are_held() {
    attacks_are_held(
        "test-hostile-js",
        &[
            ("memory", &["out of memory", REFUSED]),
            ("text", &["out of memory", REFUSED]),
            ("spin", &[TIME]),
            ("microtasks", &[TIME]),
            ("log", &[TIME]),
            ("recursion", &["failed: trapped: wasm trap: call stack exhausted"]),
            ("unhandled", &[TIME, "out of memory"]),
            ("exceptions", &[TIME]),
            ("reason", &["failed: panicked: Error: long long"]),
            ("reply", &[HANDLED, TIME]),
            ("circle", &["failed: panicked: TypeError: circular reference"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn attacks_in_python_are_held() {
    attacks_are_held(
        "test-hostile-python",
        &[
            ("memory", &["MemoryError", REFUSED]),
            ("text", &["MemoryError", REFUSED]),
            ("spin", &[TIME]),
            ("microtasks", &[TIME]),
            ("log", &[TIME]),
            ("recursion", &[REFUSED, "failed: trapped: wasm trap: call stack exhausted", "RecursionError"]),
            ("unhandled", &[TIME]),
            ("exceptions", &[TIME]),
            ("reason", &["failed: panicked: Traceback"]),
            ("reply", &[HANDLED, TIME]),
            ("circle", &["ValueError: Circular reference detected"]),
        ],
    )
    .await;
}
