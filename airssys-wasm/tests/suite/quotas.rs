//! Rate limits of a component, and its view of its own usage.

use std::time::Duration;

use airssys_wasm::limits::{Rates, TargetLimit};
use airssys_wasm::{ComponentHost, ComponentSnapshot, ComponentSpec, Limits};

use crate::support::*;

/// Allows this many messages at once, and one a second. The tests pause the clock, so no permit comes
/// back by accident.
fn messages(burst: u64) -> Rates {
    Rates { messages_per_second: Some(1), messages_burst: Some(burst), ..Rates::UNLIMITED }
}

fn rated(name: &str, rates: Rates) -> ComponentSpec {
    ComponentSpec { limits: Limits { rates, ..Limits::default() }, ..trusted(name) }
}

/// Returns a component with limited rates to one target.
fn limited_to(name: &str, target: &str, rates: Rates) -> ComponentSpec {
    let per_target = vec![TargetLimit { target: target.to_owned(), rates }];
    ComponentSpec { limits: Limits { per_target, ..Limits::default() }, ..trusted(name) }
}

fn try_send(to: &str, times: u32) -> Command {
    Command::TrySend { to: to.to_owned(), command: note("x"), times }
}

fn snapshot(host: &ComponentHost, name: &str) -> ComponentSnapshot {
    host.component_snapshot(name).expect("a component")
}

