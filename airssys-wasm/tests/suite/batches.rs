//! Messages in batches: one call handles several messages, and each has its own result.

use std::time::Duration;

use airssys_wasm::{ComponentHost, ComponentSpec, Delivery, Limits, LoadError, Retry};
use futures_util::future::join_all;

use crate::raw_guest::raw_batch_component;
use crate::support::*;

/// The number of messages after which a component gets the next ones in batches.
const WARM_UP: usize = 200;

/// Puts all these commands into the mailbox of a probe before it handles the first. Returns the answer
/// to each.
async fn handled(spec: ComponentSpec, commands: Vec<Command>) -> (ComponentHost, Vec<Answer>) {
    let host = host();
    let prepared = host.prepare(ComponentSpec { capacity: 2_000, ..spec }).unwrap();
    for number in 0..WARM_UP {
        host.tell("probe", Command::Tally(number.to_string())).await;
    }
    let requests = join_all(commands.into_iter().map(|command| host.try_ask("probe", command)));
    let (answers, started) = tokio::join!(requests, host.start(prepared));
    started.unwrap();
    host.drained().await;
    let text = |answer| match answer {
        Ok(answer) => answer,
        Err(error) => Err(format!("{error}")),
    };
    let answers = answers.into_iter().map(text).collect();
    (host, answers)
}

fn notes(texts: &str) -> Vec<Command> {
    texts.split(' ').map(|text| *note(text)).collect()
}

fn echo(text: &str) -> Command {
    Command::Echo(text.to_owned())
}

fn calls(host: &ComponentHost) -> (u64, u64) {
    let snapshot = host.component_snapshots().remove(0);
    (snapshot.calls, snapshot.handled)
}

#[tokio::test]
async fn many_messages_are_handled_in_few_calls() {
    let (host, answers) = handled(trusted("probe"), (0..100).map(|n| echo(&n.to_string())).collect()).await;
    assert_eq!(answers, (0..100).map(|n| Ok(n.to_string())).collect::<Vec<_>>());
    let (calls, handled) = calls(&host);
    assert_eq!(handled, WARM_UP as u64 + 100);
    assert!(calls < handled / 8, "{calls} calls for {handled} messages");
}

#[tokio::test]
async fn batch_size_of_one_makes_one_call_per_message() {
    let spec = ComponentSpec { batch_size: 1, ..trusted("probe") };
    let (host, _) = handled(spec, notes("a b c")).await;
    assert_eq!(calls(&host), (WARM_UP as u64 + 3, WARM_UP as u64 + 3));
}

#[tokio::test]
async fn each_message_of_a_batch_has_its_own_result() {
    let reject = Command::Reject("never".to_owned());
    let commands = vec![*note("a"), echo("1"), reject, *note("b"), echo("2")];
    let (host, answers) = handled(trusted("probe"), commands).await;
    let rejected = answers[2].clone().unwrap_err();
    assert!(rejected.contains("never"), "{rejected}");
    assert_eq!((&answers[1], &answers[4]), (&Ok("1".to_owned()), &Ok("2".to_owned())));
    assert_eq!(host.reasons(), ["rejected: never"]);
    assert_eq!(host.notes("probe").await, "a b");
}

#[tokio::test]
async fn trap_is_attributed_to_the_message_that_caused_it() {
    for failing in [Command::Panic("drill".to_owned()), Command::Recurse, Command::Exit] {
        let commands = vec![echo("1"), *note("before"), failing.clone(), *note("behind"), echo("2")];
        let (host, answers) = handled(trusted("probe"), commands).await;
        assert_eq!((&answers[0], &answers[4]), (&Ok("1".to_owned()), &Ok("2".to_owned())), "{failing:?}");
        assert!(answers[2].is_err() && answers[1].is_ok() && answers[3].is_ok(), "{answers:?}");
        let letters = host.dead_letters().kept();
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!((&letters[0].message[..], letters[0].attempts), (&message(&failing)[..], 1));
        let snapshot = host.component_snapshots().remove(0);
        assert_eq!((snapshot.handled, snapshot.restarts()), (WARM_UP as u64 + 4, 1));
        // The notes of the first incarnation are gone.
        assert_eq!(host.notes("probe").await, "behind");
    }
}

