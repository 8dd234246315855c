//! Leaks after very many messages, and results of very many requests.
//!
//! First two pairs of components exchange messages without a reply. The memory of this process must
//! end as it was after a hundredth of them. Then components make requests. Some are cancelled, some
//! time out, and some meet a crash; each must have exactly one result. After both parts, every
//! table must be empty.
//!
//! `-- --messages N` and `-- --requests N` set the numbers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use airssys_benches::{
    Bed, Failure, Handled, LONG, MOST, component, engine, figures, memory, message, orders, spec, workers,
};
use airssys_message::Codec;
use airssys_rt::{ActorSystem, RestartStrategy, SupervisorConfig};
use airssys_wasm::{CallError, Capabilities, ComponentHost, ComponentSpec, Delivery, Retry};
use test_commands::bench::Order;
use test_commands::{Answer, Command, Volley};

/// Requests in one message to a requester.
const VOLLEY: u32 = 10_000;

const REQUESTERS: u64 = 4;

/// Results of requests, with the number of each.
type Came = BTreeMap<String, u64>;

/// Messages between two readings of the memory.
const STRETCH: u64 = 500_000;

/// Memory that this process may have gained at the end, because the allocator keeps some.
const SPARE_BYTES: u64 = 8 << 20;

fn main() -> Result<(), Failure> {
    let (messages, requests) = (number("--messages", 30_000_000)?, number("--requests", 1_000_000)?);
    send(messages)?;
    workers(2).block_on(soak(requests))
}

fn number(name: &str, otherwise: u64) -> Result<u64, Failure> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    Ok(arguments.next().map_or(Ok(otherwise), |number| number.parse())?)
}

/// Has components send messages; fails if memory or a table entry is left of them.
fn send(messages: u64) -> Result<(), Failure> {
    let bed = Bed::new(2, 100);
    for name in ["a", "b", "c", "d"] {
        bed.add(spec(name, &bed.code));
    }
    let receivers = ["b".to_owned(), "d".to_owned()];
    let (mut sent, mut took, mut at_one_percent) = (0, Duration::ZERO, None);
    while sent < messages {
        // The first reading comes after a hundredth of the messages.
        let of_one_percent = messages.div_ceil(100).saturating_sub(sent);
        let stretch = if of_one_percent > 0 { of_one_percent } else { messages - sent };
        let each = stretch.min(STRETCH).div_ceil(2);
        let told = [("a", "b"), ("c", "d")].map(|(from, to)| {
            (from.to_owned(), orders(each, MOST, |times| Order::Send { to: to.to_owned(), times }))
        });
        took += bed.run(told.into(), &Handled { by: &receivers, messages: 2 * each });
        sent += 2 * each;
        if sent >= messages / 100 {
            at_one_percent.get_or_insert_with(memory::resident);
        }
    }
    let (at_one_percent, at_end) = (at_one_percent.unwrap_or_default(), memory::resident());
    figures::record("soak", "messages", "count", sent as f64);
    figures::record("soak", "ns_per_message", "ns", took.as_nanos() as f64 / sent as f64);
    figures::record("soak", "resident_at_1_percent", "bytes", at_one_percent as f64);
    figures::record("soak", "resident_at_end", "bytes", at_end as f64);
    nothing_left(&bed.host)?;
    if at_end > at_one_percent + SPARE_BYTES {
        let more = at_end - at_one_percent;
        return Err(format!("this process grew by {more} bytes over {sent} messages").into());
    }
    Ok(())
}

/// Fails if a message or a request is left in a table, or was lost.
fn nothing_left(host: &ComponentHost) -> Result<(), Failure> {
    println!(
        "left: {} messages in flight, {} requests in the tables",
        host.in_flight(),
        host.requests_in_flight()
    );
    if (host.in_flight(), host.requests_in_flight()) != (0, 0) {
        return Err("messages or requests are left".into());
    }
    for snapshot in host.component_snapshots() {
        if snapshot.received != snapshot.handled + snapshot.dead_lettered {
            return Err(format!("messages were lost: {snapshot:?}").into());
        }
    }
    Ok(())
}

async fn soak(requests: u64) -> Result<(), Failure> {
    let host = host().await?;
    let began = Instant::now();
    let (mut all, mut cut_off, mut fired) = (Came::new(), 0_u64, 0);
    let mut seed = 0;
    while fired < requests {
        let volleys = (0..REQUESTERS).map(|number| fire(&host, number, seed + number));
        let volleys: Vec<_> = volleys.map(tokio::spawn).collect();
        seed += REQUESTERS;
        // Kills one of the requesters in the middle of its requests.
        tokio::time::sleep(Duration::from_millis(5)).await;
        host.actors("requester-0").iter().for_each(|actor| actor.kill());
        for volley in volleys {
            match volley.await? {
                Ok(came) => {
                    fired += u64::from(VOLLEY);
                    if came.values().sum::<u64>() != u64::from(VOLLEY) {
                        return Err(format!(
                            "{VOLLEY} requests were made, and their results do not add up: {came:?}"
                        )
                        .into());
                    }
                    came.into_iter().for_each(|(outcome, count)| *all.entry(outcome).or_default() += count);
                }
                Err(_) => cut_off += 1,
            }
        }
    }
    host.drained().await;
    let took = began.elapsed();
    println!("{fired} requests in {took:.1?}, {:.2?} each", took / u32::try_from(fired)?);
    println!("results: {all:?}; a requester was killed {cut_off} times in addition");
    nothing_left(&host)?;
    host.shutdown(LONG).await;
    Ok(())
}

async fn host() -> Result<ComponentHost, Failure> {
    let supervisor = SupervisorConfig {
        max_restarts: 1_000_000,
        within_duration: Duration::from_secs(1),
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    };
    let host = ComponentHost::new(ActorSystem::builder("soak").supervisor(supervisor).build());
    let probe = component(&engine(100)?, "test-probe")?;
    let named = |name: &str| ComponentSpec {
        capabilities: Capabilities::everything(),
        ..ComponentSpec::new(name, probe.clone())
    };
    let retry = Retry { attempts: 2, backoff: RestartStrategy::Immediate };
    host.spawn(ComponentSpec { instances: 2, delivery: Delivery::Retry(retry), ..named("targets") }).await?;
    for number in 0..REQUESTERS {
        host.spawn(named(&format!("requester-{number}"))).await?;
    }
    Ok(host)
}

/// Has a requester send its requests; returns their results.
fn fire(
    host: &ComponentHost,
    number: u64,
    seed: u64,
) -> impl Future<Output = Result<Came, CallError>> + Send + 'static {
    let volley = Volley { to: "targets".to_owned(), requests: VOLLEY, at_once: 32, seed };
    let (host, body) = (host.clone(), message(&Command::Volley(volley)).unwrap_or_default());
    async move {
        let reply = host.request(&format!("requester-{number}"), body, LONG).await?;
        Ok(came(&reply).unwrap_or_default())
    }
}

fn came(reply: &[u8]) -> Option<Came> {
    let (_, body) = Codec::split(reply).ok()?;
    let answer: Answer = ciborium::from_reader(body).ok()?;
    let count = |entry: &str| {
        let (outcome, count) = entry.split_once('=')?;
        Some((outcome.to_owned(), count.parse().ok()?))
    };
    answer.ok()?.split_whitespace().map(count).collect()
}
