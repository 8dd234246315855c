//! Retained messages: the last message of a topic, for later subscribers.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, mpsc};

use airssys_message::{Accepts, Codec};
use airssys_rt::Overflow;
use airssys_wasm::{Capabilities, ComponentHost, ComponentSpec, Limits};

use crate::support::*;

fn whence(text: &str) -> Box<Command> {
    Box::new(Command::NoteOrigin(text.to_owned()))
}

fn retain(topic: &str, text: &str) -> Command {
    Command::Retain { topic: topic.to_owned(), command: whence(text) }
}

fn subscribe(pattern: &str) -> Command {
    Command::Subscribe(pattern.to_owned())
}

#[tokio::test]
async fn late_subscriber_gets_the_last_message_of_each_topic_once() {
    let host = host();
    for name in ["publisher", "early", "late"] {
        host.spawn(trusted(name)).await.unwrap();
    }
    host.ask("early", subscribe("weather.*")).await.unwrap();
    host.ask("publisher", retain("weather.rome", "old")).await.unwrap();
    host.ask("publisher", retain("weather.rome", "rome")).await.unwrap();
    host.ask("publisher", retain("stock.rome", "other")).await.unwrap();
    assert_eq!(host.notes("early").await, "old rome");
    host.ask("late", subscribe("weather.*")).await.unwrap();
    assert_eq!(host.notes("late").await, "rome+");
    // Subscribing again is not a new subscription.
    host.ask("late", subscribe("weather.*")).await.unwrap();
    host.ask("publisher", retain("weather.rome", "new")).await.unwrap();
    assert_eq!(host.notes("late").await, "rome+ new");
    assert_eq!(host.notes("early").await, "old rome new");
}

#[tokio::test]
async fn late_component_with_a_manifest_subscription_gets_retained_messages() {
    let host = host();
    host.publish_retained("weather.rome", message(&whence("rome"))).unwrap();
    let subscribes = vec![pattern("weather.*")];
    host.spawn(ComponentSpec { subscribes, ..trusted("late") }).await.unwrap();
    assert_eq!(host.notes("late").await, "rome+");
    // A new incarnation does not count as a new subscriber.
    host.try_ask("late", Command::Panic("drill".to_owned())).await.unwrap_err();
    assert_eq!(host.notes("late").await, "");
}

#[tokio::test]
async fn cleared_message_is_not_handed_over() {
    let host = host();
    host.spawn(trusted("publisher")).await.unwrap();
    host.spawn(trusted("late")).await.unwrap();
    host.ask("publisher", retain("weather.rome", "rome")).await.unwrap();
    let clear = || Command::ClearRetained("weather.rome".to_owned());
    assert_eq!(host.ask("publisher", clear()).await.unwrap(), "true");
    assert_eq!(host.ask("publisher", clear()).await.unwrap(), "false");
    host.ask("late", subscribe("weather.*")).await.unwrap();
    assert_eq!(host.notes("late").await, "");
}

#[tokio::test]
async fn host_clears_a_message_that_it_retained() {
    let host = host();
    host.publish_retained("weather.rome", message(&whence("rome"))).unwrap();
    assert_eq!(
        [host.clear_retained("weather.rome").unwrap(), host.clear_retained("weather.rome").unwrap()],
        [true, false]
    );
    host.clear_retained("weather..rome").unwrap_err();
}

#[tokio::test]
async fn retaining_and_clearing_need_the_right_to_publish() {
    let host = host();
    let publish = vec![pattern("weather.*")];
    let capabilities = Capabilities { publish, ..Capabilities::default() };
    host.spawn(ComponentSpec { capabilities, ..denied("publisher") }).await.unwrap();
    host.ask("publisher", retain("weather.rome", "rome")).await.unwrap();
    host.ask("publisher", retain("stock.rome", "rome")).await.unwrap_err();
    let clear = Command::ClearRetained("stock.rome".to_owned());
    host.ask("publisher", clear).await.unwrap_err();
}

#[tokio::test]
async fn retained_topics_are_limited() {
    let host = host();
    let limits = Limits { retained: 2, ..Limits::DEFAULT };
    host.spawn(ComponentSpec { limits, ..trusted("publisher") }).await.unwrap();
    host.spawn(trusted("other")).await.unwrap();
    host.ask("publisher", retain("a", "1")).await.unwrap();
    host.ask("publisher", retain("b", "1")).await.unwrap();
    let refused = host.ask("publisher", retain("c", "1")).await.unwrap_err();
    assert!(refused.contains("retained: at most 2"), "{refused}");
    let usage = host.ask("publisher", Command::Usage).await.unwrap();
    assert!(usage.lines().any(|line| line == "retained 2/2"), "{usage}");
    let publisher = host.snapshot().components.into_iter().find(|component| component.name == "publisher");
    assert_eq!(publisher.unwrap().over_quota["retained"], 1);
    // Replacing its own message is allowed, and a topic that another replaces no longer counts.
    host.ask("publisher", retain("a", "2")).await.unwrap();
    host.ask("other", retain("b", "2")).await.unwrap();
    host.ask("publisher", retain("c", "1")).await.unwrap();
}