#[tokio::test]
async fn retried_message_of_a_batch_comes_before_those_behind_it() {
    let backoff = airssys_rt::RestartStrategy::Fixed { delay: Duration::from_millis(2) };
    let delivery = Delivery::Retry(Retry { attempts: 3, backoff });
    let again = |text: &str| Command::RetryBefore { attempt: 3, text: text.to_owned() };
    let commands = vec![*note("a"), again("b"), *note("c"), again("d"), *note("e")];
    let (host, answers) = handled(ComponentSpec { delivery, ..trusted("probe") }, commands).await;
    assert_eq!((&answers[1], &answers[3]), (&Ok("b".to_owned()), &Ok("d".to_owned())));
    assert_eq!(host.notes("probe").await, "a b c d e");
    assert_eq!(host.component_snapshots()[0].retried, 4);
}

#[tokio::test]
async fn messages_behind_a_deferred_one_wait_for_it() {
    let host = host();
    host.spawn(trusted("other")).await.unwrap();
    let prepared = host.prepare(ComponentSpec { capacity: 2_000, ..trusted("probe") }).unwrap();
    for number in 0..WARM_UP {
        host.tell("probe", Command::Tally(number.to_string())).await;
    }
    // The probe sends to itself while the message is deferred, which goes to the end of the mailbox.
    let ask = Command::Request { to: "other".to_owned(), command: Box::new(echo("x")), timeout_ms: 9_000 };
    for command in [*note("a"), ask.clone(), *note("b"), ask, *note("c")] {
        host.tell("probe", command).await;
    }
    host.start(prepared).await.unwrap();
    assert_eq!(host.notes("probe").await, "a b c");
    host.drained().await;
    let snapshot = host.component_snapshot("probe").unwrap();
    assert_eq!((snapshot.handled, snapshot.dead_lettered), (WARM_UP as u64 + 6, 0));
}

#[tokio::test]
async fn messages_behind_a_deferred_one_survive_a_kill() {
    let host = host();
    let prepared = host.prepare(ComponentSpec { capacity: 2_000, ..trusted("probe") }).unwrap();
    host.spawn(trusted("silent")).await.unwrap();
    for number in 0..WARM_UP {
        host.tell("probe", Command::Tally(number.to_string())).await;
    }
    let endless = Command::WorkBetween { to: "silent".to_owned(), rounds: 50, times: u32::MAX };
    for command in [*note("a"), endless, *note("b"), *note("c")] {
        host.tell("probe", command).await;
    }
    host.start(prepared).await.unwrap();
    let of_probe = |host: &ComponentHost| host.component_snapshot("probe").unwrap();
    while of_probe(&host).handled <= WARM_UP as u64 {
        tokio::task::yield_now().await;
    }
    host.actors("probe")[0].kill();
    assert_eq!(host.notes("probe").await, "b c");
    host.drained().await;
    assert_eq!(host.dead_letters().total(), 1);
}

#[tokio::test]
async fn no_message_is_begun_after_a_stop() {
    let mut commands = notes("a b");
    commands.push(Command::Stop);
    commands.extend(notes("c d"));
    let (host, answers) = handled(trusted("probe"), commands).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(host.notes("probe").await, "c d");
    assert_eq!(host.component_snapshots()[0].restarts(), 1);
}

#[tokio::test]
async fn each_message_of_a_batch_has_the_whole_execution_time() {
    // Measured as the limit is, in time of the guest on a processor, so that neither the speed of this
    // machine nor its load matters.
    let work = vec![Command::Work(1_250); 80];
    let (host, _) = handled(trusted("probe"), work).await;
    let all = host.component_snapshots()[0].handling.guest.sum_ns;
    // Each is far within the limit, and all together far exceed it.
    let limit = all / 5 / 1_000_000 + 1;
    let limits = Limits { execution_time: Duration::from_millis(limit), ..Limits::default() };
    let mut commands = vec![Command::Work(1_250); 80];
    commands.extend([Command::Spin, *note("behind")]);
    let (host, answers) = handled(ComponentSpec { limits, ..trusted("probe") }, commands).await;
    assert!(answers[..80].iter().all(Result::is_ok), "{answers:?}");
    let ended = format!("failed: ran longer than its limit of {limit} ms (execution_time)");
    assert_eq!(host.reasons(), [ended]);
    assert_eq!(&host.dead_letters().kept()[0].message[..], &message(&Command::Spin)[..]);
    assert_eq!(host.notes("probe").await, "behind");
}

