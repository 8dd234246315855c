//! Retries of messages, and batches that a component sends.

use std::time::Duration;

use airssys_rt::{RestartPolicy, RestartStrategy};
use airssys_wasm::{
    CallError, Capabilities, ComponentHost, ComponentSpec, DeadLetterReason, Delivery, Health, Retry,
};

use crate::raw_guest::cuts;
use crate::support::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// Returns a probe with up to `attempts` attempts for each message, and this delay between them.
fn retrying(attempts: u32, delay: Duration) -> ComponentSpec {
    let backoff = RestartStrategy::Fixed { delay };
    ComponentSpec { delivery: Delivery::Retry(Retry { attempts, backoff }), ..trusted("probe") }
}

/// Makes a host with a probe that makes up to three attempts for each message.
async fn host_that_retries() -> ComponentHost {
    let host = host();
    host.spawn(retrying(3, Duration::from_millis(1))).await.unwrap();
    host
}

fn retry_before(attempt: u32, text: &str) -> Command {
    Command::RetryBefore { attempt, text: text.to_owned() }
}

fn panic_before(attempt: u32, text: &str) -> Command {
    Command::PanicBefore { attempt, text: text.to_owned() }
}

fn retry() -> Command {
    Command::Retry("busy".to_owned())
}

async fn until_empty(host: &ComponentHost, name: &str) {
    while host.actors(name)[0].depth() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn message_is_retried_before_those_behind_it() {
    let host = host();
    let prepared = host.prepare(retrying(3, Duration::from_millis(5))).unwrap();
    host.tell("probe", retry_before(3, "first")).await;
    host.tell("probe", Command::Note("second".to_owned())).await;
    host.tell("probe", retry_before(2, "third")).await;
    host.tell("probe", Command::Note("fourth".to_owned())).await;
    host.start(prepared).await.unwrap();
    assert_eq!(host.notes("probe").await, "first second third fourth");
    host.drained().await;
    let snapshot = host.component_snapshots().remove(0);
    // Each message counts once for any number of attempts.
    assert_eq!((snapshot.received, snapshot.handled, snapshot.retried, snapshot.dead_lettered), (5, 5, 3, 0));
    assert_eq!(snapshot.restarts(), 0);
}

#[tokio::test]
async fn next_incarnation_gets_the_message_that_failed() {
    let host = host();
    let prepared = host.prepare(retrying(3, Duration::ZERO)).unwrap();
    host.tell("probe", Command::Note("before".to_owned())).await;
    host.tell("probe", panic_before(3, "first")).await;
    host.tell("probe", Command::Note("second".to_owned())).await;
    host.start(prepared).await.unwrap();
    assert_eq!(host.notes("probe").await, "first second");
    host.drained().await;
    assert_eq!(host.dead_letters().total(), 0);
    let snapshot = host.component_snapshots().remove(0);
    assert_eq!((snapshot.handled, snapshot.retried, snapshot.restarts()), (4, 2, 2));
}

#[tokio::test]
async fn message_without_attempts_left_is_a_dead_letter_with_its_history() {
    let host = host_that_retries().await;
    host.tell("probe", retry()).await;
    host.tell("probe", Command::Panic("drill".to_owned())).await;
    host.tell("probe", Command::Reject("never".to_owned())).await;
    host.drained().await;
    let letters = host.dead_letters().kept();
    let told: Vec<_> = letters.iter().map(|l| (l.reason.to_string(), l.attempts, &*l.sender)).collect();
    assert_eq!(told[0], ("asked for another attempt: busy".to_owned(), 3, "host"));
    assert!(told[1].0.starts_with("failed: panicked: drill") && told[1].1 == 3, "{told:?}");
    // A rejection is final.
    assert_eq!(told[2], ("rejected: never".to_owned(), 1, "host"));
    assert_eq!(letters[0].message, message(&retry()));
    assert_eq!((&*letters[0].receiver, letters.len()), ("probe", 3));
    assert_eq!(host.component_snapshots()[0].restarts(), 3);
    assert_eq!(host.ask("probe", Command::Echo("on".to_owned())).await.unwrap(), "on");
}

#[tokio::test]
async fn default_is_one_attempt() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    let error = host.try_ask("probe", retry()).await.unwrap_err().to_string();
    assert!(error.contains("busy"), "{error}");
    host.tell("probe", panic_before(2, "first")).await;
    host.drained().await;
    let letters = host.dead_letters().kept();
    assert_eq!(letters[0].reason, DeadLetterReason::RetryAsked("busy".into()));
    assert_eq!(letters.iter().map(|letter| letter.attempts).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(host.component_snapshots()[0].retried, 0);
}

#[tokio::test]
async fn requester_gets_only_the_result_of_the_last_attempt() {
    let host = host_that_retries().await;
    host.spawn(trusted("asks")).await.unwrap();
    let ask = |command: Command| {
        let command = Box::new(command);
        host.ask("asks", Command::Request { to: "probe".to_owned(), command, timeout_ms: 20_000 })
    };
    assert_eq!(ask(retry_before(3, "third time")).await, Ok("third time".to_owned()));
    assert_eq!(ask(panic_before(2, "second time")).await, Ok("second time".to_owned()));
    let refused = ask(retry()).await.unwrap_err();
    assert!(refused.contains("busy"), "{refused}");
    let failed = ask(Command::Panic("drill".to_owned())).await.unwrap_err();
    assert!(failed.contains("failed"), "{failed}");
    host.drained().await;
    assert_eq!(host.dead_letters().kept().iter().map(|letter| letter.attempts).collect::<Vec<_>>(), [3, 3]);
}

#[tokio::test]
async fn request_timeout_includes_waits_between_attempts() {
    let host = host();
    host.spawn(retrying(2, HOUR)).await.unwrap();
    let asked = host.request("probe", message(&retry()), Duration::from_millis(50)).await;
    assert!(matches!(asked, Err(CallError::TimedOut { .. })), "{asked:?}");
    // The message still waits for its next attempt.
    assert_eq!((host.in_flight(), host.dead_letters().total()), (1, 0));
}

#[tokio::test]
async fn stop_does_not_wait_for_the_next_attempt() {
    let host = host();
    host.spawn(retrying(2, HOUR)).await.unwrap();
    host.tell("probe", retry()).await;
    host.tell("probe", Command::Note("behind".to_owned())).await;
    while host.component_snapshots()[0].retried == 0 {
        tokio::task::yield_now().await;
    }
    let report = host.shutdown(Duration::from_secs(20)).await;
    assert_eq!((report.stopped.len(), report.late.len()), (1, 0), "{report:?}");
    host.drained().await;
    let letters = host.dead_letters().kept();
    let told: Vec<_> = letters.iter().map(|l| (l.reason.to_string(), l.attempts)).collect();
    assert!(told.contains(&("asked for another attempt: busy".to_owned(), 1)), "{told:?}");
    let behind = "the receiver stopped before it came to the message".to_owned();
    assert!(told.contains(&(behind, 0)), "{told:?}");
}

#[tokio::test]
async fn callbacks_and_health_checks_do_not_wait_for_the_next_attempt() {
    let host = host();
    host.spawn(retrying(2, HOUR)).await.unwrap();
    host.tell("probe", retry()).await;
    until_empty(&host, "probe").await;
    for _ in 0..3 {
        let health = tokio::time::timeout(SOON, host.health("probe")).await.unwrap();
        assert_eq!(health, [("probe".to_owned(), Some(Health::Healthy))]);
    }
    assert_eq!((host.in_flight(), host.component_snapshots()[0].retried), (1, 1));
}

#[tokio::test]
async fn message_to_retry_survives_a_stop_and_restart() {
    let host = host_that_retries().await;
    let command = Command::StopAndRetry("busy".to_owned());
    host.tell("probe", command).await;
    host.tell("probe", Command::Note("behind".to_owned())).await;
    assert_eq!(host.notes("probe").await, "behind");
    host.drained().await;
    assert_eq!(host.dead_letters().kept()[0].attempts, 3);
}

#[tokio::test]
async fn message_to_retry_is_a_dead_letter_if_its_receiver_is_not_restarted() {
    let host = host();
    host.spawn(ComponentSpec { restart: RestartPolicy::Temporary, ..retrying(3, Duration::ZERO) })
        .await
        .unwrap();
    let error = host.try_ask("probe", Command::Panic("only once".to_owned())).await.unwrap_err();
    assert!(error.to_string().contains("stopped"), "{error}");
    host.drained().await;
    let letters = host.dead_letters().kept();
    assert!(letters[0].reason.to_string().contains("only once"), "{letters:?}");
    assert_eq!((letters[0].attempts, letters.len()), (1, 1));
}

#[tokio::test]
async fn message_is_retried_after_its_handler_was_killed() {
    let host = host();
    host.spawn(retrying(2, Duration::ZERO)).await.unwrap();
    let _never_started = host.prepare(trusted("silent")).unwrap();
    let command = note("asked");
    host.tell("probe", Command::Request { to: "silent".to_owned(), command, timeout_ms: 60_000 }).await;
    let asked = async |times| {
        while host.actors("silent")[0].depth() < times {
            tokio::task::yield_now().await;
        }
    };
    asked(1).await;
    host.actors("probe")[0].kill();
    tokio::time::timeout(SOON, asked(2)).await.unwrap();
    assert_eq!((host.component_snapshots()[0].retried, host.dead_letters().total()), (1, 0));
}

#[tokio::test]
async fn batch_arrives_in_order() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    host.spawn(trusted("sends")).await.unwrap();
    let commands: Vec<_> = (1..=5).map(|n| Command::Note(n.to_string())).collect();
    let send = Command::TrySendBatch { to: "probe".to_owned(), commands };
    assert_eq!(host.ask("sends", send).await, Ok("sent".to_owned()));
    assert_eq!(host.notes("probe").await, "1 2 3 4 5");
}

