//! Messages, topics and pools.

use std::time::Duration;

use airssys_wasm::{ComponentSpec, Limits};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_arrive_once_and_in_order() {
    let host = host();
    host.spawn(trusted("receiver")).await.unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    for number in 0..100 {
        let command = note(format!("{number}"));
        host.tell("sender", Command::Send { to: "receiver".to_owned(), command, times: 1 }).await;
    }
    host.drained().await;
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(host.notes("receiver").await, expected.join(" "));
}

#[tokio::test]
async fn handler_learns_the_sender_and_topic_of_a_message() {
    let host = host();
    let spec = ComponentSpec { subscribes: vec![pattern("news.*")], ..trusted("reader") };
    host.spawn(spec).await.unwrap();
    host.spawn(trusted("writer")).await.unwrap();
    assert_eq!(host.ask("reader", Command::Describe).await.unwrap(), "host, no topic, reply: true");
    let command = Box::new(Command::Describe);
    let request = Command::Request { to: "reader".to_owned(), command, timeout_ms: 5_000 };
    assert_eq!(host.ask("writer", request).await.unwrap(), "writer, no topic, reply: true");
    let command = Box::new(Command::Reject("describe".to_owned()));
    host.ask("writer", Command::Publish { topic: "news.today".to_owned(), command }).await.unwrap();
    host.drained().await;
    let letter = host.dead_letters().kept().remove(0);
    assert_eq!(
        (&*letter.receiver, &*letter.sender, letter.topic.as_deref()),
        ("reader", "writer", Some("news.today"))
    );
}

#[tokio::test]
async fn subscribers_get_what_their_patterns_match() {
    let host = host();
    for (name, topics) in
        [("all", "*"), ("quakes", "quakes.*"), ("major", "quakes.major.*"), ("asia", "quakes.*.asia")]
    {
        let spec = ComponentSpec { subscribes: vec![pattern(topics)], ..denied(name) };
        let mut capabilities = spec.capabilities.clone();
        capabilities.subscribe = vec![pattern(topics)];
        host.spawn(ComponentSpec { capabilities, ..spec }).await.unwrap();
    }
    host.spawn(trusted("publisher")).await.unwrap();
    for (topic, subscribers) in
        [("quakes.major.asia", "4"), ("quakes.minor.asia", "3"), ("quakes.major", "2"), ("other", "1")]
    {
        let publish = Command::Publish { topic: topic.to_owned(), command: note(topic) };
        assert_eq!(host.ask("publisher", publish).await.unwrap(), subscribers, "{topic}");
    }
    host.drained().await;
    assert_eq!(host.notes("all").await, "quakes.major.asia quakes.minor.asia quakes.major other");
    assert_eq!(host.notes("quakes").await, "quakes.major.asia quakes.minor.asia quakes.major");
    assert_eq!(host.notes("major").await, "quakes.major.asia");
    assert_eq!(host.notes("asia").await, "quakes.major.asia quakes.minor.asia");
}

#[tokio::test]
async fn subscription_made_at_run_time_survives_a_restart() {
    let host = host();
    host.spawn(trusted("reader")).await.unwrap();
    assert_eq!(host.publish("news", message(&note("lost"))).unwrap(), 0);
    host.ask("reader", Command::Subscribe("news".to_owned())).await.unwrap();
    host.ask("reader", Command::Subscribe("news".to_owned())).await.unwrap();
    assert_eq!(host.publish("news", message(&note("one"))).unwrap(), 1);
    host.tell("reader", Command::Panic("restart".to_owned())).await;
    host.drained().await;
    assert_eq!(host.publish("news", message(&note("two"))).unwrap(), 1);
    assert_eq!(host.notes("reader").await, "two");
    assert_eq!(host.ask("reader", Command::Unsubscribe("news".to_owned())).await.unwrap(), "true");
    assert_eq!(host.ask("reader", Command::Unsubscribe("news".to_owned())).await.unwrap(), "false");
    assert_eq!(host.publish("news", message(&note("three"))).unwrap(), 0);
}