#[tokio::test]
async fn each_message_of_a_batch_has_its_own_trace() {
    let host = host();
    let prepared = host.prepare(ComponentSpec { capacity: 2_000, ..trusted("probe") }).unwrap();
    for number in 0..WARM_UP {
        host.tell("probe", Command::Tally(number.to_string())).await;
    }
    let contexts: Vec<_> = (1..=9)
        .map(|n| format!("00-{n:032x}-{n:016x}-01").parse::<airssys_wasm::TraceContext>().unwrap())
        .collect();
    let ask = |context| {
        let host = host.in_trace(context);
        async move { host.request("probe", message(&Command::Traceparent), SOON).await.unwrap() }
    };
    let (replies, started) = tokio::join!(join_all(contexts.iter().copied().map(ask)), host.start(prepared));
    started.unwrap();
    for (reply, context) in replies.iter().zip(contexts) {
        let reply = String::from_utf8_lossy(reply);
        assert!(reply.contains(&context.to_string()), "{reply}, not {context}");
    }
}

/// Sends messages to a component written by hand: more than it gets one by one at first.
async fn tell_raw(initialize: &str, batch: &str) -> ComponentHost {
    let host = host();
    let component = raw_batch_component(initialize, batch).unwrap();
    let prepared = host.prepare(ComponentSpec::new("raw", component)).unwrap();
    for number in 0..WARM_UP {
        host.tell("raw", Command::Tally(number.to_string())).await;
    }
    host.start(prepared).await.unwrap();
    host.drained().await;
    host
}

/// Shows the host the number at address 64.
const SHOW: &str = "(call $show (i32.const 64) (i32.const 1))";
/// Shows that all messages of the batch are finished.
const ALL: &str =
    "(i64.store (i32.const 64) (i64.add (local.get $first) (i64.extend_i32_u (local.get $count))))";

#[tokio::test]
async fn handwritten_component_gets_batches() {
    // 8 calls if every batch doubles. A batch that takes longer than 0.2 ms makes the next ones smaller,
    // so the fewest calls of a few runs count, as with any measurement beside other work.
    let mut fewest = u64::MAX;
    for _ in 0..5 {
        let host = tell_raw(SHOW, ALL).await;
        let (calls, handled) = calls(&host);
        assert_eq!(handled, WARM_UP as u64);
        fewest = fewest.min(calls);
    }
    assert!(fewest < 12, "{fewest} calls for {WARM_UP} messages");
}

#[tokio::test]
async fn component_without_progress_gets_messages_one_by_one() {
    let log = Log::capture();
    for (initialize, batch) in [("", ALL), (SHOW, "")] {
        let host = tell_raw(initialize, batch).await;
        assert_eq!(calls(&host), (WARM_UP as u64, WARM_UP as u64), "{initialize} {batch}");
    }
    assert!(log.text().contains("does not show its progress"), "{}", log.text());
}

#[tokio::test]
async fn component_gets_no_batch_before_it_shows_progress() {
    let host = host();
    let prepared = host.prepare(ComponentSpec::new("raw", raw_batch_component(SHOW, "").unwrap())).unwrap();
    // A message this large comes alone, so it proves nothing.
    host.tell("raw", Command::Tally("x".repeat(5_000))).await;
    for number in 0..WARM_UP {
        host.tell("raw", Command::Tally(number.to_string())).await;
    }
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(calls(&host), (WARM_UP as u64 + 1, WARM_UP as u64 + 1));
}

#[tokio::test]
async fn component_that_stops_showing_progress_gets_messages_one_by_one() {
    // It shows its progress as long as it gets one message a call.
    let batch = format!("(if (i32.eq (local.get $count) (i32.const 1)) (then {ALL}))");
    let host = tell_raw(SHOW, &batch).await;
    let (calls, handled) = calls(&host);
    assert!(handled == WARM_UP as u64 && calls > handled - 4, "{calls} calls for {handled}");
}

#[tokio::test]
async fn progress_does_not_extend_the_execution_time() {
    let count_on = "(loop $on
        (i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
        (br $on))";
    let host = host();
    let limits = Limits { execution_time: Duration::from_millis(30), ..Limits::default() };
    let component = raw_batch_component(SHOW, count_on).unwrap();
    host.spawn(ComponentSpec { limits, ..ComponentSpec::new("raw", component) }).await.unwrap();
    host.tell("raw", Command::Tally("1".to_owned())).await;
    host.drained().await;
    assert_eq!(host.component_snapshots()[0].restarts(), 1, "it was ended");
}

