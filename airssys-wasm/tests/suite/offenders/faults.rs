//! Code that fails in every way.

use airssys_wasm::ComponentSpec;

use super::*;
use crate::raw_guest::*;

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
