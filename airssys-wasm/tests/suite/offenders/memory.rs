//! Components that want more memory of the host than their limits allow.

use std::fs;
use std::time::Duration;

use airssys_rt::{ActorSystem, RestartPolicy};
use airssys_wasm::{
    Capabilities, Component, ComponentHost, ComponentSpec, HostOptions, Limits, PreparedComponent,
};
use futures_util::future::join_all;

use super::*;
use crate::raw_guest::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_larger_than_the_memory_is_refused() {
    let (host, _silent) = scene().await;
    let raw = ComponentSpec { limits: limits(), ..ComponentSpec::new("raw", sends_its_memory_twice()) };
    let everything = Capabilities::everything();
    host.spawn(ComponentSpec { capabilities: everything, ..raw }).await.unwrap();
    host.tell("raw", *note("x")).await;
    neighbour_answers(&host).await;
    host.drained().await;
    assert!(last_reason(&host).starts_with("failed: "), "{:?}", host.reasons());
    assert_eq!((host.dead_letters().total(), snapshot(&host, "raw").restarts()), (1, 1));
    assert_eq!(snapshot(&host, "sink").received, 0);
}

/// The size of a text with which a guest attacks, in bytes: one that a call may pass to the host.
const TEXT_BYTES: u32 = 12 << 20;

/// The most that the process may grow by while a guest attacks, in bytes. On top of the guest's memory
/// of 24 MiB, the host has a copy of one text at a time.
pub(super) const MOST_GROWTH: u64 = 128 << 20;

/// The code that makes room for a text from the second page on.
const MAKE_ROOM: &str = "(if (i32.eq (memory.size) (i32.const 1))
    (then (drop (memory.grow (i32.const 384)))))";

/// Returns a line of this process's status that is a size, in bytes.
#[cfg(target_os = "linux")]
fn status_bytes(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    let kib: u64 = line.trim_matches([':', '\t', ' ', 'k', 'B']).parse().unwrap();
    kib << 10
}

/// Runs an attack. Returns its result, and by how many bytes the process grew at most.
#[cfg(target_os = "linux")]
pub(super) async fn growth_of_process<T>(attack: impl Future<Output = T>) -> (T, u64) {
    // Resets the peak to the present size.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status_bytes("VmRSS");
    let result = attack.await;
    (result, status_bytes("VmHWM").saturating_sub(before))
}

/// Runs an attack. Its growth cannot be measured here.
#[cfg(not(target_os = "linux"))]
pub(super) async fn growth_of_process<T>(attack: impl Future<Output = T>) -> (T, u64) {
    (attack.await, 0)
}

