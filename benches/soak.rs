//! A million requests between components, of which some are given up, some come too late, and some
//! meet a crash: each comes to one thing, and at the end nothing is left of any.
//!
//! `-- --requests N` says how many.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use airssys_benches::{Failure, LONG, component, engine, message};
use airssys_message::Codec;
use airssys_rt::{ActorSystem, RestartStrategy, SupervisorConfig};
use airssys_wasm::{CallError, Capabilities, ComponentHost, ComponentSpec, Delivery, Retry};
use test_commands::{Answer, Command, Volley};

/// Requests in one message to a requester.
const VOLLEY: u32 = 10_000;

const REQUESTERS: u64 = 4;

/// What requests came to, and how many.
type Came = BTreeMap<String, u64>;

fn main() -> Result<(), Failure> {
    let requests = requests()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(soak(requests))
}

fn requests() -> Result<u64, Failure> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--requests").skip(1);
    Ok(arguments.next().map_or(Ok(1_000_000), |number| number.parse())?)
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
        // One of the requesters is cut off in the middle of its requests.
        tokio::time::sleep(Duration::from_millis(5)).await;
        host.actors("requester-0").iter().for_each(|actor| actor.kill());
        for volley in volleys {
            match volley.await? {
                Ok(came) => {
                    fired += u64::from(VOLLEY);
                    if came.values().sum::<u64>() != u64::from(VOLLEY) {
                        return Err(format!("of {VOLLEY} requests: {came:?}").into());
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
    println!("came to: {all:?}; {cut_off} times a requester was cut off on top of that");
    println!("left: {} under way, {} in the tables", host.in_flight(), host.requests_under_way());
    if (host.in_flight(), host.requests_under_way()) != (0, 0) {
        return Err("something is left".into());
    }
    for summary in host.summaries() {
        if summary.received != summary.handled + summary.dead_lettered {
            return Err(format!("messages are lost: {summary:?}").into());
        }
    }
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
    let spec = |name: &str| ComponentSpec {
        capabilities: Capabilities::everything(),
        ..ComponentSpec::new(name, probe.clone())
    };
    let retry = Retry { attempts: 2, backoff: RestartStrategy::Immediate };
    host.spawn(ComponentSpec { instances: 2, delivery: Delivery::Retry(retry), ..spec("targets") }).await?;
    for number in 0..REQUESTERS {
        host.spawn(spec(&format!("requester-{number}"))).await?;
    }
    Ok(host)
}

/// Has a requester fire; what its requests came to.
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