#[tokio::test]
async fn batch_result_says_how_many_were_sent_and_why_it_stopped() {
    let host = host();
    let prepared = host.prepare(ComponentSpec { capacity: 3, ..trusted("probe") }).unwrap();
    host.spawn(trusted("sends")).await.unwrap();
    host.spawn(denied("denied")).await.unwrap();
    let commands: Vec<_> = (1..=5).map(|n| Command::Note(n.to_string())).collect();
    let send = Command::TrySendBatch { to: "probe".to_owned(), commands: commands.clone() };
    let stopped = host.ask("sends", send.clone()).await.unwrap_err();
    assert!(stopped.contains("first 3 ") && stopped.contains("full"), "{stopped}");
    let stopped = host.ask("denied", send).await.unwrap_err();
    assert!(stopped.contains("first 0 ") && stopped.contains("not allowed"), "{stopped}");

    // A sender that waits continues where the batch stopped.
    let sent = host.ask("sends", Command::SendBatch { to: "probe".to_owned(), commands });
    let (sent, ()) = tokio::join!(sent, async { host.start(prepared).await.unwrap() });
    assert_eq!(sent, Ok("sent".to_owned()));
    assert_eq!(host.notes("probe").await, "1 2 3 1 2 3 4 5");
}

#[tokio::test]
async fn batch_stops_at_a_refused_message() {
    let host = host();
    let limits = airssys_wasm::Limits { message_size_bytes: 100, ..Default::default() };
    host.spawn(ComponentSpec { limits, ..trusted("probe") }).await.unwrap();
    host.spawn(trusted("sends")).await.unwrap();
    let commands = vec![*note("a"), *note("b"), *note("x".repeat(200)), *note("c")];
    let send = Command::SendBatch { to: "probe".to_owned(), commands };
    let stopped = host.ask("sends", send).await.unwrap_err();
    assert!(stopped.contains("first 2 ") && stopped.contains("larger"), "{stopped}");
    assert_eq!(host.notes("probe").await, "a b");
}

