//! Components that want more time of the host than their limits allow.

use std::time::Duration;

use airssys_rt::{Overflow, RestartStrategy, SupervisorConfig, requeue};
use airssys_wasm::{Capabilities, Component, ComponentHost, ComponentSnapshot, ComponentSpec, Limits};

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

/// Returns the number of this process's threads that run or could run.
#[cfg(target_os = "linux")]
fn runnable_threads() -> usize {
    let is_runnable = |stat: String| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" R"));
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // A thread that has ended meanwhile has no file.
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    stats.filter(|stat| is_runnable(stat.clone())).count()
}

/// More guests spin than may run long at one time. The others wait, and all end with their app.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_of_many_guests_that_spin_run_at_one_time() {
    let processors = std::thread::available_parallelism().unwrap().get();
    // The engine of the tests has room for 100 instances.
    let (at_once, spinners) = (4 * processors, (8 * processors + 20).min(90));
    let host = host();
    host.spawn(trusted("neighbour")).await.unwrap();
    let limits = Limits { execution_time: Duration::from_secs(600), ..Limits::default() };
    host.spawn(ComponentSpec { instances: spinners, limits, ..trusted("spinner") }).await.unwrap();
    for number in 1..=spinners {
        host.tell(&format!("spinner/{number}"), Command::Spin).await;
    }
    // Each has begun, and so handed its worker over.
    let waiting = || snapshot(&host, "spinner").depth();
    while waiting() > 0 {
        neighbour_answers(&host).await;
    }
    for _ in 0..20 {
        neighbour_answers(&host).await;
        // The workers, this thread, the ticker, and guests before their first 10 ms.
        let (runnable, most) = (runnable_threads(), at_once + 8);
        assert!(runnable <= most, "{runnable} threads of {spinners} guests could run, and {most} may");
    }
    let report = host.shutdown(Duration::from_secs(2)).await;
    assert_eq!(report.stopped.len() + report.late.len(), spinners + 1, "{report:?}");
    // Those that waited for their turn have ended, too.
    while host.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

/// The number of offenders at once.
const OFFENDERS: u64 = 8;

/// Spawns offenders without a grant. Returns their names.
async fn offenders(host: &ComponentHost) -> Vec<String> {
    let names: Vec<String> = (1..=OFFENDERS).map(|number| format!("offender-{number}")).collect();
    for name in &names {
        host.spawn(denied(name)).await.unwrap();
    }
    names
}

#[tokio::test]
async fn components_that_flood_themselves_yield_by_time() {
    let host = host();
    let names = offenders(&host).await;
    for name in &names {
        // Each message is about a millisecond of work, and the mailbox never runs empty.
        host.tell(name, Command::FloodItself(50)).await;
    }
    let handled = || names.iter().map(|name| snapshot(&host, name).handled).sum::<u64>();
    while handled() < 10 * OFFENDERS {
        tokio::task::yield_now().await;
    }
    let before = handled();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    let grew = handled() - before;
    assert!(
        (1..=2 * 20 * OFFENDERS).contains(&grew),
        "{grew} messages in 20 turns of {OFFENDERS} components"
    );
}

#[tokio::test]
async fn components_that_fail_again_and_again_yield_between_restarts() {
    let host = host();
    let names = offenders(&host).await;
    for name in &names {
        for _ in 0..500 {
            host.tell(name, Command::Panic("drill".to_owned())).await;
        }
    }
    let counted = host.clone();
    let restarts = move || names.iter().map(|name| snapshot(&counted, name).restarts()).sum::<u64>();
    while restarts() < OFFENDERS {
        tokio::task::yield_now().await;
    }
    // A task of its own takes the turns, because the runtime polls the test itself only after 61 others.
    let turns = tokio::spawn(async move {
        let before = restarts();
        for _ in 0..100 {
            requeue().await;
        }
        restarts() - before
    });
    let grew = turns.await.unwrap();
    assert!((1..=2 * 100 * OFFENDERS).contains(&grew), "{grew} restarts in 100 turns");
}

