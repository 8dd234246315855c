//! Effect of a misbehaving component on its neighbours. The bench measures their handling times
//! with it and without it, in turns, in the same run. It fails if a neighbour's message is lost.
//!
//! `-- --rounds N` sets the number of rounds. `-- NAME` measures only the offenders whose names
//! contain NAME.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airssys_benches::{Failure, LONG, component, engine, message};
use airssys_message::Codec;
use airssys_rt::{ActorSystem, Overflow, RestartStrategy, SupervisorConfig};
use airssys_wasm::{Capabilities, Component, ComponentHost, ComponentSpec, Engine};
use hdrhistogram::Histogram;
use test_commands::{Answer, Command};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// Instances of the neighbour.
const NEIGHBOURS: usize = 8;

/// Interval between two messages to a neighbour.
const EVERY: Duration = Duration::from_millis(4);

/// Duration of one measurement.
const PHASE: Duration = Duration::from_secs(2);

/// Minimum time between two messages to an offender.
const PAUSE: Duration = Duration::from_millis(1);

/// A hand-written component whose handler grows its table.
const RAW: &str = include_str!("../airssys-wasm/tests/suite/raw_guest.wat");
const GROWS_TABLE: &str = "(loop $on (br_if $on (i32.ne (i32.const -1) \
    (table.grow $table (ref.null func) (i32.const 100))))) (unreachable)";

/// Ways in which an offender misbehaves.
#[derive(Clone)]
enum Harm {
    /// An order makes it misbehave.
    Told(Command),
    /// Orders make several offenders misbehave.
    Several(usize, Command),
    /// Several offenders fail on one message after the other, and are restarted at once.
    Storm(usize),
    /// Its code misbehaves on any order.
    Built,
    /// It is not a valid component.
    Malformed,
}

/// One measurement.
struct Measured {
    handling_p99_ns: u64,
    total_p99_ns: u64,
}

struct Parts {
    engine: Engine,
    probe: Component,
    raw: Component,
    /// The first half of a component.
    torn: Vec<u8>,
}

fn main() -> Result<(), Failure> {
    tracing_subscriber::fmt().with_writer(std::io::sink).init();
    let (rounds, wanted) = arguments()?;
    let engine = engine(100)?;
    let whole = wat::parse_str(RAW.replace("HANDLER)", &format!("{GROWS_TABLE})")).replace("START)", ")"))?;
    let parts = Parts {
        probe: component(&engine, "test-probe")?,
        raw: Component::new(&engine, &whole)?,
        torn: whole[..whole.len() / 2].to_vec(),
        engine,
    };
    println!(
        "| offender | p99 handling, without | with | ratio | p99 wait + handling, without | with | ratio |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, harm) in offenders() {
        if !name.contains(&wanted) {
            continue;
        }
        let mut pairs = Vec::new();
        for _ in 0..rounds {
            pairs.push((measure(&parts, None)?, measure(&parts, Some(&harm))?));
        }
        let row = |of: fn(&Measured) -> u64| {
            let median = |mut values: Vec<f64>| {
                values.sort_by(f64::total_cmp);
                values[values.len() / 2]
            };
            let without = median(pairs.iter().map(|(without, _)| of(without) as f64 / 1e3).collect());
            let with = median(pairs.iter().map(|(_, with)| of(with) as f64 / 1e3).collect());
            let ratio =
                median(pairs.iter().map(|(without, with)| of(with) as f64 / of(without) as f64).collect());
            format!("{without:.0} µs | {with:.0} µs | ×{ratio:.2}")
        };
        println!("| {name} | {} | {} |", row(|m| m.handling_p99_ns), row(|m| m.total_p99_ns));
    }
    Ok(())
}

fn arguments() -> Result<(usize, String), Failure> {
    let (mut rounds, mut wanted) = (5, String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().ok_or("--rounds needs a number")?.parse()?,
            "--bench" => {}
            other => other.clone_into(&mut wanted),
        }
    }
    Ok((rounds, wanted))
}

