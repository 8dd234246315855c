//! Limits: each is enforced.

use std::time::Duration;

use airssys_wasm::{ComponentSpec, Limits};

use crate::support::*;

fn limited(name: &str, limits: Limits) -> ComponentSpec {
    ComponentSpec { limits, ..trusted(name) }
}

#[tokio::test]
async fn memory_limit_is_enforced() {
    let host = host();
    let memory_bytes = 8 << 20;
    host.spawn(limited("probe", Limits { memory_bytes, ..Limits::default() })).await.unwrap();
    assert_eq!(host.ask("probe", Command::Allocate(2)).await.unwrap(), "1 kept");
    assert_eq!(host.ask("probe", Command::Allocate(2)).await.unwrap(), "2 kept");
    host.tell("probe", Command::Allocate(6)).await;
    host.drained().await;
    assert!(host.reasons()[0].contains("8388608 bytes"), "{:?}", host.reasons());
    assert_eq!(host.ask("probe", Command::Allocate(2)).await.unwrap(), "1 kept");
}

#[tokio::test]
async fn initial_memory_counts_against_the_limit() {
    let host = host();
    let error = host.spawn(limited("probe", Limits { memory_bytes: 64 << 10, ..Limits::default() })).await;
    assert!(error.is_err());
}

#[tokio::test]
async fn table_element_limit_is_enforced() {
    let host = host();
    let error = host.spawn(limited("probe", Limits { table_elements: 1, ..Limits::default() })).await;
    assert!(error.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn execution_time_limit_ends_the_handler() {
    let host = host();
    let limits = Limits { execution_time: Duration::from_millis(250), ..Limits::default() };
    host.spawn(limited("direct", limits.clone())).await.unwrap();
    host.spawn(ComponentSpec { limits, ..ComponentSpec::new("fiber", waiter()) }).await.unwrap();
    for name in ["direct", "fiber"] {
        host.tell(name, Command::Spin).await;
        host.tell(name, Command::Echo("next".to_owned())).await;
    }
    host.drained().await;
    let reason = "failed: ran longer than its limit of 250 ms (execution_time)";
    assert_eq!(host.reasons(), [reason; 2]);
    assert_eq!(host.ask("direct", Command::Echo("ok".to_owned())).await.unwrap(), "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guest_that_spins_after_an_idle_time_is_ended() {
    let host = host();
    let limits = Limits { execution_time: Duration::from_millis(50), ..Limits::default() };
    host.spawn(limited("direct", limits.clone())).await.unwrap();
    host.spawn(ComponentSpec { limits, ..ComponentSpec::new("fiber", waiter()) }).await.unwrap();
    for name in ["direct", "fiber"] {
        // Long enough for the ticker to park.
        tokio::time::sleep(Duration::from_millis(300)).await;
        host.tell(name, Command::Spin).await;
        host.drained().await;
    }
    let reason = "failed: ran longer than its limit of 50 ms (execution_time)";
    assert_eq!(host.reasons(), [reason; 2]);
}

#[tokio::test]
async fn waiting_is_not_execution_time() {
    let host = host();
    let limits = Limits { execution_time: Duration::from_millis(300), ..Limits::default() };
    let fiber = ComponentSpec { limits: limits.clone(), ..ComponentSpec::new("fiber", waiter()) };
    host.spawn(fiber).await.unwrap();
    assert_eq!(host.ask("fiber", Command::Sleep(900)).await.unwrap(), "slept");
    // Waiting for a reply is not execution time either.
    host.spawn(limited("direct", limits)).await.unwrap();
    let command = Box::new(Command::Sleep(900));
    let request = Command::Request { to: "fiber".to_owned(), command, timeout_ms: 20_000 };
    assert_eq!(host.ask("direct", request).await.unwrap(), "slept");
    assert_eq!(host.dead_letters().total(), 0);
}

#[tokio::test]
async fn execution_time_limit_applies_to_each_message() {
    let host = host();
    let limits = Limits { execution_time: Duration::from_millis(600), ..Limits::default() };
    host.spawn(limited("probe", limits)).await.unwrap();
    for _ in 0..12 {
        assert_eq!(host.ask("probe", Command::Work(90)).await.unwrap(), "worked");
    }
}

#[tokio::test]
async fn execution_time_counts_all_stretches_of_a_message() {
    let host = host();
    let limits = Limits { execution_time: Duration::from_millis(150), ..Limits::default() };
    host.spawn(trusted("other")).await.unwrap();
    host.spawn(limited("probe", limits)).await.unwrap();
    // Ten stretches of work with a request between them: each alone is within the limit.
    host.tell("probe", Command::WorkBetween { to: "other".to_owned(), milliseconds: 40, times: 10 }).await;
    host.drained().await;
    assert_eq!(host.reasons(), ["failed: ran longer than its limit of 150 ms (execution_time)"]);
}

#[tokio::test]
async fn message_size_limit_is_enforced_at_send() {
    let host = host();
    let limits = Limits { message_size_bytes: 1_000, ..Limits::default() };
    host.spawn(limited("receiver", limits)).await.unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    let bytes = |bytes| Command::SendBytes { to: "receiver".to_owned(), codec: "cbor".to_owned(), bytes };
    // One byte is the codec's prefix.
    host.ask("sender", bytes(999)).await.unwrap();
    let text = host.ask("sender", bytes(1_000)).await.unwrap_err();
    assert!(text.contains("1001") && text.contains("1000"), "{text}");
    host.drained().await;
    let snapshots = host.component_snapshots();
    let receiver = snapshots.iter().find(|snapshot| snapshot.name == "receiver").unwrap();
    assert_eq!((receiver.received, receiver.refused["message-too-large"]), (1, 1));
    // A subscriber with a smaller limit does not affect others.
    let limits = Limits { message_size_bytes: 100, ..Limits::default() };
    let small = ComponentSpec { subscribes: vec![pattern("news")], ..limited("small", limits) };
    host.spawn(small).await.unwrap();
    assert_eq!(host.publish("news", message(&note("x".repeat(200)))).unwrap(), 0);
    assert!(host.reasons().pop().unwrap().contains("limit of 100"));
}

#[tokio::test]
async fn route_limit_is_enforced() {
    let host = host();
    host.spawn(limited("probe", Limits { routes: 10, ..Limits::default() })).await.unwrap();
    assert_eq!(host.ask("probe", Command::ResolveMany(10)).await.unwrap(), "resolved 10");
    let text = host.ask("probe", Command::ResolveMany(11)).await.unwrap_err();
    assert!(text.starts_with("at 11: ") && text.contains("routes"), "{text}");
}

#[tokio::test]
async fn subscription_limit_is_enforced_across_restarts() {
    let host = host();
    host.spawn(limited("probe", Limits { subscriptions: 2, ..Limits::default() })).await.unwrap();
    for topic in ["a", "b", "a"] {
        host.ask("probe", Command::Subscribe(topic.to_owned())).await.unwrap();
    }
    let text = host.ask("probe", Command::Subscribe("c".to_owned())).await.unwrap_err();
    assert!(text.contains("subscriptions"), "{text}");
    // Subscriptions survive a restart, and so does their count.
    host.tell("probe", Command::Panic("restart".to_owned())).await;
    assert!(host.ask("probe", Command::Subscribe("c".to_owned())).await.is_err());
    host.ask("probe", Command::Unsubscribe("a".to_owned())).await.unwrap();
    host.ask("probe", Command::Subscribe("c".to_owned())).await.unwrap();
}

/// A line is cut whether it is logged or printed, and however large its limit is.
#[tokio::test]
async fn long_lines_are_cut_at_a_character_and_marked() {
    let log = Log::capture();
    let host = host();
    let text = "é".repeat(40_000);
    for (name, log_line_bytes) in [("short", 51), ("usual", 8 << 10), ("long", 64 << 10)] {
        host.spawn(limited(name, Limits { log_line_bytes, ..Limits::default() })).await.unwrap();
        host.tell(name, Command::Say(text.clone())).await;
    }
    host.drained().await;
    let lines = log.text();
    for (name, limit) in [("short", 51), ("usual", 8 << 10), ("long", 64 << 10)] {
        for start in ["out", "err", "log"] {
            let whole = format!("{start} {text}");
            let end = whole.floor_char_boundary(limit);
            let cut = format!("{}… ({} bytes more, log_line is {limit})\n", &whole[..end], whole.len() - end);
            let of_instance = |line: &&str| line.contains(&format!("instance={name}"));
            let mut found = lines
                .split_inclusive('\n')
                .filter(of_instance)
                .filter(|line| line.contains(&format!("{start} é")));
            let line = found.next().unwrap_or_else(|| panic!("{name} has no line of {start}"));
            assert!(
                line.contains(cut.trim_end()),
                "{name}: {} bytes: {}",
                line.len(),
                &line[line.len() - 90..]
            );
        }
    }
}