#[tokio::test]
async fn ended_subscriber_gets_no_copies() {
    let host = host();
    let restart = airssys_rt::RestartPolicy::Temporary;
    host.spawn(ComponentSpec { subscribes: vec![pattern("news")], restart, ..trusted("reader") })
        .await
        .unwrap();
    let actor = host.actors("reader").remove(0);
    host.tell("reader", Command::Stop).await;
    actor.closed().await;
    assert_eq!(host.publish("news", message(&note("late"))).unwrap(), 0);
    assert_eq!(host.dead_letters().total(), 0);
}

#[tokio::test]
async fn pool_and_each_instance_are_reached_by_name() {
    let host = host();
    host.spawn(ComponentSpec { instances: 3, ..trusted("pool") }).await.unwrap();
    for number in 1..=3 {
        let name = format!("pool/{number}");
        assert_eq!(host.ask(&name, Command::Identity).await.unwrap(), format!("test {name} 0"));
    }
    assert!(host.ask("pool", Command::Identity).await.unwrap().starts_with("test pool/"));
    let error = host.try_ask("pool/4", Command::Identity).await.unwrap_err();
    assert!(error.to_string().contains("no component has this name"), "{error}");
}

#[tokio::test]
async fn pool_gives_work_to_the_least_loaded_instance() {
    let host = host();
    // The pool is not started yet, so the messages stay in the mailboxes.
    let prepared = host.prepare(ComponentSpec { instances: 3, ..trusted("pool") }).unwrap();
    for number in 0..9 {
        host.tell("pool", Command::Note(number.to_string())).await;
    }
    let depths: Vec<usize> = host.actors("pool").iter().map(|actor| actor.depth()).collect();
    assert_eq!(depths, [3, 3, 3]);
    host.start(prepared).await.unwrap();
    host.drained().await;
    let snapshot = host.component_snapshots().remove(0);
    assert_eq!((snapshot.name.as_str(), snapshot.instances.len(), snapshot.handled), ("pool", 3, 9));
}

#[tokio::test]
async fn native_actors_and_components_live_side_by_side() {
    use airssys_rt::{Actor, ActorContext, Child, ChildSpec};

    struct Bridge(airssys_wasm::ComponentHost);
    impl Child for Bridge {}
    impl Actor for Bridge {
        type Message = String;
        type Error = airssys_wasm::CallError;
        async fn handle_message(
            &mut self,
            text: String,
            _: &ActorContext<String>,
        ) -> Result<(), Self::Error> {
            self.0.send("probe", message(&Command::Note(text))).await
        }
    }

    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    let inner = host.clone();
    let bridge = host.system().spawn(ChildSpec::new("bridge"), move || Bridge(inner.clone())).await.unwrap();
    bridge.send("native".to_owned()).await.unwrap();
    while bridge.stats().handled == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(host.notes("probe").await, "native");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_handled_while_their_sender_still_runs() {
    let tally = || Box::new(Command::Tally("on".to_owned()));
    let one = Command::SendAndSpin { to: "sink".to_owned(), command: tally() };
    let many = Command::FloodForever { to: "sink".to_owned(), command: tally() };
    for (endless, least) in [(one, 1), (many, 5_000)] {
        let host = host();
        host.spawn(trusted("sink")).await.unwrap();
        let limits = Limits { execution_time: SOON, ..Limits::default() };
        host.spawn(ComponentSpec { limits, ..trusted("source") }).await.unwrap();
        host.tell("source", endless).await;
        let snapshot = |name| host.component_snapshot(name).unwrap();
        while snapshot("sink").handled < least {
            tokio::task::yield_now().await;
        }
        let source = snapshot("source");
        assert_eq!((source.received, source.handled + source.dead_lettered), (1, 0), "the sender still runs");
        host.shutdown(Duration::from_millis(100)).await;
    }
}
