//! Full mailboxes.

use airssys_rt::Overflow;
use airssys_wasm::{ComponentSpec, Limits};

use crate::support::*;

fn small(name: &str, overflow: Overflow) -> ComponentSpec {
    ComponentSpec { capacity: 4, overflow, ..trusted(name) }
}

fn try_send(times: u32) -> Command {
    Command::TrySend { to: "receiver".to_owned(), command: note("x"), times }
}

#[tokio::test]
async fn full_mailbox_refuses_at_once() {
    for overflow in [Overflow::Wait, Overflow::Reject] {
        let host = host();
        let prepared = host.prepare(small("receiver", overflow)).unwrap();
        host.spawn(trusted("sender")).await.unwrap();
        let text = host.ask("sender", try_send(9)).await.unwrap_err();
        assert!(text.starts_with("after 4: ") && text.contains("full"), "{text}");
        host.start(prepared).await.unwrap();
        host.drained().await;
        let receiver = host.component_snapshot("receiver").unwrap();
        assert_eq!((receiver.received, receiver.mailbox_full, receiver.high_water()), (4, 1, 4));
        // The sender is asked to try again, which does not count as a refusal.
        assert_eq!(receiver.refused_total(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_sender_loses_no_message() {
    let host = host();
    let prepared = host.prepare(small("receiver", Overflow::Wait)).unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    let send = Command::Send { to: "receiver".to_owned(), command: note("x"), times: 500 };
    host.tell("sender", send).await;
    while host.actors("receiver")[0].depth() < 4 {
        tokio::task::yield_now().await;
    }
    // The sender waits in the middle of its message, and occupies no worker.
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(host.notes("receiver").await.split(' ').count(), 500);
    assert_eq!(host.dead_letters().total(), 0);
}

#[tokio::test]
async fn waiting_sender_gets_an_error_if_its_target_ends() {
    let host = host();
    let prepared = host.prepare(small("receiver", Overflow::Wait)).unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    let send = Command::Send { to: "receiver".to_owned(), command: note("x"), times: 5 };
    host.tell("sender", send).await;
    while host.actors("receiver")[0].depth() < 4 {
        tokio::task::yield_now().await;
    }
    drop(prepared);
    host.drained().await;
    let reasons = host.reasons();
    let rejected = reasons.iter().filter(|reason| reason.starts_with("rejected")).count();
    assert_eq!((reasons.len(), rejected), (5, 1), "{reasons:?}");
}

#[tokio::test]
async fn component_does_not_wait_for_room_in_its_own_mailbox() {
    let host = host();
    host.spawn(small("sender", Overflow::Wait)).await.unwrap();
    let send = Command::Send { to: "sender".to_owned(), command: note("x"), times: 5 };
    let error = host.try_ask("sender", send).await.unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(host.notes("sender").await, "x x x x");
}

#[tokio::test]
async fn publication_reaches_all_waiting_subscribers_or_none() {
    let host = host();
    let subscribed = |spec: ComponentSpec| ComponentSpec { subscribes: vec![pattern("news")], ..spec };
    let prepared = host.prepare(subscribed(small("slow", Overflow::Wait))).unwrap();
    host.spawn(subscribed(trusted("fast"))).await.unwrap();
    host.spawn(trusted("writer")).await.unwrap();
    for number in 0..4 {
        assert_eq!(host.publish("news", message(&note(number.to_string()))).unwrap(), 2);
    }
    let error = host.publish("news", message(&note("too many"))).unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    // A component that publishes waits for the slow one.
    let publish = Command::Publish { topic: "news".to_owned(), command: note("4") };
    host.tell("writer", publish).await;
    assert_eq!(host.notes("fast").await, "0 1 2 3");
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(host.notes("fast").await, "0 1 2 3 4");
    assert_eq!(host.notes("slow").await, "0 1 2 3 4");
}

#[tokio::test]
async fn slow_rejecting_subscriber_does_not_affect_others() {
    let host = host();
    let subscribed = |spec: ComponentSpec| ComponentSpec { subscribes: vec![pattern("news")], ..spec };
    let prepared = host.prepare(subscribed(small("slow", Overflow::Reject))).unwrap();
    host.spawn(subscribed(trusted("fast"))).await.unwrap();
    for number in 0..6 {
        let delivered = host.publish("news", message(&note(number.to_string()))).unwrap();
        assert_eq!(delivered, if number < 4 { 2 } else { 1 });
    }
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(host.notes("fast").await, "0 1 2 3 4 5");
    assert_eq!(host.notes("slow").await, "0 1 2 3");
    assert_eq!(host.reasons(), ["the receiver's mailbox was full"; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mailbox_is_bounded_in_bytes() {
    let host = host();
    let limits = Limits { memory_bytes: 8 << 20, message_size_bytes: 1 << 20, ..Limits::default() };
    let prepared = host.prepare(ComponentSpec { limits, ..trusted("receiver") }).unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    let large = Box::new(Command::Tally("x".repeat(1_000_000)));
    let send = |times| Command::TrySend { to: "receiver".to_owned(), command: large.clone(), times };
    let text = host.ask("sender", send(20)).await.unwrap_err();
    assert!(text.starts_with("after 8: "), "{text}");
    // Waiting senders get room in turn.
    let waiting = Command::Send { to: "receiver".to_owned(), command: large.clone(), times: 40 };
    host.tell("sender", waiting).await;
    host.start(prepared).await.unwrap();
    host.drained().await;
    let receiver = host.component_snapshot("receiver").unwrap();
    assert_eq!((receiver.handled, host.dead_letters().total()), (48, 0));
}

#[tokio::test]
async fn publisher_does_not_wait_for_room_in_its_own_mailbox() {
    let host = host();
    let own = ComponentSpec { subscribes: vec![pattern("news")], ..small("writer", Overflow::Wait) };
    let prepared = host.prepare(own).unwrap();
    let publish = Command::Publish { topic: "news".to_owned(), command: note("x") };
    for _ in 0..4 {
        host.tell("writer", publish.clone()).await;
    }
    // Three messages are in the mailbox while the first is handled, so one copy fits.
    host.start(prepared).await.unwrap();
    host.drained().await;
    let notes = host.notes("writer").await;
    let lost = host.dead_letters().total();
    assert_eq!(notes.split(' ').count() as u64 + lost, 4, "{notes}");
}

fn note_to_receiver(number: u32) -> Command {
    Command::TrySend { to: "receiver".to_owned(), command: note(number.to_string()), times: 1 }
}

#[tokio::test]
async fn dropping_mailbox_keeps_the_newest_or_oldest_and_refuses_no_sender() {
    let dropped = [
        (Overflow::DropOldest, "3 4 5 6", "made way for a newer message: the mailbox was full"),
        (Overflow::DropNewest, "1 2 3 4", "the receiver's mailbox was full"),
    ];
    for (overflow, kept, reason) in dropped {
        let host = host();
        let prepared = host.prepare(small("receiver", overflow)).unwrap();
        host.spawn(trusted("sender")).await.unwrap();
        for number in 1..=6 {
            host.ask("sender", note_to_receiver(number)).await.unwrap();
        }
        host.start(prepared).await.unwrap();
        host.drained().await;
        assert_eq!(host.notes("receiver").await, kept);
        assert_eq!(host.reasons(), [reason; 2]);
    }
}

#[tokio::test]
async fn dropping_mailbox_treats_publications_like_messages() {
    for (overflow, kept, delivered) in
        [(Overflow::DropOldest, "1 2 3 4", 1), (Overflow::DropNewest, "0 1 2 3", 0)]
    {
        let host = host();
        let subscribes = vec![pattern("news")];
        let prepared = host.prepare(ComponentSpec { subscribes, ..small("receiver", overflow) }).unwrap();
        for number in 0..5 {
            let took = host.publish("news", message(&note(number.to_string()))).unwrap();
            assert_eq!(took, if number < 4 { 1 } else { delivered });
        }
        host.start(prepared).await.unwrap();
        host.drained().await;
        assert_eq!(host.notes("receiver").await, kept);
        assert_eq!(host.dead_letters().total(), 1);
    }
}

#[tokio::test]
async fn dropped_request_is_reported_to_its_sender() {
    let request =
        |timeout_ms| Command::Request { to: "receiver".to_owned(), command: note("asked"), timeout_ms };
    let host = host();
    let prepared = host.prepare(small("receiver", Overflow::DropOldest)).unwrap();
    host.spawn(trusted("asker")).await.unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    let (asked, ()) = tokio::join!(host.ask("asker", request(60_000)), async {
        while host.actors("receiver")[0].depth() == 0 {
            tokio::task::yield_now().await;
        }
        host.ask("sender", try_send(4)).await.unwrap();
    });
    let error = asked.unwrap_err();
    assert!(error.contains("made way for a newer message"), "{error}");
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(host.notes("receiver").await, "x x x x");

    let _full = host
        .prepare(ComponentSpec { name: "receiver-2".to_owned(), ..small("receiver", Overflow::DropNewest) });
    let send = Command::TrySend { to: "receiver-2".to_owned(), command: note("x"), times: 4 };
    host.ask("sender", send).await.unwrap();
    let request = Command::Request { to: "receiver-2".to_owned(), command: note("asked"), timeout_ms: 20 };
    let error = host.ask("asker", request).await.unwrap_err();
    assert!(error.contains("full"), "{error}");
    assert_eq!(host.dead_letters().total(), 1, "only the displaced message");
}

#[tokio::test(start_paused = true)]
async fn refused_message_displaces_no_other() {
    let host = host();
    let mut sender = trusted("sender");
    sender.limits.rates.messages_per_second = Some(1);
    sender.limits.rates.messages_burst = Some(4);
    host.spawn(sender).await.unwrap();
    let prepared = host.prepare(small("receiver", Overflow::DropOldest)).unwrap();
    for number in 1..=4 {
        host.ask("sender", note_to_receiver(number)).await.unwrap();
    }
    let refused = host.ask("sender", note_to_receiver(5)).await.unwrap_err();
    assert!(refused.contains("messages_per_second"), "{refused}");
    assert_eq!(host.dead_letters().total(), 0);
    host.start(prepared).await.unwrap();
    assert_eq!(host.notes("receiver").await, "1 2 3 4");
}

#[tokio::test]
async fn refused_publication_displaces_no_message() {
    let host = host();
    let subscribed =
        |name: &str, overflow| ComponentSpec { subscribes: vec![pattern("news")], ..small(name, overflow) };
    let drops = host.prepare(subscribed("drops", Overflow::DropOldest)).unwrap();
    for number in 0..4 {
        host.publish("news", message(&note(number.to_string()))).unwrap();
    }
    let waits = host.prepare(subscribed("waits", Overflow::Wait)).unwrap();
    for _ in 0..4 {
        host.send("waits", message(&note("x"))).await.unwrap();
    }
    host.publish("news", message(&note("4"))).unwrap_err();
    assert_eq!(host.dead_letters().total(), 0);
    host.start(drops).await.unwrap();
    host.start(waits).await.unwrap();
    assert_eq!(host.notes("drops").await, "0 1 2 3");
}
