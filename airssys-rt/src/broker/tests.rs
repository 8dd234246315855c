//! The part of the subscriptions that a publication visits.

use super::trie::visits;
use super::*;
use crate::{ActorSystem, ChildSpec, Prepared};

const MANY: usize = 100_000;

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

fn pattern(text: &str) -> TopicPattern {
    TopicPattern::parse(text).unwrap()
}

/// Subscribers without a name that are never started.
fn mailboxes(count: usize) -> (ActorSystem, Vec<Prepared<u32>>) {
    let system = ActorSystem::new("test");
    let prepared = (0..count).map(|_| system.prepare(ChildSpec::unnamed().capacity(4)).unwrap()).collect();
    (system, prepared)
}

/// The subscribers of a topic, and the number of nodes that the look-up visits.
fn look(broker: &MessageBroker<u32>, on: &str) -> (usize, usize) {
    visits::take();
    (broker.matching(&topic(on)).len(), visits::take())
}

#[tokio::test(start_paused = true)]
async fn publication_visits_only_nodes_that_may_match() {
    let (_system, prepared) = mailboxes(1000);
    let broker = MessageBroker::new();
    let subscribe = |range: std::ops::Range<usize>| {
        for number in range {
            let actor = prepared[number % prepared.len()].actor_ref();
            let made = match number % 5 {
                0 => format!("orders.{number}.created"),
                1 => format!("orders.{number}.*"),
                2 => format!("orders.*.by-{number}.at"),
                3 => format!("events.{number}"),
                _ => format!("{number}.*"),
            };
            assert!(broker.subscribe(pattern(&made), actor));
        }
    };
    let looked = || {
        let on = ["orders.50.created", "orders.51.created", "orders.x.by-52.at", "events.53", "54.x", "none"];
        on.map(|on| look(&broker, on))
    };
    subscribe(0..100);
    let few = looked();
    assert_eq!(few.map(|(found, _)| found), [1, 1, 1, 1, 1, 0]);
    subscribe(100..MANY);
    assert_eq!(looked(), few, "the rest makes no difference");
    assert!(few.iter().all(|(_, looked)| *looked <= 6), "{few:?}");

    // Subscribers on its path that do not match do not get it.
    let delivered = broker.try_publish(&topic("orders.50.created"), 7).unwrap().delivered;
    assert_eq!(delivered, 1);
    let accepted: u64 = prepared.iter().map(|one| one.actor_ref().stats().accepted).sum();
    assert_eq!(accepted, 1);
}

/// Each branch that may match is visited once, which bounds the cost of a topic.
#[tokio::test(start_paused = true)]
async fn wildcard_in_the_middle_at_most_doubles_the_visited_nodes() {
    let (_system, prepared) = mailboxes(1);
    let broker = MessageBroker::new();
    for bits in 0..64u32 {
        let segments: Vec<_> = (0..6).map(|bit| if bits >> bit & 1 == 1 { "*" } else { "a" }).collect();
        broker.subscribe(pattern(&segments.join(".")), prepared[0].actor_ref());
    }
    let (found, looked) = look(&broker, "a.a.a.a.a.a");
    assert_eq!(found, 1, "one subscriber gets it once");
    assert!(looked <= 127, "{looked}");
}

/// It would take minutes if each unsubscription went through those that have the same pattern, or
/// through those of the same subscriber.
#[tokio::test(start_paused = true)]
async fn unsubscribing_visits_no_other_subscriber() {
    let (_system, prepared) = mailboxes(MANY);
    let broker = MessageBroker::new();
    let popular = pattern("news.*");
    for one in &prepared {
        assert!(broker.subscribe(popular.clone(), one.actor_ref()));
    }
    let busy = prepared[0].actor_ref();
    for number in 0..MANY {
        assert!(broker.subscribe(pattern(&format!("x.{number}")), busy.clone()));
    }
    assert_eq!(broker.subscriptions(busy.id()).len(), MANY + 1);
    assert_eq!(look(&broker, "news.today").0, MANY);
    for one in &prepared[1..] {
        assert_eq!(broker.unsubscribe_all(one.actor_ref().id()), 1);
    }
    for number in 0..MANY {
        assert!(broker.unsubscribe(&pattern(&format!("x.{number}")), busy.id()));
    }
    assert_eq!(broker.subscriptions(busy.id()), [popular]);
    assert_eq!(look(&broker, "news.today").0, 1);
    broker.unsubscribe_all(busy.id());
    let state = read(&broker.state);
    assert!(state.trie.is_empty() && state.subscribers.is_empty(), "nothing is kept");
}

#[tokio::test(start_paused = true)]
async fn ended_subscribers_are_removed_without_a_publication() {
    let broker = MessageBroker::new();
    let (system, living) = mailboxes(10);
    for one in &living {
        broker.subscribe(pattern("living"), one.actor_ref());
    }
    for round in 0..100 {
        let prepared = system.prepare(ChildSpec::unnamed()).unwrap();
        broker.subscribe(pattern(&format!("inbox.{round}")), prepared.actor_ref());
        broker.subscribe(pattern("news.*"), prepared.actor_ref());
    }
    let kept = read(&broker.state).subscribers.len();
    assert!(kept < 10 + 64, "{kept}");
    assert_eq!(look(&broker, "living").0, 10);
}