/// Checks that the process stays small while a guest attacks.
#[cfg(target_os = "linux")]
async fn stays_small<T>(attack: impl Future<Output = T>) -> T {
    let (result, growth) = growth_of_process(attack).await;
    assert!(growth < MOST_GROWTH, "the process grew by {} MiB", growth >> 20);
    result
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_texts_of_a_guest_are_not_kept() {
    let (host, _silent) = scene().await;
    // The handler's outcome: completed, rejected or to be retried, and the text.
    for (how, expected) in [(2, "rejected: "), (3, "asked for another attempt: ")] {
        let handler = format!(
            "{MAKE_ROOM}
             (i32.store8 (i32.const 20) (i32.const {how}))
             (i32.store (i32.const 24) (i32.const 65536))
             (i32.store (i32.const 28) (i32.const {TEXT_BYTES}))
             (i32.const 16)"
        );
        host.spawn(ComponentSpec::new("raw", raw_component(&handler))).await.unwrap();
        let before = host.dead_letters().total();
        stays_small(async {
            for _ in 0..30 {
                host.tell("raw", *note("x")).await;
                host.drained().await;
            }
        })
        .await;
        assert_eq!(host.dead_letters().total() - before, 30);
        let reason = last_reason(&host);
        assert!(reason.starts_with(expected) && reason.ends_with('…') && reason.len() < 1_100, "{reason}");
        assert!(host.retire("raw").await);
    }
    neighbour_answers(&host).await;
}

/// Prepares a component that asks for another attempt at the first message of a batch of 16 or more. So
/// what it reports for the later ones is kept: `how`, with a long text or reply.
fn completes_later_messages(host: &ComponentHost, how: u32) -> PreparedComponent {
    let batch = format!(
        "(if (i32.ge_u (local.get $count) (i32.const 16)) (then
           {MAKE_ROOM}
           (call $complete (local.get $first)
             (i32.const 3) (i32.const 65536) (i32.const 1) (i32.const 48))
           (local.set $id (i64.add (local.get $first) (i64.extend_i32_u (local.get $count))))
           (loop $on
             (local.set $id (i64.sub (local.get $id) (i64.const 1)))
             (call $complete (local.get $id)
               (i32.const {how}) (i32.const 65536) (i32.const {TEXT_BYTES}) (i32.const 48))
             (br_if $on (i64.gt_u (local.get $id) (i64.add (local.get $first) (i64.const 1)))))))
         (i64.store (i32.const 64) (i64.add (local.get $first) (i64.extend_i32_u (local.get $count))))"
    );
    let show = "(call $show (i32.const 64) (i32.const 1))";
    let component = raw_batch_component(show, &batch).unwrap();
    let spec = ComponentSpec {
        capacity: 2_000,
        restart: RestartPolicy::Temporary,
        limits: Limits { execution_time: Duration::from_secs(60), ..Limits::default() },
        ..ComponentSpec::new("raw", component)
    };
    host.prepare(spec).unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completions_of_later_messages_take_little_memory() {
    let (host, _silent) = scene().await;
    for (how, least) in [(1, 1), (2, 16), (3, 16)] {
        let prepared = completes_later_messages(&host, how);
        let requests = join_all((0..1_000).map(|_| host.try_ask("raw", *note("x"))));
        let answers = stays_small(async {
            let (answers, started) = tokio::join!(requests, host.start(prepared));
            started.unwrap();
            answers
        })
        .await;
        let errors = answers.iter().filter_map(|answer| answer.as_ref().err().map(ToString::to_string));
        // A long reply is too large for a requester from outside, and its message counts as done.
        let refused = errors.filter(|error| !error.contains("is more than the limit")).count();
        let raw = snapshot(&host, "raw");
        assert_eq!((raw.received, raw.restarts()), (1_000, 0));
        assert_eq!(raw.dead_lettered, refused as u64);
        // The first message of a batch is refused, and so are all with a text. A reply is dropped, and
        // its message counts as done.
        assert!(refused >= least, "{refused}");
        assert!(answers.iter().flatten().all(|answer| *answer == Ok(String::new())));
        assert!(host.retire("raw").await);
    }
    neighbour_answers(&host).await;
}

/// Runs a handler that grows memories and tables, then checks that the instance has survived, and
/// returns its memory in bytes and its table elements, as the operator sees them.
async fn growth_shown(definitions: &str, handler: &str) -> (u64, u64) {
    let (host, _silent) = scene().await;
    let component = Component::new(engine(), &raw_bytes(handler, definitions)).unwrap();
    host.spawn(ComponentSpec::new("raw", component)).await.unwrap();
    host.tell("raw", *note("x")).await;
    host.drained().await;
    assert_eq!(host.reasons(), [""; 0], "{definitions}");
    let raw = snapshot(&host, "raw");
    assert_eq!(raw.costs.linear_memory_bytes, raw.memory_bytes());
    let usage = raw.instances[0].usage.iter().find(|usage| usage.name == "table_elements");
    let elements = usage.unwrap().used;
    assert!(raw.costs.table_bytes >= 8 * elements);
    (raw.memory_bytes(), elements)
}