#[tokio::test(start_paused = true)]
async fn burst_is_sent_at_once_and_refills_each_second() {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    let rates = Rates { messages_per_second: Some(2), messages_burst: Some(5), ..Rates::UNLIMITED };
    host.spawn(rated("sender", rates)).await.unwrap();
    let text = host.ask("sender", try_send("target", 9)).await.unwrap_err();
    assert_eq!(text, "after 5: the limit `messages_per_second: at most 2` is reached");
    tokio::time::advance(Duration::from_millis(1_500)).await;
    let text = host.ask("sender", try_send("target", 9)).await.unwrap_err();
    assert!(text.starts_with("after 3: "), "{text}");
    // No refused message was delivered, and refusals count for the sender.
    host.drained().await;
    let (sender, target) = (snapshot(&host, "sender"), snapshot(&host, "target"));
    assert_eq!((target.received, target.refused_total()), (8, 0));
    assert_eq!(sender.over_quota["messages_per_second"], 2);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_limited_and_a_message_above_the_burst_is_never_sent() {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    let rates = Rates { bytes_per_second: Some(1_000), bytes_burst: Some(2_000), ..Rates::UNLIMITED };
    host.spawn(rated("sender", rates)).await.unwrap();
    // The codec's prefix takes one byte.
    let bytes = |bytes| Command::SendBytes { to: "target".to_owned(), codec: "cbor".to_owned(), bytes };
    host.ask("sender", bytes(1_499)).await.unwrap();
    let text = host.ask("sender", bytes(500)).await.unwrap_err();
    assert!(text.contains("`bytes_per_second: at most 1000`"), "{text}");
    host.ask("sender", bytes(499)).await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let text = host.ask("sender", bytes(2_000)).await.unwrap_err();
    assert!(text.contains("`bytes_burst: at most 2000`"), "{text}");
    host.ask("sender", bytes(1_999)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn per_target_limit_counts_messages_and_requests() {
    let host = host();
    host.spawn(ComponentSpec { instances: 2, ..trusted("stock") }).await.unwrap();
    host.spawn(trusted("other")).await.unwrap();
    let rates = messages(3);
    host.spawn(limited_to("sender", "stock", rates)).await.unwrap();
    let echo = Box::new(Command::Echo("x".to_owned()));
    let request = Command::Request { to: "stock/2".to_owned(), command: echo, timeout_ms: 20_000 };
    assert_eq!(host.ask("sender", request.clone()).await.unwrap(), "x");
    // The pool and its instances are one target.
    let text = host.ask("sender", try_send("stock", 9)).await.unwrap_err();
    assert!(text.starts_with("after 2: "), "{text}");
    assert!(text.contains("`messages_per_second to stock: at most 1`"), "{text}");
    let text = host.ask("sender", request).await.unwrap_err();
    assert!(text.contains("messages_per_second to stock"), "{text}");
    assert_eq!(host.ask("sender", try_send("other", 20)).await.unwrap(), "sent 20");
    assert_eq!(snapshot(&host, "sender").over_quota["messages_per_second to stock"], 2);
    // A refused request has no callback, and does not stay in flight.
    host.drained().await;
    assert_eq!(host.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn message_refused_by_a_per_target_limit_costs_nothing_elsewhere() {
    let host = host();
    host.spawn(trusted("stock")).await.unwrap();
    host.spawn(trusted("other")).await.unwrap();
    let per_target = vec![TargetLimit { target: "stock".to_owned(), rates: messages(1) }];
    let limits = Limits { rates: messages(10), per_target, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("sender") }).await.unwrap();
    for _ in 0..5 {
        assert!(host.ask("sender", try_send("stock", 2)).await.is_err());
    }
    // The one message that went to `stock` used one of the ten.
    let text = host.ask("sender", try_send("other", 20)).await.unwrap_err();
    assert!(text.starts_with("after 9: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn publication_counts_once_and_is_refused_for_all_subscribers() {
    let host = host();
    for name in ["one", "two", "three"] {
        host.spawn(ComponentSpec { subscribes: vec![pattern("news")], ..trusted(name) }).await.unwrap();
    }
    host.spawn(rated("writer", messages(2))).await.unwrap();
    let publish = || Command::Publish { topic: "news".to_owned(), command: note("x") };
    assert_eq!(host.ask("writer", publish()).await.unwrap(), "3");
    assert_eq!(host.ask("writer", publish()).await.unwrap(), "3");
    let text = host.ask("writer", publish()).await.unwrap_err();
    assert!(text.contains("messages_per_second"), "{text}");
    host.drained().await;
    for name in ["one", "two", "three"] {
        assert_eq!(host.notes(name).await, "x x");
    }
}

#[tokio::test(start_paused = true)]
async fn subscribing_costs_one_message_and_a_denial_costs_nothing() {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    let subscribes = vec![pattern("news"), pattern("sport")];
    let mut spec = ComponentSpec { subscribes, ..rated("reader", messages(4)) };
    spec.capabilities.subscribe = vec![pattern("news"), pattern("sport"), pattern("own")];
    host.spawn(spec).await.unwrap();
    let subscribe = |pattern: &str| Command::Subscribe(pattern.to_owned());
    for _ in 0..5 {
        let text = host.ask("reader", subscribe("secret")).await.unwrap_err();
        assert!(text.contains("not allowed"), "{text}");
        host.ask("reader", subscribe("no..pattern")).await.unwrap_err();
    }
    // Subscribing again costs the same, and subscriptions of the manifest cost nothing.
    for pattern in ["own", "own", "news"] {
        host.ask("reader", subscribe(pattern)).await.unwrap();
        host.ask("reader", Command::Unsubscribe("own".to_owned())).await.unwrap();
    }
    let text = host.ask("reader", try_send("target", 9)).await.unwrap_err();
    assert!(text.starts_with("after 1: "), "{text}");
    let text = host.ask("reader", subscribe("own")).await.unwrap_err();
    assert!(text.contains("messages_per_second"), "{text}");
    assert_eq!(host.publish("own", message(&note("x"))).unwrap(), 0, "it did not subscribe");
    // A denial is reported as a denial even if the rate is exceeded.
    let text = host.ask("reader", subscribe("secret")).await.unwrap_err();
    assert!(text.contains("not allowed"), "{text}");
    assert_eq!(snapshot(&host, "reader").over_quota["messages_per_second"], 2);
}

#[tokio::test(start_paused = true)]
async fn batch_stops_at_the_first_message_above_the_quota() {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(rated("sender", messages(3))).await.unwrap();
    let commands: Vec<Command> = (0..6).map(|number| *note(number.to_string())).collect();
    let send = Command::SendBatch { to: "target".to_owned(), commands };
    // The batch does not wait for permits: it fails at once.
    let text = host.ask("sender", send).await.unwrap_err();
    assert!(text.contains("first 3 messages") && text.contains("messages_per_second"), "{text}");
    assert_eq!(host.notes("target").await, "0 1 2");
}

#[tokio::test(start_paused = true)]
async fn sdk_does_not_wait_for_a_quota() {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(rated("sender", messages(1))).await.unwrap();
    let send = Command::Send { to: "target".to_owned(), command: note("x"), times: 2 };
    let began = tokio::time::Instant::now();
    let error = host.try_ask("sender", send).await.unwrap_err();
    assert!(error.to_string().contains("messages_per_second"), "{error}");
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn instances_share_their_quota_and_a_restart_does_not_renew_it() {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(ComponentSpec { instances: 2, ..rated("pool", messages(4)) }).await.unwrap();
    assert_eq!(host.ask("pool/1", try_send("target", 3)).await.unwrap(), "sent 3");
    let text = host.ask("pool/2", try_send("target", 3)).await.unwrap_err();
    assert!(text.starts_with("after 1: "), "{text}");
    host.tell("pool/1", Command::Panic("again".to_owned())).await;
    host.drained().await;
    let text = host.ask("pool/1", try_send("target", 3)).await.unwrap_err();
    assert!(text.starts_with("after 0: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn message_refused_for_another_reason_costs_nothing() {
    let host = host();
    let prepared = host.prepare(ComponentSpec { capacity: 1, ..trusted("full") }).unwrap();
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(rated("sender", messages(3))).await.unwrap();
    for _ in 0..5 {
        let text = host.ask("sender", try_send("full", 2)).await.unwrap_err();
        assert!(text.contains("full"), "{text}");
    }
    // One message was sent before the mailbox was full.
    let text = host.ask("sender", try_send("target", 5)).await.unwrap_err();
    assert!(text.starts_with("after 2: "), "{text}");
    drop(prepared);
}

#[tokio::test(start_paused = true)]
async fn exceeded_quota_is_logged_once_per_interval() {
    let log = Log::capture();
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(rated("sender", messages(1))).await.unwrap();
    for _ in 0..50 {
        drop(host.ask("sender", try_send("target", 9)).await);
    }
    let text = log.text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("airssys::quota")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("sender") && lines[0].contains("messages_per_second: at most 1"), "{lines:?}");
    tokio::time::advance(Duration::from_secs(10)).await;
    host.ask("sender", try_send("target", 9)).await.unwrap_err();
    let text = log.text();
    let line = text.lines().rfind(|line| line.contains("airssys::quota")).unwrap();
    assert!(line.contains("49 times more since the last line"), "{line}");
}

/// Returns the used amount and the limit that a usage shows under a name.
fn of(usage: &str, name: &str) -> (u64, u64) {
    let line = usage.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).expect(name);
    let (used, limit) = line.split_once('/').expect("used/limit");
    (used.parse().expect("a number"), limit.parse().expect("a number"))
}

#[tokio::test(start_paused = true)]
async fn component_sees_its_own_usage_and_the_operator_sees_all() {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    let mut spec = rated("probe", Rates { bytes_per_second: Some(1 << 20), ..messages(7) });
    spec.limits.per_target = vec![TargetLimit { target: "target".to_owned(), rates: messages(5) }];
    spec.limits.memory_bytes = 16 << 20;
    spec.subscribes = vec![pattern("news")];
    spec.capacity = 50;
    host.spawn(spec).await.unwrap();
    let before = host.ask("probe", Command::Usage).await.unwrap();
    host.ask("probe", Command::Allocate(3)).await.unwrap();
    host.ask("probe", try_send("target", 2)).await.unwrap();
    let after = host.ask("probe", Command::Usage).await.unwrap();
    let (memory, grown) = (of(&before, "memory"), of(&after, "memory"));
    assert!(grown.0 >= memory.0 + (3 << 20) && grown.1 == 16 << 20, "{before}\n{after}");
    assert_eq!(of(&before, "routes"), (0, 1024));
    assert_eq!(of(&after, "routes").0, 1);
    assert_eq!(of(&after, "subscriptions"), (1, 64));
    assert_eq!(of(&after, "concurrent_requests"), (0, 64));
    assert_eq!(of(&before, "messages_burst"), (0, 7));
    assert_eq!(of(&after, "messages_burst"), (2, 7));
    assert_eq!(of(&after, "messages_burst to target"), (2, 5));
    assert_eq!(of(&after, "bytes_burst").1, 1 << 20);
    assert_eq!(of(&after, "mailbox").1, 50);
    assert!(of(&after, "mailbox_high_water").0 >= 1, "{after}");

    // The operator sees the same, of every component.
    let snapshots = host.component_snapshots();
    let names: Vec<_> = snapshots.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["probe", "target"]);
    let memory = snapshots[0].instances[0].usage.iter().find(|quota| quota.name == "memory").unwrap();
    assert_eq!(memory.used, grown.0);
    let shared = &snapshots[0].usage;
    assert!(shared.iter().any(|quota| quota.name == "messages_burst to target"), "{shared:?}");

    // The instance that ended no longer counts.
    host.tell("probe", Command::Panic("again".to_owned())).await;
    host.drained().await;
    let again = host.ask("probe", Command::Usage).await.unwrap();
    assert_eq!(of(&again, "memory").0, of(&before, "memory").0);
    assert_eq!(of(&again, "routes").0, 0);
}

#[tokio::test]
async fn usage_shows_requests_in_flight_and_waiting_messages() {
    let host = host();
    let silent = host.prepare(trusted("silent")).unwrap();
    host.spawn(ComponentSpec { capacity: 8, ..trusted("asker") }).await.unwrap();
    let echo = Box::new(Command::Echo("x".to_owned()));
    host.tell("asker", Command::RequestAll { to: "silent".to_owned(), command: echo, times: 3 }).await;
    for _ in 0..5 {
        host.tell("asker", *note("x")).await;
    }
    let find = |name: &str| {
        let asker = host.component_snapshot("asker").unwrap();
        asker.instances[0].usage.iter().find(|quota| quota.name == name).unwrap().used
    };
    while find("concurrent_requests") < 3 {
        tokio::task::yield_now().await;
    }
    while host.actors("asker")[0].depth() < 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(find("mailbox"), 5);
    assert_eq!(snapshot(&host, "asker").depth(), 5);
    host.start(silent).await.unwrap();
    host.drained().await;
    assert_eq!((find("mailbox"), find("concurrent_requests")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn exceeded_limits_on_routes_and_subscriptions_are_counted() {
    let host = host();
    let limits = Limits { routes: 2, subscriptions: 0, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("probe") }).await.unwrap();
    host.ask("probe", Command::ResolveMany(5)).await.unwrap_err();
    host.ask("probe", Command::Subscribe("a".to_owned())).await.unwrap_err();
    let over = snapshot(&host, "probe").over_quota;
    assert_eq!((over["routes"], over["subscriptions"]), (1, 1), "{over:?}");
}