fn offenders() -> Vec<(&'static str, Harm)> {
    let sink = || "sink".to_owned();
    let tally = || Box::new(Command::Tally("x".repeat(52)));
    let bytes = |bytes| Command::SendBytes { to: sink(), codec: "cbor".to_owned(), bytes };
    let hold =
        Command::RequestAndStall { to: "silent".to_owned(), command: tally(), times: 64, timeout_ms: 50 };
    vec![
        ("no offender", Harm::Several(0, Command::Spin)),
        ("trap", Harm::Told(Command::Panic("drill".to_owned()))),
        ("infinite loop", Harm::Told(Command::Spin)),
        ("two infinite loops", Harm::Several(2, Command::Spin)),
        ("four infinite loops", Harm::Several(4, Command::Spin)),
        ("message and infinite loop", Harm::Told(Command::SendAndSpin { to: sink(), command: tally() })),
        ("memory bomb", Harm::Told(Command::MemoryBomb)),
        ("stack overflow", Harm::Told(Command::Recurse)),
        ("table growth", Harm::Built),
        ("flood of logs", Harm::Told(Command::LogForever("x".repeat(100)))),
        ("flood of messages", Harm::Told(Command::FloodForever { to: sink(), command: tally() })),
        ("eight self-floods of 0 µs", Harm::Several(8, Command::FloodItself(0))),
        ("eight self-floods of 20 µs", Harm::Several(8, Command::FloodItself(1))),
        ("eight self-floods of 1 ms", Harm::Several(8, Command::FloodItself(50))),
        ("eight restart storms", Harm::Storm(8)),
        ("requests held, no return", Harm::Told(hold)),
        ("oversized messages", Harm::Told(bytes(2 << 20))),
        ("malformed messages", Harm::Told(bytes(5))),
        ("malformed components", Harm::Malformed),
    ]
}

/// Puts the neighbours under load for a while, beside the offender if there is one.
fn measure(parts: &Parts, harm: Option<&Harm>) -> Result<Measured, Failure> {
    // Uses the program's setting, which checks timers and sockets often.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .event_interval(4)
        .enable_all()
        .build()?;
    let supervisor = SupervisorConfig {
        max_restarts: 1_000_000,
        within_duration: Duration::from_secs(1),
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    };
    let host = {
        let _entered = runtime.enter();
        ComponentHost::new(ActorSystem::builder("bench").supervisor(supervisor).build())
    };
    let silent = runtime.block_on(populate(&host, parts))?;
    let over = Arc::new(AtomicBool::new(false));
    let (loads, harms) = std::thread::scope(|scope| {
        // Both run outside the workers, so that the workers run only the guests.
        let load = scope.spawn(|| beside()?.block_on(load(&host)));
        let harm = scope.spawn(|| match harm {
            Some(harm) => beside()?.block_on(offend(&host, parts, harm, &over)),
            None => Ok(()),
        });
        let loads = load.join().unwrap_or_else(|_| Err("the load thread panicked".to_owned()));
        over.store(true, Ordering::Relaxed);
        (loads, harm.join().unwrap_or_else(|_| Err("the offender's thread panicked".to_owned())))
    });
    harms?;
    let (sent, totals) = loads?;
    let neighbour = host.component_snapshot("neighbour");
    let neighbour = neighbour.ok_or("the host has no component `neighbour`")?;
    if (neighbour.handled, totals.len(), neighbour.restarts()) != (sent, sent, 0) {
        return Err(format!("{} of {sent} messages were answered: {neighbour:?}", totals.len()).into());
    }
    drop(silent);
    runtime.block_on(host.shutdown(Duration::from_secs(1)));
    runtime.shutdown_background();
    let handling_p99_ns = neighbour.handling.total.p99_ns.ok_or("the neighbours handled no message")?;
    Ok(Measured { handling_p99_ns, total_p99_ns: totals.value_at_quantile(0.99) })
}