#[tokio::test]
async fn refused_retained_message_is_a_dead_letter_of_the_new_subscriber() {
    let host = host();
    host.publish_retained("weather.rome", Codec::Json.message(b"{}")).unwrap();
    host.publish_retained("weather.oslo", message(&whence("oslo"))).unwrap();
    let subscribes = || vec![pattern("weather.*")];
    let accepts = Accepts::only(Codec::Borsh);
    let none = host.prepare(ComponentSpec { subscribes: subscribes(), accepts, ..trusted("none") });
    let small = ComponentSpec { capacity: 1, overflow: Overflow::Wait, ..trusted("small") };
    let accepts = Accepts::of([Codec::Cbor, Codec::Json]).unwrap();
    let full = host.prepare(ComponentSpec { subscribes: subscribes(), accepts, ..small });
    assert!(none.is_ok() && full.is_ok());
    let letters = host.dead_letters().kept();
    let mut found: Vec<_> =
        letters.iter().map(|letter| (&*letter.receiver, letter.reason.to_string())).collect();
    found.sort();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].0 == "none" && found[0].1.contains("does not accept the codec"), "{found:?}");
    assert!(found[1].0 == "none" && found[2].0 == "small" && found[2].1.contains("full"), "{found:?}");
}

#[tokio::test]
async fn refused_publication_is_not_retained() {
    let host = host();
    let full = ComponentSpec { capacity: 1, subscribes: vec![pattern("news")], ..trusted("full") };
    let _full = host.prepare(full).unwrap();
    host.publish_retained("news", message(&whence("first"))).unwrap();
    host.publish_retained("news", message(&whence("second"))).unwrap_err();
    host.spawn(trusted("late")).await.unwrap();
    host.ask("late", subscribe("news")).await.unwrap();
    assert_eq!(host.notes("late").await, "first+");
}

#[tokio::test]
async fn subscriber_with_overlapping_patterns_gets_one_copy() {
    let host = host();
    host.publish_retained("weather.rome", message(&whence("rome"))).unwrap();
    let subscribes = vec![pattern("weather.*"), pattern("*")];
    host.spawn(ComponentSpec { subscribes, ..trusted("late") }).await.unwrap();
    host.ask("late", subscribe("weather.rome")).await.unwrap();
    assert_eq!(host.notes("late").await, "rome+");
}

/// A log that, for each line, waits for another thread to clear a retained message.
struct Meddling {
    host: Arc<OnceLock<ComponentHost>>,
    /// For each line, true if the other thread finished in time.
    done: Arc<Mutex<Vec<bool>>>,
}

impl Write for Meddling {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(host) = self.host.get().cloned() {
            let (tell, told) = mpsc::channel();
            std::thread::spawn(move || tell.send(host.clear_retained("other").is_ok()));
            let done = told.recv_timeout(SOON).is_ok();
            self.done.lock().expect("a list").push(done);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logging_does_not_block_retaining_or_subscribing() {
    let (slot, done) = (Arc::default(), Arc::<Mutex<Vec<bool>>>::default());
    let (host_slot, list) = (Arc::clone(&slot), Arc::clone(&done));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || Meddling { host: Arc::clone(&host_slot), done: Arc::clone(&list) })
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let host = host();
    let limits = Limits { retained: 0, ..Limits::DEFAULT };
    host.spawn(ComponentSpec { limits, ..trusted("over") }).await.unwrap();
    let full = ComponentSpec { capacity: 1, overflow: Overflow::Reject, ..trusted("full") };
    let _full = host.prepare(ComponentSpec { subscribes: vec![pattern("news.*")], ..full.clone() }).unwrap();
    assert!(slot.set(host.clone()).is_ok());
    host.publish_retained("news.one", message(&whence("one"))).unwrap();
    // Three lines: a copy for a full mailbox, an exceeded quota, and a retained copy for a full mailbox.
    host.publish_retained("news.two", message(&whence("two"))).unwrap();
    host.ask("over", retain("sport", "x")).await.unwrap_err();
    let late = ComponentSpec { name: "late".to_owned(), subscribes: vec![pattern("news.*")], ..full };
    let _late = host.prepare(late).unwrap();
    let done = done.lock().unwrap();
    assert!(done.len() >= 3 && done.iter().all(|done| *done), "{done:?}");
}
