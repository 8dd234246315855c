//! Components that ask the host for more work in one call than a call may take.

use airssys_wasm::{Capabilities, Component, ComponentSpec, Input, Limits};

use super::*;
use crate::raw_guest::*;

/// The functions of WASI in a table, for [`calls`].
const WASI: &str = include_str!("wasi.wat");

const FUNCTIONS: u32 = 8;

/// Makes a component that calls functions of WASI. On a fiber it can also call `write-zeroes`, which
/// direct components do not have.
fn wasi(handler: &str, on_fiber: bool) -> Component {
    const METHOD: &str = "[method]output-stream.write-zeroes";
    let (zeroes, lowered) = match on_fiber {
        true => (
            format!(
                "(export \"{METHOD}\" (func (param \"self\" (borrow $output)) (param \"len\" u64) \
                 (result $written)))"
            ),
            format!("(core func $write-zeroes (canon lower (func $streams \"{METHOD}\") (memory $memory)))"),
        ),
        false => {
            let module = "(core module $none (func (export \"zero\") (param i32 i64 i32)))";
            let alias = "(alias core export $no \"zero\" (core func $write-zeroes))";
            (String::new(), format!("{module} (core instance $no (instantiate $none)) {alias}"))
        }
    };
    let component = calls(handler, &WASI.replace("ZEROES", &zeroes).replace("LOWERED", &lowered), FUNCTIONS);
    assert_eq!(component.runs_on_fiber(), on_fiber);
    component
}

/// Calls the function of the table with this number.
fn call(function: u32, types: &str, arguments: &str) -> String {
    format!("(call_indirect $hosts {types} {arguments} (i32.const {function}))")
}

fn get_stdout() -> String {
    call(0, "(result i32)", "")
}

/// Writes so many bytes of the memory behind its first page.
fn write(function: u32, bytes: u32) -> String {
    let arguments = format!("{} (i32.const 65536) (i32.const {bytes}) (i32.const 400)", get_stdout());
    call(function, "(param i32 i32 i32 i32)", &arguments)
}

/// Makes the handler of a component that grows its memory by 800 pages, makes these calls and is done.
fn handler(calls: &str) -> String {
    format!("(drop (memory.grow (i32.const 800))) {calls} (i32.const 16)")
}

/// Lists the same pollable so many times.
fn poll(pollables: u32) -> String {
    let stdout = get_stdout();
    let subscribe = call(3, "(param i32) (result i32)", &stdout);
    let end = 65_536 + 4 * pollables;
    format!(
        "(local $at i32) (local $pollable i32) (local.set $at (i32.const 65536))
         (local.set $pollable {subscribe})
         (loop $next
           (i32.store (local.get $at) (local.get $pollable))
           (local.set $at (i32.add (local.get $at) (i32.const 4)))
           (br_if $next (i32.lt_u (local.get $at) (i32.const {end}))))
         {}",
        call(4, "(param i32 i32 i32)", &format!("(i32.const 65536) (i32.const {pollables}) (i32.const 400)"))
    )
}

fn random(bytes: u32) -> String {
    call(5, "(param i64 i32)", &format!("(i64.const {bytes}) (i32.const 400)"))
}

fn write_zeroes(bytes: u64) -> String {
    call(6, "(param i32 i64 i32)", &format!("{} (i64.const {bytes}) (i32.const 400)", get_stdout()))
}

