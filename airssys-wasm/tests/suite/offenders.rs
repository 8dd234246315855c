//! Components that do harm: each offence ends in a typed error or a restart, and neighbours go on.
//!
//! One file holds each kind of harm. The folder `wat` holds attacks in WebAssembly text, one in each file.
//! An attack on a file, a socket or a signal is a test of airssys-cli.

use std::time::Duration;

use airssys_rt::Overflow;
use airssys_wasm::{ComponentHost, ComponentSnapshot, ComponentSpec, Limits, PreparedComponent};

use crate::support::*;

mod attacks;
mod components;
mod faults;
mod host_calls;
mod languages;
mod log;
mod memory;
mod messages;
mod records;
mod shutdown;
mod starts;
mod time;

/// The number of requests to the neighbour during each offence.
const QUESTIONS: u64 = 10;

fn limits() -> Limits {
    Limits { execution_time: Duration::from_millis(250), memory_bytes: 8 << 20, ..Limits::default() }
}

/// Makes a host with an offender, a neighbour, a sink to be flooded, and a component that never starts.
async fn scene() -> (ComponentHost, PreparedComponent) {
    let host = host();
    host.spawn(trusted("neighbour")).await.unwrap();
    host.spawn(ComponentSpec { capacity: 4, overflow: Overflow::Reject, ..trusted("sink") }).await.unwrap();
    let silent = host.prepare(trusted("silent")).unwrap();
    host.spawn(ComponentSpec { limits: limits(), ..trusted("offender") }).await.unwrap();
    (host, silent)
}

/// Checks that the neighbour answers each request.
async fn neighbour_answers(host: &ComponentHost) {
    for number in 0..QUESTIONS {
        let text = number.to_string();
        assert_eq!(host.ask("neighbour", Command::Echo(text.clone())).await, Ok(text));
    }
}

fn snapshot(host: &ComponentHost, name: &str) -> ComponentSnapshot {
    host.component_snapshot(name).unwrap()
}

fn last_reason(host: &ComponentHost) -> String {
    host.reasons().pop().unwrap_or_default()
}
