//! Components that do harm: each offence ends in a typed error or a restart, and neighbours go on.

mod records;
mod starts;

use std::time::Duration;

use airssys_rt::{Overflow, RestartPolicy};
use airssys_wasm::{
    Capabilities, Component, ComponentHost, ComponentSnapshot, ComponentSpec, Limits, LoadError,
    PreparedComponent,
};

use crate::raw_guest::*;
use crate::support::*;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_offence_ends_in_its_own_error_and_a_restart() {
    let (host, _silent) = scene().await;
    let sink = || "sink".to_owned();
    let tally = || Box::new(Command::Tally("flood".to_owned()));
    let out_of_time = "failed: ran longer than its limit of 250 ms (execution_time)";
    let cases = [
        (Command::Panic("drill".to_owned()), "failed: panicked: drill"),
        (Command::Exit, "failed: called exit"),
        (Command::Spin, out_of_time),
        (Command::MemoryBomb, "failed: failed after it was refused memory beyond its limit of 8388608 bytes"),
        (Command::Recurse, "failed: trapped: wasm trap: call stack exhausted"),
        (Command::LogForever("flood".to_owned()), out_of_time),
        (Command::FloodForever { to: sink(), command: tally() }, out_of_time),
        (Command::SendAndSpin { to: sink(), command: tally() }, out_of_time),
        (Command::CancelForever { to: sink() }, out_of_time),
        (
            Command::RequestAndStall { to: "silent".to_owned(), command: tally(), times: 9, timeout_ms: 20 },
            "abandoned: the handler deferred the message and waits for nothing",
        ),
    ];
    let times = cases.len() as u64;
    for (incarnation, (command, expected)) in (1..).zip(cases) {
        host.tell("offender", command.clone()).await;
        neighbour_answers(&host).await;
        let back = host.ask("offender", Command::Identity).await.unwrap();
        assert_eq!(back, format!("test offender {incarnation}"));
        let reason = last_reason(&host);
        assert!(reason.starts_with(expected), "{command:?}: {reason}");
        assert_eq!(host.dead_letters().total(), incarnation);
    }
    let (offender, neighbour) = (snapshot(&host, "offender"), snapshot(&host, "neighbour"));
    assert_eq!((offender.restarts(), offender.handled, offender.dead_lettered), (times, times, times));
    let answered = times * QUESTIONS;
    assert_eq!((neighbour.received, neighbour.handled, neighbour.restarts()), (answered, answered, 0));
    let sink = snapshot(&host, "sink");
    assert_eq!((sink.dead_lettered, sink.restarts()), (0, 0));
    assert!(sink.high_water() <= 4 && sink.mailbox_full > 0, "{sink:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_of_handwritten_code_ends_in_its_own_error_and_a_restart() {
    let (host, _silent) = scene().await;
    // Writes an answer: completed, its kind, and the bytes of its list.
    let answer = |how: u32, at: &str, bytes: &str| {
        format!(
            "(i32.store8 (i32.const 20) (i32.const {how})) (i32.store (i32.const 24) (i32.const {at})) \
             (i32.store (i32.const 28) (i32.const {bytes})) (i32.const 16)"
        )
    };
    let grow = |code: &str| format!("(loop $on (br_if $on (i32.ne (i32.const -1) {code}))) (unreachable)");
    let cases = [
        ("(unreachable)".to_owned(), "failed: trapped: wasm trap: wasm `unreachable` instruction executed"),
        ("(loop $on (br $on)) (unreachable)".to_owned(), "failed: ran longer than its limit of 250 ms"),
        ("(i32.load (i32.const -1))".to_owned(), "failed: trapped: wasm trap: out of bounds memory access"),
        (
            "(i32.div_u (i32.const 1) (i32.const 0))".to_owned(),
            "failed: trapped: wasm trap: integer divide by zero",
        ),
        (
            "(call_indirect $table (result i32) (i32.const 0))".to_owned(),
            "failed: trapped: wasm trap: uninitialized element",
        ),
        (
            grow("(table.grow $table (ref.null func) (i32.const 100))"),
            "failed: failed after it was refused table elements beyond its limit of 10000 (table_elements)",
        ),
        (
            grow("(memory.grow (i32.const 16))"),
            "failed: failed after it was refused memory beyond its limit of 8388608 bytes (memory)",
        ),
        ("(i32.store8 (i32.const 16) (i32.const 7)) (i32.const 16)".to_owned(), "failed: trapped: "),
        ("(i32.const 17)".to_owned(), "failed: trapped: "),
        ("(i32.const -4)".to_owned(), "failed: trapped: "),
        (answer(1, "-1", "5"), "failed: trapped: "),
        (answer(1, "0", "-1"), "failed: trapped: "),
        (answer(9, "0", "0"), "failed: trapped: "),
        // The reason is not UTF-8.
        (format!("(i32.store (i32.const 40) (i32.const -1)) {}", answer(2, "40", "4")), "failed: trapped: "),
    ];
    for (letters, (handler, expected)) in (1..).zip(cases) {
        let spec = ComponentSpec { limits: limits(), ..ComponentSpec::new("raw", raw_component(&handler)) };
        host.spawn(spec).await.unwrap();
        host.tell("raw", *note("x")).await;
        neighbour_answers(&host).await;
        host.drained().await;
        let reason = last_reason(&host);
        assert!(reason.starts_with(expected), "{handler}: {reason}");
        assert_eq!((host.dead_letters().total(), snapshot(&host, "raw").restarts()), (letters, 1));
        assert!(host.retire("raw").await);
    }
}

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

#[tokio::test]
async fn malformed_reply_is_reported_to_the_requester() {
    let host = host();
    // Four zeros: no codec has the code 0.
    let zeros = "(i32.store8 (i32.const 20) (i32.const 1)) (i32.store (i32.const 24) (i32.const 64)) \
                 (i32.store (i32.const 28) (i32.const 4)) (i32.const 16)";
    host.spawn(ComponentSpec::new("raw", raw_component(zeros))).await.unwrap();
    host.spawn(trusted("asks")).await.unwrap();
    let ask = Command::Request { to: "raw".to_owned(), command: note("x"), timeout_ms: 20_000 };
    let refused = host.ask("asks", ask).await.unwrap_err();
    assert!(refused.contains("0x0 is not the multicodec code of a known codec"), "{refused}");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_components_are_refused_or_stay_within_their_limits() {
    let (host, _silent) = scene().await;
    let whole = raw_bytes(WELL_BEHAVED, "");
    let mut loaded = 0_u64;
    for place in (8..whole.len()).step_by(11) {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        let Ok(component) = Component::new(engine(), &damaged) else { continue };
        loaded += 1;
        let spec = ComponentSpec {
            limits: Limits { execution_time: Duration::from_millis(20), ..Limits::default() },
            restart: RestartPolicy::Temporary,
            ..ComponentSpec::new("raw", component)
        };
        if host.spawn(spec).await.is_ok() {
            host.tell("raw", *note("x")).await;
            host.drained().await;
            let raw = snapshot(&host, "raw");
            assert_eq!(raw.received, raw.handled + raw.dead_lettered);
            assert!(host.retire("raw").await);
        }
    }
    neighbour_answers(&host).await;
    assert!(loaded > 20, "{loaded} were loaded");
}

#[tokio::test]
async fn failed_load_does_not_affect_other_components() {
    let (host, _silent) = scene().await;
    let whole = raw_bytes(WELL_BEHAVED, "");
    let module = wat::parse_str("(module)").unwrap();
    let foreign = br#"(component (import "acme:bank/vault@1.0.0" (instance (export "open" (func)))))"#;
    let exports = b"(component)";
    let load = |bytes: &[u8]| Component::new(engine(), bytes).unwrap_err();
    assert!(matches!(load(&whole[..whole.len() / 2]), LoadError::Invalid { .. }));
    assert!(load(b"garbage").to_string().contains("does not begin"));
    assert!(load(&module).to_string().contains("core module"));
    assert!(matches!(load(exports), LoadError::MissingExports(_)));
    assert!(matches!(load(foreign), LoadError::UnknownImports(_)));
    neighbour_answers(&host).await;
}

#[tokio::test]
async fn oversized_and_malformed_messages_do_not_harm_their_receiver() {
    let host = host();
    let limits = Limits { message_size_bytes: 1_000, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("neighbour") }).await.unwrap();
    host.spawn(trusted("offender")).await.unwrap();
    let send = |codec: &str, bytes| Command::SendBytes {
        to: "neighbour".to_owned(),
        codec: codec.to_owned(),
        bytes,
    };
    for number in 0..5 {
        host.ask("offender", send("cbor", 100_000)).await.unwrap_err();
        host.ask("offender", send("borsh", 5)).await.unwrap_err();
        // The prefix says CBOR, but the body is not CBOR.
        host.ask("offender", send("cbor", 5)).await.unwrap();
        assert_eq!(host.ask("neighbour", Command::Echo(number.to_string())).await, Ok(number.to_string()));
    }
    let neighbour = snapshot(&host, "neighbour");
    assert_eq!((neighbour.received, neighbour.handled, neighbour.dead_lettered), (10, 5, 5));
    assert_eq!((neighbour.refused["message-too-large"], neighbour.refused["codec-refused"]), (5, 5));
    assert_eq!(neighbour.restarts(), 0);
    assert!(host.reasons().iter().all(|reason| reason.starts_with("rejected: ")), "{:?}", host.reasons());
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