#[tokio::test]
async fn wrong_count_of_begun_messages_is_a_failure() {
    for begun in [0, 100] {
        let batch = format!("(i32.store (i32.const 32) (i32.const {begun}))");
        let host = tell_raw(SHOW, &format!("{ALL} {batch}")).await;
        let reasons = host.reasons();
        assert!(reasons.is_empty(), "the messages are finished, as was shown: {reasons:?}");
        assert!(host.component_snapshots()[0].restarts() > 0);
        let host = tell_raw(SHOW, &batch).await;
        let expected = format!("failed: said that it had begun {begun} of 1 messages");
        assert!(host.reasons().iter().all(|reason| *reason == expected), "{:?}", host.reasons());
        assert_eq!(host.reasons().len() as u64, host.component_snapshots()[0].dead_lettered);
    }
}

#[tokio::test]
async fn progress_beyond_a_batch_counts_for_nothing() {
    // It shows a false number, and traps on every batch: at once, or after a few epoch checks.
    let work = "(local.set $id (i64.const 20000000)) (loop $on
        (local.set $id (i64.sub (local.get $id) (i64.const 1)))
        (br_if $on (i64.gt_s (local.get $id) (i64.const 0))))";
    for (shown, work) in [("1000000", ""), ("-1", ""), ("-1", work), ("0", "")] {
        let batch = format!("(i64.store (i32.const 64) (i64.const {shown})) {work} (unreachable)");
        let host = tell_raw(SHOW, &batch).await;
        let snapshot = host.component_snapshots().remove(0);
        assert_eq!(snapshot.handled, 0, "{shown}: it failed on each message");
        assert_eq!(host.reasons().len() as u64, snapshot.dead_lettered);
        assert!(snapshot.restarts() > 0 && snapshot.dead_lettered > 0, "{shown}: {snapshot:?}");
    }
}

#[tokio::test]
async fn progress_beyond_a_batch_of_several_messages_fails_the_first_of_them() {
    let batch = "(if (i32.gt_u (local.get $count) (i32.const 1)) (then
        (i64.store (i32.const 64) (i64.const 1000000)) (unreachable)))";
    let host = tell_raw(SHOW, &format!("{ALL} {batch}")).await;
    let snapshot = host.component_snapshots().remove(0);
    assert!(snapshot.restarts() > 0 && snapshot.dead_lettered > 0, "{snapshot:?}");
    assert_eq!(snapshot.handled + snapshot.dead_lettered, WARM_UP as u64);
    assert_eq!(host.reasons().len() as u64, snapshot.dead_lettered);
}

#[tokio::test]
async fn invalid_progress_address_fails_the_start() {
    for (place, says) in [
        ("(call $show (i32.const 64) (i32.const 2))", "a list of 2 numbers; pass a list of one"),
        (
            "(call $show (i32.const 64) (i32.const 1)) (call $show (i32.const 72) (i32.const 1))",
            "called twice",
        ),
        ("(call $show (i32.const 65528) (i32.const 9))", "out of bounds"),
        ("(call $show (i32.const 65) (i32.const 1))", "not aligned"),
    ] {
        let host = host();
        let spec = ComponentSpec::new("raw", raw_batch_component(place, ALL).unwrap());
        let error = host.spawn(spec).await.unwrap_err();
        let text = format!("{error} {:?}", error);
        assert!(text.contains(says), "{text}");
    }
}

#[test]
fn batch_handler_of_another_type_is_refused() {
    let loaded = raw_batch_component(SHOW, ALL);
    assert!(loaded.is_ok(), "{loaded:?}");
    let bytes = wat::parse_str(
        r#"(component
            (core module $m (func (export "batch")))
            (core instance $i (instantiate $m))
            (func $batch (canon lift (core func $i "batch")))
            (instance $h (export "handle-batch" (func $batch)))
            (export "airssys:component/batch-handler@0.2.0" (instance $h)))"#,
    );
    let error = airssys_wasm::Component::new(engine(), &bytes.unwrap()).unwrap_err();
    assert!(
        matches!(&error, LoadError::ExportMismatch { export, .. } if export.contains("batch-handler")),
        "{error}"
    );
}
