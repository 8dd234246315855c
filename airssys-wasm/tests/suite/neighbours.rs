//! Neighbours of a component that does harm: they handle all their messages, and suffer nothing.
//!
//! This test counts, because counts are the same on every machine. `cargo bench -p airssys-benches
//! --bench neighbours` measures how long the neighbours take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airssys_rt::Overflow;
use airssys_wasm::{Component, ComponentHost, ComponentSnapshot, ComponentSpec, Limits};

use crate::raw_guest::raw_component;
use crate::support::*;

/// The number of neighbours.
const NEIGHBOURS: usize = 8;

/// The least number of requests to each neighbour, and the least number of offences meanwhile.
const ROUNDS: u64 = 20;
const OFFENCES: u64 = 3;

/// An offender, and the command that makes it do harm.
struct Harm {
    name: &'static str,
    component: Component,
    command: Command,
}

fn snapshot(host: &ComponentHost, name: &str) -> ComponentSnapshot {
    host.component_snapshot(name).unwrap()
}

fn harms() -> Vec<Harm> {
    let tally = || Box::new(Command::Tally("flood".to_owned()));
    let sink = || "sink".to_owned();
    let bytes = |bytes| Command::SendBytes { to: sink(), codec: "cbor".to_owned(), bytes };
    let hold =
        Command::RequestAndStall { to: "silent".to_owned(), command: tally(), times: 64, timeout_ms: 20 };
    let told = [
        ("trap", Command::Panic("drill".to_owned())),
        ("infinite loop", Command::Spin),
        ("memory bomb", Command::MemoryBomb),
        ("stack overflow", Command::Recurse),
        ("flood of logs", Command::LogForever("flood".to_owned())),
        ("flood of messages", Command::FloodForever { to: sink(), command: tally() }),
        ("message and infinite loop", Command::SendAndSpin { to: sink(), command: tally() }),
        ("requests without end", Command::CancelForever { to: sink() }),
        ("requests held, no return", hold),
        ("oversized messages", bytes(2 << 20)),
        ("malformed messages", bytes(5)),
    ];
    let mut harms: Vec<Harm> =
        told.into_iter().map(|(name, command)| Harm { name, component: probe(), command }).collect();
    let grows = "(loop $on (br_if $on (i32.ne (i32.const -1) \
                 (table.grow $table (ref.null func) (i32.const 100))))) (unreachable)";
    harms.push(Harm { name: "table growth", component: raw_component(grows), command: *note("x") });
    harms
}

/// Sends requests to each neighbour until the offender has done enough harm. Returns the number of
/// requests to each, and the host.
async fn side_by_side(harm: Option<Harm>) -> (u64, ComponentHost) {
    let host = host();
    for number in 1..=NEIGHBOURS {
        host.spawn(trusted(&format!("neighbour-{number}"))).await.unwrap();
    }
    host.spawn(ComponentSpec { overflow: Overflow::Reject, ..trusted("sink") }).await.unwrap();
    let silent = host.prepare(trusted("silent")).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let mut offences = None;
    if let Some(Harm { component, command, .. }) = harm {
        let limits =
            Limits { execution_time: Duration::from_millis(50), memory_bytes: 8 << 20, ..Limits::default() };
        let spec = ComponentSpec { component, limits, ..trusted("offender") };
        host.spawn(spec).await.unwrap();
        let (host, over) = (host.clone(), Arc::clone(&over));
        offences = Some(tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                // The command ends the offender, or fails with an error.
                drop(host.try_ask("offender", command.clone()).await);
            }
        }));
    }
    let ended = || match &offences {
        Some(_) => {
            let offender = snapshot(&host, "offender");
            offender.handled + offender.dead_lettered
        }
        None => OFFENCES,
    };
    let mut rounds = 0;
    while rounds < ROUNDS || ended() < OFFENCES {
        for number in 1..=NEIGHBOURS {
            let text = format!("{rounds} of {number}");
            let answer = host.ask(&format!("neighbour-{number}"), Command::Echo(text.clone())).await;
            assert_eq!(answer, Ok(text));
        }
        rounds += 1;
    }
    over.store(true, Ordering::Relaxed);
    if let Some(offences) = offences {
        offences.await.unwrap();
    }
    // Requests that wait for it end with it.
    drop(silent);
    host.drained().await;
    (rounds, host)
}

/// Checks that the neighbours handled this many requests, and that no other counter changed.
fn unharmed(host: &ComponentHost, rounds: u64, beside: &str) {
    for number in 1..=NEIGHBOURS {
        let name = format!("neighbour-{number}");
        let found = snapshot(host, &name);
        assert_eq!((found.received, found.handled), (rounds, rounds), "{beside}: {found:?}");
        let harm = [
            found.restarts(),
            found.retried,
            found.refused_total(),
            found.dead_lettered,
            found.mailbox_full,
            found.late_replies,
            found.denied,
        ];
        assert!(harm.iter().all(|count| *count == 0) && found.over_quota.is_empty(), "{beside}: {found:?}");
    }
    let letters = host.dead_letters().counts();
    assert!(letters.iter().all(|count| !count.receiver.starts_with("neighbour")), "{beside}: {letters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_of_an_offender_handle_all_their_messages() {
    let (rounds, host) = side_by_side(None).await;
    unharmed(&host, rounds, "nobody");
    assert_eq!((rounds, host.dead_letters().total()), (ROUNDS, 0));
    for harm in harms() {
        let name = harm.name;
        let (rounds, host) = side_by_side(Some(harm)).await;
        unharmed(&host, rounds, name);
        let offender = snapshot(&host, "offender");
        assert!(offender.handled + offender.dead_lettered >= OFFENCES, "{name}: {offender:?}");
        host.shutdown(SOON).await;
    }
}