fn beside() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

async fn populate(host: &ComponentHost, parts: &Parts) -> Result<airssys_wasm::PreparedComponent, Failure> {
    let spec = |name: &str, component: &Component| ComponentSpec {
        capabilities: Capabilities::everything(),
        ..ComponentSpec::new(name, component.clone())
    };
    host.spawn(ComponentSpec { instances: NEIGHBOURS, ..spec("neighbour", &parts.probe) }).await?;
    host.spawn(ComponentSpec { overflow: Overflow::Reject, ..spec("sink", &parts.probe) }).await?;
    host.spawn(spec("raw", &parts.raw)).await?;
    for number in 1..=8 {
        let name = format!("offender-{number}");
        host.spawn(ComponentSpec { overflow: Overflow::Reject, ..spec(&name, &parts.probe) }).await?;
    }
    Ok(host.prepare(spec("silent", &parts.probe))?)
}

/// Sends each neighbour its messages. Returns their number, and the nanoseconds they waited and
/// took.
async fn load(host: &ComponentHost) -> Result<(u64, Histogram<u64>), String> {
    let body = message(&Command::Rounds(1)).map_err(|error| error.to_string())?;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut answers = JoinSet::new();
    let mut sent = 0;
    let began = Instant::now();
    while began.elapsed() < PHASE {
        ticks.tick().await;
        for number in 1..=NEIGHBOURS {
            let (host, body) = (host.clone(), body.clone());
            sent += 1;
            answers.spawn(async move { host.request(&format!("neighbour/{number}"), body, LONG).await });
        }
    }
    let mut totals = Histogram::new(3).map_err(|error| error.to_string())?;
    while let Some(answer) = answers.join_next().await {
        let reply = answer.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let nanoseconds = nanoseconds(&reply).ok_or("a reply does not have the neighbour's form")?;
        totals.record(nanoseconds).map_err(|error| error.to_string())?;
    }
    Ok((sent, totals))
}

/// Returns the time that a message waited and took.
fn nanoseconds(reply: &[u8]) -> Option<u64> {
    let (_, body) = Codec::split(reply).ok()?;
    let answer: Answer = ciborium::from_reader(body).ok()?;
    answer.ok()?.split(' ').map(|number| number.parse::<u64>().ok()).sum()
}

/// Makes the offender misbehave until `over` is set.
async fn offend(host: &ComponentHost, parts: &Parts, harm: &Harm, over: &AtomicBool) -> Result<(), String> {
    let told = |command: &Command| message(command).map_err(|error| error.to_string());
    let (names, body): (Vec<String>, _) = match harm {
        Harm::Told(command) => (vec!["offender-1".to_owned()], told(command)?),
        Harm::Several(count, command) => {
            ((1..=*count).map(|n| format!("offender-{n}")).collect(), told(command)?)
        }
        Harm::Storm(count) => {
            let names = (1..=*count).map(|n| format!("offender-{n}")).collect();
            (names, told(&Command::Panic("drill".to_owned()))?)
        }
        Harm::Built => (vec!["raw".to_owned()], told(&Command::Notes)?),
        Harm::Malformed => {
            while !over.load(Ordering::Relaxed) {
                if Component::new(&parts.engine, &parts.torn).is_ok() {
                    return Err("half of a component was loaded".to_owned());
                }
                tokio::time::sleep(PAUSE).await;
            }
            return Ok(());
        }
    };
    let is_storm = matches!(harm, Harm::Storm(_));
    let mut offenders = JoinSet::new();
    for name in names {
        let (host, body) = (host.clone(), body.clone());
        offenders.spawn(async move {
            loop {
                // A storm has the next message in the mailbox, whenever there is room.
                while is_storm && host.send(&name, body.clone()).await.is_ok() {}
                // The request ends in an error, as intended.
                drop(host.request(&name, body.clone(), LONG).await);
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
