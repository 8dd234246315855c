//! Requests: replies, timeouts, failures and limits.

use std::time::Duration;

use airssys_message::Codec;
use airssys_rt::RestartPolicy;
use airssys_wasm::{CallError, ComponentSpec, Limits};

use crate::support::*;

/// Makes a host with a component `asks` that sends requests, and a component `asked` that answers.
async fn pair() -> airssys_wasm::ComponentHost {
    let host = host();
    host.spawn(trusted("asked")).await.unwrap();
    host.spawn(trusted("asks")).await.unwrap();
    host
}

fn request(command: Command) -> Command {
    Command::Request { to: "asked".to_owned(), command: Box::new(command), timeout_ms: 20_000 }
}

#[tokio::test]
async fn a_request_is_answered_with_the_handlers_reply() {
    let host = pair().await;
    let reply = host.ask("asks", request(Command::Echo("hello".to_owned()))).await;
    assert_eq!(reply, Ok("hello".to_owned()));
}

#[tokio::test]
async fn rejection_is_answered_with_its_reason_and_kept() {
    let host = pair().await;
    let reply = host.ask("asks", request(Command::Reject("no such order".to_owned()))).await;
    assert!(reply.unwrap_err().contains("no such order"));
    assert_eq!(host.reasons(), ["rejected: no such order"]);
}

#[tokio::test]
async fn request_to_a_failing_target_fails_at_once() {
    let host = pair().await;
    let began = std::time::Instant::now();
    let reply = host.ask("asks", request(Command::Panic("no".to_owned()))).await;
    // The request times out after 20 s, so an answer before that came without waiting for it.
    assert!(began.elapsed() < Duration::from_secs(15));
    let text = reply.unwrap_err();
    assert!(text.contains("failed"), "{text}");
    assert_eq!(host.ask("asked", Command::Identity).await.unwrap(), "test asked 1");
}

#[tokio::test]
async fn request_to_an_ended_target_fails_at_once() {
    let host = host();
    host.spawn(ComponentSpec { restart: RestartPolicy::Temporary, ..trusted("asked") }).await.unwrap();
    host.spawn(trusted("asks")).await.unwrap();
    let actor = host.actors("asked").remove(0);
    host.tell("asked", Command::Stop).await;
    actor.closed().await;
    let text = host.ask("asks", request(Command::Notes)).await.unwrap_err();
    assert!(text.contains("ended") || text.contains("stopped"), "{text}");
}

#[tokio::test]
async fn waiting_request_is_answered_if_its_target_ends() {
    let host = host();
    let prepared =
        host.prepare(ComponentSpec { restart: RestartPolicy::Temporary, ..trusted("asked") }).unwrap();
    host.spawn(trusted("asks")).await.unwrap();
    let asked = host.ask("asks", request(Command::Notes));
    let end = async {
        while host.actors("asked")[0].depth() == 0 {
            tokio::task::yield_now().await;
        }
        drop(prepared);
    };
    let (reply, ()) = tokio::join!(asked, end);
    assert!(reply.is_err(), "{reply:?}");
    assert_eq!(host.reasons(), ["the receiver stopped before it came to the message"]);
}

#[tokio::test]
async fn unanswered_request_times_out_and_its_late_reply_is_dropped() {
    let host = host();
    let prepared = host.prepare(trusted("asked")).unwrap();
    host.spawn(trusted("asks")).await.unwrap();
    let command = Box::new(Command::Echo("late".to_owned()));
    let reply = host.ask("asks", Command::Request { to: "asked".to_owned(), command, timeout_ms: 30 }).await;
    let text = reply.unwrap_err();
    assert!(text.contains("30 ms") || text.contains("time"), "{text}");
    // The answer comes now, too late.
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(host.ask("asks", request(Command::Echo("next".to_owned()))).await.unwrap(), "next");
    let asks = host.component_snapshot("asks").unwrap();
    assert_eq!(asks.late_replies, 1);
}

#[tokio::test]
async fn cancelled_request_does_not_affect_the_next() {
    let host = pair().await;
    let (first, second) = (note("given up"), Box::new(Command::Echo("second".to_owned())));
    let reply = host.ask("asks", Command::RequestTwice { to: "asked".to_owned(), first, second }).await;
    assert_eq!(reply, Ok("second".to_owned()));
    host.drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_are_in_flight_at_once() {
    let host = pair().await;
    let command = Box::new(Command::Echo("x".to_owned()));
    let all = Command::RequestAll { to: "asked".to_owned(), command, times: 64 };
    for _ in 0..20 {
        assert_eq!(host.ask("asks", all.clone()).await, Ok("64 replies".to_owned()));
    }
}

#[tokio::test]
async fn requests_in_flight_are_limited() {
    let host = host();
    let limits = Limits { concurrent_requests: 4, ..Limits::default() };
    host.spawn(trusted("asked")).await.unwrap();
    host.spawn(ComponentSpec { limits, ..trusted("asks") }).await.unwrap();
    let all = |times| {
        let command = Box::new(Command::Echo("x".to_owned()));
        Command::RequestAll { to: "asked".to_owned(), command, times }
    };
    assert_eq!(host.ask("asks", all(4)).await, Ok("4 replies".to_owned()));
    assert!(host.ask("asks", all(5)).await.is_err());
    host.drained().await;
    assert_eq!(host.ask("asks", all(4)).await, Ok("4 replies".to_owned()));
}

#[tokio::test]
async fn reply_to_a_request_from_outside_is_at_most_the_largest_message_of_the_app() {
    let host = host();
    host.spawn(trusted("asked")).await.unwrap();
    let most = Limits::default().message_size_bytes;
    assert_eq!(host.ask("asked", Command::Large(most - 100)).await.map(|text| text.len()), Ok(most - 100));
    let large = host.request("asked", message(&Command::Large(most)), SOON).await.unwrap_err().to_string();
    assert!(large.contains("bytes is more than the limit of 1048576"), "{large}");
    assert_eq!(host.ask("asked", Command::Echo("x".to_owned())).await, Ok("x".to_owned()));
    let limits = Limits { message_size_bytes: 2 * most, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("large") }).await.unwrap();
    assert!(host.ask("asked", Command::Large(most)).await.is_ok(), "the app accepts larger messages now");
}