/// Sends notes to a component as one message, which it hands to the host as a batch of messages of
/// these lengths. Returns the notes that arrived, and the reasons of the dead letters.
async fn handed_over(notes: &[&str], lengths: &[u32]) -> (String, Vec<String>) {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    let everything = Capabilities::everything();
    let raw = ComponentSpec::new("raw", cuts(lengths));
    host.spawn(ComponentSpec { capabilities: everything, ..raw }).await.unwrap();
    let all: Vec<u8> = notes.iter().flat_map(|text| message(&note(*text))).collect();
    host.send("raw", all).await.unwrap();
    host.drained().await;
    (host.notes("probe").await, host.reasons())
}

#[tokio::test]
async fn batch_is_split_into_its_messages() {
    let notes = ["a", "bb", "", "dddd"];
    let lengths = notes.map(|text| message(&note(text)).len() as u32);
    let (kept, reasons) = handed_over(&notes, &lengths).await;
    assert_eq!((kept.as_str(), reasons.len()), ("a bb  dddd", 0), "{reasons:?}");
}

#[tokio::test]
async fn batch_with_wrong_lengths_is_not_sent() {
    let length = message(&note("a")).len() as u32;
    for lengths in
        [&[length][..], &[length, length + 1], &[length, u32::MAX], &[u32::MAX, 2 * length + 1], &[]]
    {
        let (kept, reasons) = handed_over(&["a", "a"], lengths).await;
        let why = format!("rejected: the lengths do not add up to the {} bytes that are there", 2 * length);
        assert_eq!((kept, reasons), (String::new(), vec![why]), "{lengths:?}");
    }
}