#[tokio::test]
async fn limit_on_memory_holds_whatever_growth_a_guest_asks_for() {
    const PAGE: u64 = 65_536;
    // Each growth fails. If its size was added without a check, the sum would wrap around.
    for (definition, grow) in [
        ("(memory $wide i64 1)", "(memory.grow $wide (i64.const 0xffffffffffff))"),
        ("(memory $wide i64 1)", "(memory.grow $wide (i64.const -1))"),
        ("(memory $wide i64 1)", "(memory.grow $wide (i64.const 0x7fffffffffff))"),
        // Beyond its own maximum. It was within the limit, and counted although it failed.
        ("(memory $wide i64 1 2)", "(memory.grow $wide (i64.const 9))"),
        ("(memory $wide 1 2)", "(i64.extend_i32_s (memory.grow $wide (i32.const 9)))"),
    ] {
        let handler = format!(
            "(local $left i32)
             (local.set $left (i32.const 2000))
             (loop $on
               (if (i64.ne {grow} (i64.const -1)) (then (unreachable)))
               (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
             (loop $on (br_if $on (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
             (if (i32.ne (memory.size) (i32.const 1009)) (then (unreachable)))
             (i32.const 16)"
        );
        // Each memory has a page at first, and 1024 are allowed.
        let (memory_bytes, _) = growth_shown(definition, &handler).await;
        assert_eq!(memory_bytes, 1_010 * PAGE, "{grow}");
    }
}

#[tokio::test]
async fn limit_on_tables_holds_whatever_growth_a_guest_asks_for() {
    for (definition, grow) in [
        ("(table $wide i64 1 funcref)", "(table.grow $wide (ref.null func) (i64.const -2))"),
        ("(table $wide i64 1 funcref)", "(table.grow $wide (ref.null func) (i64.const -1))"),
        ("(table $wide i64 1 funcref)", "(table.grow $wide (ref.null func) (i64.const -9000))"),
        ("(table $wide i64 1 2 funcref)", "(table.grow $wide (ref.null func) (i64.const 99))"),
    ] {
        let handler = format!(
            "(local $left i32)
             (local.set $left (i32.const 2000))
             (loop $on
               (if (i64.ne {grow} (i64.const -1)) (then (unreachable)))
               (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
             (loop $on
               (br_if $on (i32.ne (i32.const -1) (table.grow $table (ref.null func) (i32.const 100)))))
             (if (i32.ne (table.size $table) (i32.const 9901)) (then (unreachable)))
             (i32.const 16)"
        );
        let (_, elements) = growth_shown(definition, &handler).await;
        assert_eq!(elements, 9_902, "{grow}");
    }
}

/// The memory limit of a component that makes many names, in bytes. A quarter of it is for its routes, and
/// a quarter for its subscriptions.
const SMALL: usize = 8 << 20;

/// Spawns a probe with few bytes of memory, and as many routes and subscriptions as a host allows.
async fn spawn_small(host: &ComponentHost, name: &str) {
    let limits = Limits { memory_bytes: SMALL, routes: 65_536, subscriptions: 4_096, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted(name) }).await.unwrap();
}

/// Repeats a command until it is refused. Returns the refusal.
async fn until_refused(host: &ComponentHost, name: &str, command: impl Fn(usize) -> Command) -> String {
    for number in 0..65_536 {
        if let Err(refusal) = host.ask(name, command(number)).await {
            return refusal;
        }
    }
    panic!("`{name}` was never refused");
}

fn usage(host: &ComponentHost, component: &str, limit: &str) -> (u64, u64) {
    let instance = snapshot(host, component).instances.remove(0);
    let usage = instance.usage.into_iter().find(|usage| usage.name == limit).unwrap();
    (usage.used, usage.limit)
}

fn publish_on(topic: String) -> Command {
    Command::Publish { topic, command: Box::new(Command::Spin) }
}

/// Returns a text of this many segments in which only the first is the same for all numbers.
fn deep(number: usize, segments: usize) -> String {
    let segment = |at: usize| if at == 0 { "deep".to_owned() } else { format!("{number:x}") };
    (0..segments).map(segment).collect::<Vec<_>>().join(".")
}

#[tokio::test]
async fn bytes_of_routes_are_bounded_and_a_restart_frees_them() {
    let host = host();
    spawn_small(&host, "raw").await;
    let long = |number: usize| publish_on(format!("{}.{number}", "x".repeat(240)));
    let refusal = until_refused(&host, "raw", long).await;
    assert!(refusal.contains("route_bytes: at most 2097152"), "{refusal}");
    let (used, limit) = usage(&host, "raw", "route_bytes");
    let count = usage(&host, "raw", "routes").0;
    assert_eq!(limit, 2 << 20);
    assert!(used <= limit && limit - used < 2_048 && used > 3 * 240 * count, "{used} for {count}");
    assert_eq!(snapshot(&host, "raw").costs.route_bytes, used);
    assert_eq!(snapshot(&host, "raw").over_quota["route_bytes"], 1);
    // A known route costs nothing more.
    host.ask("raw", long(0)).await.unwrap();
    host.tell("raw", Command::Panic("restart".to_owned())).await;
    host.ask("raw", long(0)).await.unwrap();
    assert_eq!(usage(&host, "raw", "routes").0, 1);
    assert!((3 * 240..2_048).contains(&usage(&host, "raw", "route_bytes").0));
}

#[tokio::test]
async fn subscribers_that_a_route_keeps_count_and_are_given_up_without_room() {
    let host = host();
    spawn_small(&host, "raw").await;
    host.spawn(ComponentSpec { instances: 40, ..trusted("crowd") }).await.unwrap();
    let publish = |topic: &str| {
        let command = Box::new(Command::Note(String::new()));
        Command::Publish { topic: topic.to_owned(), command }
    };
    for topic in ["kept", "given-up"] {
        assert_eq!(host.ask("raw", publish(topic)).await.unwrap(), "0");
    }
    for number in 1..=40 {
        host.ask(&format!("crowd/{number}"), Command::Subscribe("*".to_owned())).await.unwrap();
    }
    let before = usage(&host, "raw", "route_bytes").0;
    assert_eq!(host.ask("raw", publish("kept")).await.unwrap(), "40");
    let after = usage(&host, "raw", "route_bytes").0;
    assert!(after >= before + 40 * 16, "{before} {after}");
    for number in 1..=40 {
        host.ask(&format!("crowd/{number}"), Command::Unsubscribe("*".to_owned())).await.unwrap();
    }
    until_refused(&host, "raw", |number| publish_on(format!("{}-{number}", "x".repeat(240)))).await;
    for number in 1..=40 {
        host.ask(&format!("crowd/{number}"), Command::Subscribe("*".to_owned())).await.unwrap();
    }
    let before = usage(&host, "raw", "route_bytes").0;
    for _ in 0..2 {
        assert_eq!(host.ask("raw", publish("given-up")).await.unwrap(), "40", "it still reaches all");
    }
    assert_eq!(usage(&host, "raw", "route_bytes").0, before);
}

#[tokio::test]
async fn bytes_of_subscriptions_are_bounded_across_restarts_of_the_component_and_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let options = || HostOptions { state: Some(folder.path().to_owned()), ..HostOptions::default() };
    let host = ComponentHost::with_options(ActorSystem::new("test"), options()).unwrap();
    spawn_small(&host, "raw").await;
    let subscribe = |number| Command::Subscribe(deep(number, 60));
    let refusal = until_refused(&host, "raw", subscribe).await;
    assert!(refusal.contains("subscription_bytes: at most 2097152"), "{refusal}");
    let (used, limit) = usage(&host, "raw", "subscription_bytes");
    let count = usage(&host, "raw", "subscriptions").0;
    assert!(used <= limit && count < 60, "{used} for {count}");
    assert_eq!(snapshot(&host, "raw").costs.subscription_bytes, used);
    host.tell("raw", Command::Panic("restart".to_owned())).await;
    host.ask("raw", subscribe(200)).await.unwrap_err();
    host.ask("raw", Command::Unsubscribe(deep(0, 60))).await.unwrap();
    host.ask("raw", subscribe(0)).await.unwrap();
    host.shutdown(SOON).await;
    drop(host);

    // The next run allows half as much, so only so many are restored.
    let host = ComponentHost::with_options(ActorSystem::new("test"), options()).unwrap();
    let limits = Limits { memory_bytes: SMALL / 2, subscriptions: 4_096, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("raw") }).await.unwrap();
    let (used, limit) = usage(&host, "raw", "subscription_bytes");
    assert!(used <= limit && limit == 1 << 20, "{used}");
    assert!((1..count).contains(&usage(&host, "raw", "subscriptions").0));
    host.shutdown(SOON).await;
}

#[tokio::test]
async fn subscriptions_of_a_manifest_beyond_their_bytes_are_refused() {
    let host = host();
    let subscribes = (0..20).map(|number| pattern(&deep(number, 60))).collect();
    let limits = Limits { memory_bytes: 64 << 10, subscriptions: 4_096, ..Limits::default() };
    let error = host.prepare(ComponentSpec { limits, subscribes, ..trusted("raw") }).map(drop).unwrap_err();
    assert!(error.to_string().contains("write fewer or shorter ones, or raise `memory`"), "{error}");
    assert!(host.actors("raw").is_empty());
}

/// The process grows by little more than what is counted, whatever the form of the names is.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn routes_and_subscriptions_cost_no_more_than_is_counted() {
    /// Growth that is not of the names: buffers, the memory of guests, and the counters.
    const REST: u64 = 12 << 20;
    let host = host();
    let names: Vec<_> = (0..6).map(|number| format!("raw-{number}")).collect();
    for name in &names {
        spawn_small(&host, name).await;
        host.notes(name).await;
    }
    let attack = async {
        for (offset, name) in names.iter().enumerate() {
            let number = |number: usize| 100_000 * offset + number;
            until_refused(&host, name, |at| publish_on(format!("{}.{}", "x".repeat(200), number(at)))).await;
            match offset % 2 {
                0 => until_refused(&host, name, |at| Command::Subscribe(deep(number(at), 30))).await,
                _ => {
                    let flat = |at| Command::Subscribe(format!("{:0>240}", number(at)));
                    until_refused(&host, name, flat).await
                }
            };
        }
    };
    let ((), growth) = growth_of_process(attack).await;
    let counted: u64 = names
        .iter()
        .map(|name| snapshot(&host, name).costs)
        .map(|costs| costs.route_bytes + costs.subscription_bytes)
        .sum();
    assert!(counted > 20 << 20, "{counted}");
    assert!(growth < counted + REST, "{growth} bytes, of which {counted} are counted");
}