/// A component whose handler fills its memory in one stretch of so many instructions, between which
/// nothing is checked.
fn fills(times: usize) -> ComponentSpec {
    let fill = "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0x6400000)) ".repeat(times);
    let handler = format!("(drop (memory.grow (i32.const 1600))) {fill} {WELL_BEHAVED}");
    let limits =
        Limits { execution_time: Duration::from_millis(1), memory_bytes: 128 << 20, ..Limits::default() };
    ComponentSpec { limits, ..ComponentSpec::new("raw", raw_component(&handler)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_of_an_instruction_that_nothing_interrupts_counts() {
    let host = host();
    host.spawn(fills(4)).await.unwrap();
    // The first one is seen at its return only; those after it are measured exactly.
    for _ in 0..3 {
        host.tell("raw", *note("x")).await;
    }
    host.drained().await;
    let letters = host.dead_letters().kept();
    let letter = letters.iter().find(|letter| &*letter.receiver == "raw").expect("a message failed");
    let expected = "failed: ran longer than its limit of 1 ms (execution_time)";
    assert_eq!(letter.reason.to_string(), expected);
    assert!(snapshot(&host, "raw").handled < 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn neighbour_is_served_within_an_instruction_that_nothing_interrupts() {
    let (host, _silent) = scene().await;
    host.spawn(fills(100)).await.unwrap();
    // After two long stretches, the component is known for them.
    for _ in 0..2 {
        host.tell("raw", *note("x")).await;
    }
    host.drained().await;
    let before = snapshot(&host, "raw");
    host.tell("raw", *note("x")).await;
    neighbour_answers(&host).await;
    let after = snapshot(&host, "raw");
    let ended = |component: &ComponentSnapshot| component.handled + component.dead_lettered;
    assert_eq!(ended(&after), ended(&before), "the neighbour was served only after the instruction");
    host.drained().await;
}

/// Returns the numbers of the threads on which busy components run, and their niceness beyond that of this
/// thread. Empty where the system refuses such threads.
#[cfg(target_os = "linux")]
fn background_threads() -> Vec<(u32, i64)> {
    let stat = |path: &std::path::Path| std::fs::read_to_string(path.join("stat")).ok();
    // The fields behind the name, which is in brackets: the state is the first, and the niceness the 17th.
    let niceness = |stat: &str| {
        let rest = stat.rsplit(')').next()?.split_whitespace().nth(16)?;
        rest.parse::<i64>().ok()
    };
    let own = stat("/proc/thread-self".as_ref()).as_deref().and_then(niceness).unwrap();
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap());
    let found = tasks.filter_map(|task| {
        let stat = stat(&task.path()).filter(|stat| stat.contains("(airssys-busy)"))?;
        Some((task.file_name().to_str()?.parse().ok()?, niceness(&stat)? - own))
    });
    found.collect()
}

/// Returns once each component has gone on elsewhere while the only worker belonged to a task of this test.
/// `count` is the number that shows it, and `command` keeps them busy.
#[cfg(target_os = "linux")]
async fn leave_the_worker(
    host: &ComponentHost,
    names: Vec<String>,
    count: fn(&ComponentSnapshot) -> u64,
    command: Command,
) {
    const ENOUGH: u64 = 20;
    let host = host.clone();
    let task = tokio::spawn(async move {
        let counts = || names.iter().map(|name| count(&snapshot(&host, name))).collect::<Vec<_>>();
        let mut elsewhere = vec![0; names.len()];
        while elsewhere.iter().any(|count| *count < ENOUGH) {
            let before = counts();
            // Nothing can run on the worker meanwhile.
            std::thread::sleep(Duration::from_millis(1));
            for ((sum, now), before) in elsewhere.iter_mut().zip(counts()).zip(before) {
                *sum += now - before;
            }
            for name in names.iter().filter(|name| snapshot(&host, name).depth() < 10) {
                for _ in 0..20 {
                    host.tell(name, command.clone()).await;
                }
            }
            // Those that are not there yet have a turn.
            tokio::task::yield_now().await;
        }
    });
    task.await.unwrap();
    let threads = background_threads();
    assert!(!threads.is_empty() && threads.iter().all(|(_, nicer)| *nicer > 0), "{threads:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn components_that_flood_themselves_leave_the_worker_and_go_on_at_a_lower_priority() {
    for rounds in [0, 1, 50] {
        let host = host();
        let names = offenders(&host).await;
        leave_the_worker(&host, names.clone(), |component| component.handled, Command::FloodItself(rounds))
            .await;
        // They are stopped where they are, and each message is accounted for.
        let report = host.shutdown(Duration::from_secs(10)).await;
        assert_eq!(report.stopped.len() + report.late.len(), names.len(), "{report:?}");
        assert_eq!(host.in_flight(), 0);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn components_that_fail_again_and_again_leave_the_worker() {
    let host = host_with(SupervisorConfig {
        max_restarts: u32::MAX,
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    });
    let names = offenders(&host).await;
    let drill = Command::Panic("drill".to_owned());
    leave_the_worker(&host, names, ComponentSnapshot::restarts, drill).await;
    host.shutdown(Duration::from_secs(10)).await;
    assert_eq!(host.in_flight(), 0);
}