/// Lets a component run each handler. Returns the reason of its dead letter, or an empty text.
async fn run(host: &airssys_wasm::ComponentHost, handlers: &str, on_fiber: bool) -> String {
    let body = match handlers.starts_with("(local") {
        // Declarations of locals come first.
        true => format!("{handlers} (i32.const 16)"),
        false => handler(handlers),
    };
    let limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..ComponentSpec::new("raw", wasi(&body, on_fiber)) }).await.unwrap();
    let before = host.dead_letters().total();
    host.tell("raw", *note("x")).await;
    neighbour_answers(host).await;
    host.drained().await;
    let reason = if host.dead_letters().total() == before { String::new() } else { last_reason(host) };
    assert!(host.retire("raw").await);
    reason
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_that_asks_for_too_much_work_traps() {
    let (host, _silent) = scene().await;
    for on_fiber in [false, true] {
        let zeroes = match on_fiber {
            true => vec![
                (write_zeroes(1 << 40), "cannot write more zeroes"),
                (write_zeroes((64 << 10) + 1), "cannot write more zeroes"),
            ],
            false => Vec::new(),
        };
        let cases = [
            (write(1, (64 << 10) + 1), "65537 bytes"),
            (write(1, 1 << 20), "1048576 bytes"),
            // The host does not even copy that much.
            (write(1, 48 << 20), "fuel"),
            (write(2, 4_097), "blocking-write-and-flush"),
            (random((64 << 10) + 1), "requested len 65537 exceeds limit 65536"),
            (random(24 << 20), "exceeds limit 65536"),
            (
                poll(4_097).replace(
                    "(local.set $at (i32.const 65536))",
                    "(drop (memory.grow (i32.const 800))) (local.set $at (i32.const 65536))",
                ),
                "poll was called with 4097 pollables; pass at most 4096",
            ),
        ];
        for (calls, expected) in cases.into_iter().chain(zeroes) {
            let reason = run(&host, &calls, on_fiber).await;
            let is_trap = reason.starts_with("failed: trapped: ");
            assert!(is_trap && reason.contains(expected), "{expected}, on a fiber: {on_fiber}: {reason}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_within_its_bound_succeeds_and_its_time_is_counted() {
    let (host, _silent) = scene().await;
    for on_fiber in [false, true] {
        for calls in [write(1, 64 << 10), write(2, 4_096), random(64 << 10)] {
            assert_eq!(run(&host, &calls, on_fiber).await, "", "{calls}");
        }
        for body in [handler(&random(64 << 10)), check_write_often()] {
            host.spawn(ComponentSpec::new("raw", wasi(&body, on_fiber))).await.unwrap();
            host.tell("raw", *note("x")).await;
            host.drained().await;
            let raw = snapshot(&host, "raw");
            assert!(raw.host_calls_ns > 0, "on a fiber: {on_fiber}: {raw:?}");
            assert!(host.retire("raw").await);
        }
        let body = handler(&random(64 << 10));
        host.spawn(ComponentSpec::new("raw", wasi(&body, on_fiber))).await.unwrap();
        host.tell("raw", *note("x")).await;
        host.drained().await;
        let raw = snapshot(&host, "raw");
        assert!(raw.host_calls_ns <= raw.handling.guest.sum_ns, "{raw:?}");
        assert!(host.retire("raw").await);
    }
}

/// The handler of a component that asks 1,000 times how much it may write. Some of these calls are timed.
fn check_write_often() -> String {
    let check = call(7, "(param i32 i32)", "(local.get $stdout) (i32.const 400)");
    format!(
        "(local $stdout i32) (local $left i32)
         (local.set $stdout {}) (local.set $left (i32.const 1000))
         (loop $again
           {check}
           (local.set $left (i32.sub (local.get $left) (i32.const 1)))
           (br_if $again (local.get $left)))
         (i32.const 16)",
        get_stdout()
    )
}

#[tokio::test]
async fn time_of_reading_an_input_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("input");
    std::fs::write(&file, "x".repeat(100_000)).unwrap();
    let host = host();
    let spec = ComponentSpec { input: Some(Input::File(file)), ..ComponentSpec::new("reader", waiter()) };
    let spec = ComponentSpec { capabilities: Capabilities::everything(), ..spec };
    host.spawn(spec).await.unwrap();
    let before = snapshot(&host, "reader").host_calls_ns;
    assert!(host.ask("reader", Command::Surroundings).await.unwrap().contains("input: xxx"));
    assert!(snapshot(&host, "reader").host_calls_ns > before);
}

/// Makes a component that calls a function of the contract many times for each message.
fn contract(interface: &str, function: &str, parameters: &str, call: &str) -> Component {
    let handler = "airssys:component/handler@0.2.0";
    let lifecycle = "airssys:component/lifecycle@0.2.0";
    let module = format!(
        "(module
           (import \"airssys:component/{interface}@0.2.0\" \"{function}\" (func $call {parameters}))
           (memory (export \"memory\") 1)
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
           (func (export \"{lifecycle}#initialize\") (param i32 i32) (result i32) (i32.const 16))
           (func (export \"{lifecycle}#health\") (result i32) (i32.const 16))
           (func (export \"{lifecycle}#shutdown\"))
           (func (export \"{handler}#handle-callback\") (param i64 i32 i32 i64 i64))
           (func (export \"{handler}#handle-message\") (param $message i64) (param i32 i32) (result i32)
             (local $left i32)
             (local.set $left (i32.const 1000))
             (loop $again
               {call}
               (local.set $left (i32.sub (local.get $left) (i32.const 1)))
               (br_if $again (local.get $left)))
             (i32.const 16)))"
    );
    let bytes = encoded(&module, "component").expect("the module fits its world");
    Component::new(engine(), &bytes).expect("the component fits the host")
}

#[tokio::test]
async fn time_of_every_function_of_the_contract_is_counted() {
    let host = host();
    for (number, (interface, function, parameters, call)) in [
        (
            "messaging",
            "resolve",
            "(param i32 i32 i32)",
            "(call $call (i32.const 16) (i32.const 4) (i32.const 400))",
        ),
        (
            "messaging",
            "resolve-topic",
            "(param i32 i32 i32)",
            "(call $call (i32.const 16) (i32.const 4) (i32.const 400))",
        ),
        (
            "messaging",
            "send-message",
            "(param i32 i32 i32 i32)",
            "(call $call (i32.const 9) (i32.const 16) (i32.const 4) (i32.const 400))",
        ),
        ("messaging", "request-uuid", "(param i64 i32)", "(call $call (i64.const 9) (i32.const 400))"),
        ("messaging", "cancel-request", "(param i64) (result i32)", "(drop (call $call (i64.const 9)))"),
        ("messaging", "clear-retained", "(param i32 i32)", "(call $call (i32.const 9) (i32.const 400))"),
        (
            "messaging",
            "await-room",
            "(param i32 i32 i32)",
            "(call $call (i32.const 9) (i32.const 9) (i32.const 400))",
        ),
        (
            "messaging",
            "await-topic-room",
            "(param i32 i32 i32)",
            "(call $call (i32.const 9) (i32.const 9) (i32.const 400))",
        ),
        ("messaging", "describe", "(param i64 i32)", "(call $call (local.get $message) (i32.const 400))"),
        (
            "messaging",
            "complete",
            "(param i64 i32 i32 i32 i32)",
            "(call $call (i64.const 999) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 400))",
        ),
        ("system", "self-id", "(param i32)", "(call $call (i32.const 400))"),
        ("system", "usage", "(param i32)", "(call $call (i32.const 400))"),
        ("system", "report-panic", "(param i32 i32)", "(call $call (i32.const 16) (i32.const 4))"),
        ("logging", "enabled", "(param i32) (result i32)", "(drop (call $call (i32.const 0)))"),
        ("clock", "now-ms", "(result i64)", "(drop (call $call))"),
        ("clock", "monotonic-ns", "(result i64)", "(drop (call $call))"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("raw{number}");
        let component = contract(interface, function, parameters, call);
        host.spawn(ComponentSpec::new(&name, component)).await.unwrap();
        host.tell(&name, *note("x")).await;
        host.drained().await;
        let raw = snapshot(&host, &name);
        assert!(raw.handled == 1 && raw.host_calls_ns > 0, "{function}: {raw:?}");
    }
}
