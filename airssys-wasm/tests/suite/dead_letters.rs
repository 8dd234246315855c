//! Dead letters: retrying, dropping and counting them.

use airssys_message::{Accepts, Codec};
use airssys_rt::Overflow;
use airssys_wasm::{ComponentHost, ComponentSpec, RetryError};

use crate::support::*;

fn ids(host: &ComponentHost) -> Vec<u64> {
    host.dead_letters().kept().iter().map(|letter| letter.id).collect()
}

/// Returns the numbers of received, handled and dead-lettered messages.
fn counts(host: &ComponentHost, name: &str) -> (u64, u64, u64) {
    let snapshot = host.component_snapshot(name).unwrap();
    (snapshot.received, snapshot.handled, snapshot.dead_lettered)
}

#[tokio::test]
async fn retried_letter_is_handled_as_its_senders_message() {
    let host = host();
    // The message fails before its second attempt, which only a retrying component makes.
    let delivery = airssys_wasm::Delivery::Retry(airssys_wasm::Retry {
        attempts: 2,
        backoff: airssys_rt::RestartStrategy::Immediate,
    });
    let capabilities = airssys_wasm::Capabilities::everything();
    host.spawn(trusted("sends")).await.unwrap();
    host.spawn(ComponentSpec { capabilities, ..denied("receives") }).await.unwrap();
    let command = Box::new(Command::RetryBefore { attempt: 2, text: "late".to_owned() });
    let to = "receives".to_owned();
    host.ask("sends", Command::Send { to, command, times: 1 }).await.unwrap();
    host.drained().await;
    let letter = host.dead_letters().kept().remove(0);
    assert_eq!((&*letter.sender, letter.attempts, letter.id), ("sends", 1, 1));
    assert_eq!(counts(&host, "receives"), (1, 0, 1));

    // The same message goes to a component that handles it.
    host.retire("receives").await;
    host.spawn(ComponentSpec { delivery, ..trusted("receives") }).await.unwrap();
    host.retry_dead_letter(letter.id).unwrap();
    host.drained().await;
    assert_eq!(host.notes("receives").await, "late");
    host.drained().await;
    assert!(ids(&host).is_empty());
    // The two are the retried message and the request for the notes.
    assert_eq!(counts(&host, "receives"), (2, 2, 0));
    assert_eq!(host.dead_letters().total(), 1);
}

#[tokio::test]
async fn a_retried_letter_keeps_its_sender_and_its_topic() {
    let host = host();
    let log = Log::capture();
    let spec = ComponentSpec {
        accepts: Accepts::only(Codec::Json),
        subscribes: vec![pattern("news")],
        ..trusted("reads")
    };
    host.spawn(spec).await.unwrap();
    host.spawn(trusted("tells")).await.unwrap();
    let publish = Command::Publish { topic: "news".to_owned(), command: Box::new(Command::Describe) };
    host.ask("tells", publish).await.unwrap();
    let letter = host.dead_letters().kept().remove(0);
    assert_eq!((&*letter.sender, letter.topic.as_deref()), ("tells", Some("news")));
    // The copy was never in the mailbox.
    assert_eq!(counts(&host, "reads"), (0, 0, 1));
    host.retire("reads").await;
    host.spawn(ComponentSpec { subscribes: vec![pattern("news")], ..trusted("reads") }).await.unwrap();
    host.retry_dead_letter(letter.id).unwrap();
    host.drained().await;
    assert_eq!(counts(&host, "reads"), (1, 1, 0));
    drop(log);
}

#[tokio::test]
async fn letter_that_fails_again_is_a_new_letter() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    host.spawn(trusted("sends")).await.unwrap();
    let command = Box::new(Command::Reject("never".to_owned()));
    host.ask("sends", Command::Send { to: "probe".to_owned(), command, times: 1 }).await.unwrap();
    host.drained().await;
    for life in 1..=3 {
        assert_eq!(ids(&host), [life]);
        let letter = host.dead_letters().get(life).unwrap();
        assert_eq!((&*letter.sender, letter.reason.to_string().as_str()), ("sends", "rejected: never"));
        assert_eq!(counts(&host, "probe"), (life, 0, life));
        host.retry_dead_letter(life).unwrap();
        host.drained().await;
    }
    let gone = host.retry_dead_letter(1).unwrap_err();
    assert_eq!(gone, RetryError::Unknown { id: 1 });
}