#[tokio::test]
async fn reply_must_fit_the_requester() {
    let host = host();
    let limits = Limits { message_size_bytes: 1_000, ..Limits::default() };
    host.spawn(trusted("asked")).await.unwrap();
    host.spawn(ComponentSpec { limits, ..trusted("asks") }).await.unwrap();
    let large = host.ask("asks", request(Command::Large(2_000))).await.unwrap_err();
    assert!(large.contains("1000 bytes") || large.contains("1000"), "{large}");
    let json = host.ask("asks", request(Command::ReplyIn("json".to_owned()))).await.unwrap_err();
    assert!(json.contains("json"), "{json}");
}

#[tokio::test(start_paused = true)]
async fn a_request_from_outside_times_out() {
    let host = host();
    let _prepared = host.prepare(trusted("slow")).unwrap();
    let timeout = Duration::from_secs(3);
    let error = host.request("slow", message(&Command::Notes), timeout).await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
    let error = host.request("absent", message(&Command::Notes), timeout).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn restarted_requester_gets_no_callback_of_its_former_life() {
    let host = host();
    let prepared = host.prepare(trusted("asked")).unwrap();
    host.spawn(trusted("asks")).await.unwrap();
    let command = Box::new(Command::Echo("former".to_owned()));
    host.tell("asks", Command::AskAndPanic { to: "asked".to_owned(), command }).await;
    assert_eq!(host.ask("asks", Command::Identity).await.unwrap(), "test asks 1");
    assert_eq!(host.actors("asked")[0].depth(), 1);
    // The reply to the request of the former life comes now, and is dropped.
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(host.ask("asks", request(Command::Echo("next".to_owned()))).await.unwrap(), "next");
    assert_eq!(host.ask("asks", Command::Identity).await.unwrap(), "test asks 1");
}

#[tokio::test]
async fn malformed_messages_are_refused() {
    let host = pair().await;
    for (body, expected) in
        [(Vec::new(), "empty"), (b"{}".to_vec(), "0x7b"), (Codec::Json.message(b"{}"), "json")]
    {
        let error = host.request("asked", body, SOON).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn deadlock_cycle_is_logged_with_its_components() {
    let log = Log::capture();
    let host = host();
    for name in ["a", "b", "c"] {
        host.spawn(trusted(name)).await.unwrap();
    }
    let ask = |to: &str, command: Command, timeout_ms| Command::Request {
        to: to.to_owned(),
        command: Box::new(command),
        timeout_ms,
    };
    let echo = || Command::Echo("x".to_owned());
    // `a` waits for `b`, `b` for `c`, `c` for `a`; `c` gives up first.
    let cycle = ask("b", ask("c", ask("a", echo(), 30), 20_000), 20_000);
    let timed_out = host.ask("a", cycle).await.unwrap_err();
    assert!(timed_out.contains("in time"), "{timed_out}");
    let text = log.text();
    let expected =
        "deadlock, ended by a timeout: `c` waits for `a`, which waits for `b`, which waits for `c`";
    assert!(text.contains(expected), "{text}");

    // A component that is only slow is not part of a cycle.
    let slow = host.prepare(trusted("slow")).unwrap();
    host.ask("a", ask("slow", echo(), 30)).await.unwrap_err();
    assert_eq!(log.text().matches("ended by a timeout").count(), 1);
    drop(slow);
}

#[tokio::test]
async fn request_id_is_unique_and_seen_by_both_ends() {
    let host = host();
    host.spawn(trusted("asks")).await.unwrap();
    host.spawn(trusted("answers")).await.unwrap();
    let ask = || Command::RequestWithId { to: "answers".to_owned() };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let reply = host.ask("asks", ask()).await.unwrap();
        let (here, there) = reply.split_once(' ').unwrap();
        assert_eq!(format!("{here} v8"), there);
        ids.push(here.to_owned());
    }
    host.try_ask("asks", Command::Panic("drill".to_owned())).await.unwrap_err();
    let of_the_next_life = host.ask("asks", ask()).await.unwrap();
    ids.push(of_the_next_life.split(' ').next().unwrap().to_owned());
    let from_outside = host.ask("answers", Command::RequestId).await.unwrap();
    assert!(from_outside.ends_with(" v4"), "{from_outside}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
}
