//! Many requests, of which some are cancelled, some time out, and some meet a crash.

use std::collections::BTreeMap;

use airssys_rt::RestartStrategy;
use airssys_wasm::{ComponentHost, ComponentSpec, Delivery, Retry};
use test_commands::Volley;

use crate::support::*;

/// The number of requests: any that is left behind shows. `cargo bench -p airssys-benches --bench soak`
/// makes a million.
const REQUESTS: u32 = 40_000;

/// Requests in one message to a requester.
const VOLLEY: u32 = 500;

const REQUESTERS: [&str; 4] = ["a", "b", "c", "d"];

/// Has a requester send a volley. Returns the number of requests by outcome, or `None` if the requester
/// was killed.
async fn fire(host: &ComponentHost, requester: &str, seed: u64) -> Option<BTreeMap<String, u32>> {
    let volley = Volley { to: "targets".to_owned(), requests: VOLLEY, at_once: 32, seed };
    let answer = host.try_ask(requester, Command::Volley(volley)).await.ok()?.unwrap();
    let count = |entry: &str| {
        let (outcome, count) = entry.split_once('=').unwrap();
        (outcome.to_owned(), count.parse().unwrap())
    };
    Some(answer.split_whitespace().map(count).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_empty_after_many_requests() {
    let host = host();
    let retry = Retry { attempts: 2, backoff: RestartStrategy::Immediate };
    let targets = ComponentSpec { instances: 2, delivery: Delivery::Retry(retry), ..trusted("targets") };
    host.spawn(targets).await.unwrap();
    for requester in REQUESTERS {
        host.spawn(trusted(requester)).await.unwrap();
    }
    let (mut all, mut cut_off) = (BTreeMap::<String, u32>::new(), 0);
    for round in 0..u64::from(REQUESTS / VOLLEY / 4) {
        let crash = async {
            // Two requesters end in the middle: one traps, the other is killed from outside.
            let command = Box::new(Command::Echo("late".to_owned()));
            host.tell("c", Command::AskAndPanic { to: "targets".to_owned(), command }).await;
            while host.requests_in_flight() == 0 {
                tokio::task::yield_now().await;
            }
            host.actors("d")[0].kill();
        };
        let seed = round * 4;
        let (a, b, c, d, ()) = tokio::join!(
            fire(&host, "a", seed),
            fire(&host, "b", seed + 1),
            fire(&host, "c", seed + 2),
            fire(&host, "d", seed + 3),
            crash
        );
        for came in [a, b, c, d] {
            let Some(came) = came else {
                cut_off += 1;
                continue;
            };
            // Each request has one outcome.
            assert_eq!(came.values().sum::<u32>(), VOLLEY, "{came:?}");
            came.into_iter().for_each(|(outcome, count)| *all.entry(outcome).or_default() += count);
        }
    }
    host.drained().await;
    assert_eq!((host.in_flight(), host.requests_in_flight()), (0, 0));
    for outcome in ["replied", "cancelled", "rejected", "failed"] {
        assert!(all.get(outcome).is_some_and(|count| *count > 0), "{outcome}: {all:?}");
    }
    assert!(!all.contains_key("other") && !all.contains_key("stopped"), "{all:?}");
    assert!(cut_off > 0, "{all:?}");
    for snapshot in host.component_snapshots() {
        assert_eq!(snapshot.received, snapshot.handled + snapshot.dead_lettered, "{snapshot:?}");
    }
}