#[tokio::test]
async fn refused_letter_stays_in_its_place() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    for text in ["a", "b", "c"] {
        host.tell("probe", Command::Reject(text.to_owned())).await;
    }
    host.drained().await;
    assert_eq!(ids(&host), [1, 2, 3]);
    host.retire("probe").await;
    let refused = host.retry_dead_letter(2).unwrap_err();
    assert!(matches!(&refused, RetryError::Refused { receiver, .. } if receiver == "probe"), "{refused:?}");
    assert_eq!(ids(&host), [1, 2, 3]);

    // The mailbox has room for one.
    let prepared = host.prepare(ComponentSpec { capacity: 1, ..trusted("probe") }).unwrap();
    host.retry_dead_letter(1).unwrap();
    let refused = host.retry_dead_letter(2).unwrap_err();
    assert!(refused.to_string().contains("full"), "{refused}");
    assert_eq!(ids(&host), [2, 3]);
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(ids(&host), [2, 3, 4]);
    // The receiver no longer accepts the codec.
    host.retire("probe").await;
    host.spawn(ComponentSpec { accepts: Accepts::only(Codec::Json), ..trusted("probe") }).await.unwrap();
    let refused = host.retry_dead_letter(3).unwrap_err();
    assert!(refused.to_string().contains("codec"), "{refused}");
    assert_eq!(ids(&host), [2, 3, 4]);
}

#[tokio::test]
async fn retried_letter_takes_free_room_only_whatever_the_overflow_policy() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest] {
        let host = host();
        host.spawn(trusted("probe")).await.unwrap();
        for text in ["a", "b"] {
            host.tell("probe", Command::Reject(text.to_owned())).await;
        }
        host.drained().await;
        host.retire("probe").await;
        // Not started, so the mailbox stays full after the first letter.
        let prepared = host.prepare(ComponentSpec { capacity: 1, overflow, ..trusted("probe") }).unwrap();
        host.retry_dead_letter(1).unwrap();
        for _round in 0..3 {
            let refused = host.retry_dead_letter(2).unwrap_err();
            assert!(matches!(refused, RetryError::Refused { no_room: true, .. }), "{overflow:?}: {refused}");
        }
        assert_eq!((ids(&host), host.dead_letters().total()), (vec![2], 2), "{overflow:?}");
        let snapshot = host.component_snapshot("probe").unwrap();
        assert_eq!((snapshot.mailbox_full, snapshot.dead_lettered), (0, 0), "{overflow:?}");
        drop(prepared);
    }
}

#[tokio::test]
async fn dropped_letter_is_removed_but_stays_counted() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    for text in ["a", "b"] {
        host.tell("probe", Command::Reject(text.to_owned())).await;
    }
    host.drained().await;
    assert_eq!(host.drop_dead_letter(1).unwrap().message, message(&Command::Reject("a".to_owned())));
    assert!(host.drop_dead_letter(1).is_none() && host.dead_letters().get(1).is_none());
    assert_eq!((ids(&host), host.dead_letters().total()), (vec![2], 2));
}

#[tokio::test]
async fn every_message_is_accounted_for_after_retries() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    for number in 0..40 {
        let command = match number % 4 {
            0 => Command::Reject("no".to_owned()),
            1 => Command::Panic("drill".to_owned()),
            _ => Command::Tally("x".to_owned()),
        };
        host.tell("probe", command).await;
    }
    for _ in 0..3 {
        for id in ids(&host) {
            host.retry_dead_letter(id).unwrap();
        }
        host.drained().await;
        let (received, handled, dead) = counts(&host, "probe");
        assert_eq!((received, dead), (handled + dead, host.dead_letters().total()));
        assert_eq!(ids(&host).len(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn letters_of_one_kind_for_one_receiver_are_logged_once_per_interval() {
    let log = Log::capture();
    let lines = || {
        let text = log.text();
        text.lines()
            .filter(|line| line.contains("airssys::dead_letter"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let host = host();
    host.spawn(trusted("one")).await.unwrap();
    host.spawn(trusted("two")).await.unwrap();
    let reject = |number: u32| Command::Reject(format!("number {number}"));
    for number in 0..100 {
        host.tell("one", reject(number)).await;
    }
    host.tell("two", reject(0)).await;
    host.tell("two", Command::Panic("drill".to_owned())).await;
    host.drained().await;
    let said = lines();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("rejected: number 0") && said[0].contains("receiver=one"), "{said:?}");
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    host.tell("one", reject(100)).await;
    host.tell("one", reject(101)).await;
    host.drained().await;
    let said = lines();
    assert!(
        said[3].contains("rejected: number 100 (and 99 more of this kind since the last line)"),
        "{said:?}"
    );
    host.retire("one").await;
    assert!(lines()[4].contains("rejected: 1 more since the last line"), "{:?}", lines());
    for number in 1..=3 {
        host.tell("two", reject(number)).await;
    }
    host.drained().await;
    host.shutdown(SOON).await;
    let said = lines();
    assert!(said[6].contains("rejected: 2 more since the last line receiver=\"two\""), "{said:?}");
    assert_eq!((said.len(), host.dead_letters().total()), (7, 107));
}
