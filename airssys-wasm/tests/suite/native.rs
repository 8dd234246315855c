//! Native actors as targets of messages, beside components.

use std::convert::Infallible;
use std::time::Duration;

use airssys_message::{Accepts, Codec};
use airssys_rt::{
    Actor, ActorContext, ActorState, Child, RestartPolicy, RestartStrategy, SupervisorConfig, SupervisorSpec,
};
use airssys_wasm::{
    CallError, Capabilities, Capability, ComponentHost, ComponentSpec, Envelope, Health, Limits,
    NativeSender, NativeSpec, SpawnError,
};

use crate::support::*;

/// A native actor that does what a few commands say, and passes `Send` on under its own name.
struct Clerk {
    sender: NativeSender,
    notes: Vec<String>,
}

/// The failure of a clerk.
#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
struct Told;

impl Child for Clerk {}

impl Actor for Clerk {
    type Message = Envelope;
    type Error = Told;

    async fn handle_message(
        &mut self,
        envelope: Envelope,
        _context: &ActorContext<Envelope>,
    ) -> Result<(), Told> {
        let command = ciborium::from_reader(envelope.body()).map_err(|_| Told)?;
        match command {
            Command::Note(text) => {
                let from = envelope.topic().unwrap_or(envelope.sender()).to_owned();
                self.notes.push(format!("{from}: {text}"));
                envelope.done();
            }
            Command::Notes => envelope.reply(answer(Ok(self.notes.join(",")))),
            Command::Reject(reason) => envelope.reject(reason),
            Command::Send { to, command, .. } => {
                let sent = self.sender.send(&to, message(&command)).await;
                envelope.reply(answer(sent.map(|()| String::new()).map_err(|error| error.to_string())));
            }
            Command::Request { to, command, timeout_ms } => {
                let timeout = Duration::from_millis(timeout_ms);
                let reply = self.sender.request(&to, message(&command), timeout).await;
                match reply {
                    Ok(reply) => envelope.reply(reply),
                    Err(error) => envelope.reply(answer(Err(error.to_string()))),
                }
            }
            Command::Publish { topic, command } => {
                let published = self.sender.publish(&topic, message(&command));
                envelope.reply(answer(
                    published.map(|count| count.to_string()).map_err(|error| error.to_string()),
                ));
            }
            Command::Panic(text) => panic!("{text}"),
            _ => return Err(Told),
        }
        Ok(())
    }
}

fn answer(answer: Answer) -> Vec<u8> {
    let mut body = Vec::new();
    ciborium::into_writer(&answer, &mut body).expect("an answer can be encoded");
    Codec::Cbor.message(&body)
}

fn clerk(sender: NativeSender) -> Clerk {
    Clerk { sender, notes: Vec::new() }
}

/// A probe that may send to these, and ask them.
fn acquainted(name: &str, with: &str) -> ComponentSpec {
    let names = vec![with.parse().expect("a name")];
    let capabilities = Capabilities { send: names.clone(), request: names, ..Capabilities::default() };
    ComponentSpec { capabilities, ..ComponentSpec::new(name, probe()) }
}

fn send(to: &str, text: &str) -> Command {
    Command::Send { to: to.to_owned(), command: note(text), times: 1 }
}

fn request(to: &str, command: Command) -> Command {
    Command::Request { to: to.to_owned(), command: Box::new(command), timeout_ms: 30_000 }
}

/// Tells a component to do something, and gives the text with which it refused.
async fn refusal(host: &ComponentHost, name: &str, command: Command) -> String {
    match host.try_ask(name, command).await {
        Err(error) => error.to_string(),
        Ok(Err(text)) => text,
        Ok(Ok(done)) => panic!("it was not refused: {done}"),
    }
}

#[tokio::test]
async fn a_component_sends_to_a_native_actor_only_if_it_may() {
    let host = host();
    host.spawn_native(NativeSpec::new("clerk"), clerk).await.unwrap();
    host.spawn(acquainted("friend", "clerk")).await.unwrap();
    host.spawn(denied("stranger")).await.unwrap();

    host.ask("friend", send("clerk", "hello")).await.unwrap();
    assert_eq!(host.ask("friend", request("clerk", Command::Notes)).await.unwrap(), "friend: hello");
    let refused = refusal(&host, "stranger", send("clerk", "hello")).await;
    assert!(refused.contains("not allowed"), "{refused}");
    let denials = host.denials();
    assert_eq!(denials[0].component, "stranger", "{denials:?}");

    // A revocation counts at the next message, as between components.
    host.revoke("friend", Capability::Send, "clerk").unwrap();
    let refused = refusal(&host, "friend", send("clerk", "again")).await;
    assert!(refused.contains("not allowed"), "{refused}");
}

#[tokio::test]
async fn a_native_actor_sends_under_its_own_name_and_rights() {
    let host = host();
    let names = vec!["probe".parse().unwrap()];
    let spec = NativeSpec {
        capabilities: Capabilities {
            send: names.clone(),
            request: names,
            publish: vec![pattern("news.*")],
            ..Capabilities::default()
        },
        ..NativeSpec::new("clerk")
    };
    host.spawn_native(spec, clerk).await.unwrap();
    let probe = ComponentSpec {
        capabilities: Capabilities { subscribe: vec![pattern("news.*")], ..Capabilities::default() },
        subscribes: vec![pattern("news.*")],
        ..ComponentSpec::new("probe", probe())
    };
    host.spawn(probe).await.unwrap();
    host.spawn(denied("other")).await.unwrap();

    host.ask("clerk", send("probe", "one")).await.unwrap();
    let described = host.ask("clerk", request("probe", Command::Describe)).await.unwrap();
    assert!(described.contains("clerk"), "{described}");
    let news = Command::Publish { topic: "news.local".to_owned(), command: note("two") };
    assert_eq!(host.ask("clerk", news).await.unwrap(), "1");
    host.drained().await;
    assert_eq!(host.notes("probe").await, "one two");

    let refused = host.ask("clerk", send("other", "three")).await.unwrap_err();
    assert!(refused.contains("access is denied"), "{refused}");
    assert_eq!(host.denials()[0].component, "clerk");
    // Its rights change while it runs.
    host.revoke("clerk", Capability::Send, "probe").unwrap();
    assert!(host.ask("clerk", send("probe", "four")).await.is_err());
    host.grant("clerk", Capability::Send, "probe").unwrap();
    host.ask("clerk", send("probe", "five")).await.unwrap();
}

#[tokio::test]
async fn a_native_actor_subscribes_to_topics_that_its_rights_allow() {
    let host = host();
    let subscribes = vec![pattern("orders.*")];
    let without = NativeSpec { subscribes: subscribes.clone(), ..NativeSpec::new("clerk") };
    let denied = host.spawn_native(without, clerk).await.unwrap_err();
    assert!(matches!(denied, SpawnError::Denied { .. }), "{denied}");

    let capabilities = Capabilities { subscribe: subscribes.clone(), ..Capabilities::default() };
    let with = NativeSpec { subscribes, capabilities, ..NativeSpec::new("clerk") };
    host.spawn_native(with, clerk).await.unwrap();
    assert_eq!(host.publish("orders.placed", message(&note("7 apples"))).unwrap(), 1);
    host.drained().await;
    assert_eq!(host.notes("clerk").await, "orders.placed: 7 apples");
}

#[tokio::test]
async fn a_message_that_a_native_actor_drops_is_a_dead_letter_and_its_requester_is_told() {
    let host = host();
    host.spawn_native(NativeSpec::new("clerk"), clerk).await.unwrap();
    host.spawn(acquainted("friend", "clerk")).await.unwrap();

    for (command, heard, reason) in [
        (Command::Reject("not today".to_owned()), "not today", "rejected: not today"),
        (Command::Panic("drill".to_owned()), "failed", "failed: the native handler panicked"),
        (Command::Identity, "failed", "failed: the native handler ended without answering it"),
    ] {
        let told = refusal(&host, "friend", request("clerk", command)).await;
        assert!(told.contains(heard), "{told}");
        let letters = host.dead_letters().kept();
        let letter = letters.last().expect("a dead letter");
        assert_eq!(letter.reason.to_string(), reason);
        assert_eq!((&*letter.receiver, &*letter.sender, letter.attempts), ("clerk", "friend", 1));
    }
    // The messages behind a failure are handled by the next incarnation.
    host.tell("clerk", Command::Panic("drill".to_owned())).await;
    host.tell("clerk", Command::Note("after".to_owned())).await;
    assert_eq!(host.notes("clerk").await, "host: after");

    let summary = host.component_snapshot("clerk").unwrap();
    assert_eq!((summary.received, summary.handled, summary.dead_lettered), (6, 2, 4));
    assert_eq!(summary.restarts(), 3);
    assert_eq!((summary.handling.total.count(), summary.handling.mailbox.count()), (2, 2));
}

#[tokio::test]
async fn codec_size_and_mailbox_of_a_native_actor_bound_its_messages() {
    let host = host();
    let limits = Limits { message_size_bytes: 64, ..Limits::default() };
    let spec = NativeSpec { accepts: Accepts::only(Codec::Json), limits, ..NativeSpec::new("clerk") };
    host.spawn_native(spec, clerk).await.unwrap();
    host.spawn(acquainted("friend", "clerk")).await.unwrap();

    let refused = refusal(&host, "friend", send("clerk", "in cbor")).await;
    assert!(refused.contains("cbor"), "{refused}");
    let large = Command::SendBytes { to: "clerk".to_owned(), codec: "json".to_owned(), bytes: 65 };
    let refused = refusal(&host, "friend", large).await;
    assert!(refused.contains("64"), "{refused}");
    let summary = host.component_snapshot("clerk").unwrap();
    assert_eq!((summary.received, summary.refused_total()), (0, 2));
}

#[tokio::test]
async fn native_actors_and_components_share_names_and_a_tree() {
    let host = host();
    let supervisor = host.system().root().supervise(SupervisorSpec::new("office")).await.unwrap();
    host.spawn_native_under(&supervisor, NativeSpec::new("clerk"), clerk).await.unwrap();
    host.spawn_under(&supervisor, denied("probe")).await.unwrap();

    let taken = host.spawn(denied("clerk")).await.unwrap_err();
    assert!(matches!(taken, SpawnError::NameTaken { .. }), "{taken}");
    let taken = host.spawn_native(NativeSpec::new("probe"), clerk).await.unwrap_err();
    assert!(matches!(taken, SpawnError::NameTaken { .. }), "{taken}");
    assert_eq!(host.actors("clerk").len(), 1);
    assert_eq!(host.health("clerk").await, [("clerk".to_owned(), Some(Health::Healthy))]);

    host.tell("clerk", Command::Note("x".to_owned())).await;
    host.drained().await;
    let snapshot = host.snapshot();
    let tree = serde_json::to_string(&snapshot.tree).unwrap();
    let place = |name: &str| tree.find(&format!("\"{name}\"")).unwrap_or_else(|| panic!("{name} in {tree}"));
    assert!(place("office") < place("clerk") && place("clerk") < place("probe"));
    let clerk_now = snapshot.components.iter().find(|component| component.name == "clerk").unwrap();
    assert_eq!((clerk_now.handled, clerk_now.instances[0].memory_limit_bytes), (1, 0));

    assert!(host.retire("clerk").await);
    let gone = host.send("clerk", message(&note("x"))).await.unwrap_err();
    assert!(matches!(gone, CallError::Refused { .. }), "{gone}");
    // The name is free again.
    host.spawn_native_under(&supervisor, NativeSpec::new("clerk"), clerk).await.unwrap();
    let report = host.shutdown(SOON).await;
    assert!(report.late.is_empty(), "{report:?}");
}

/// A native actor that keeps its messages until it has two, and then answers both.
#[derive(Default)]
struct Pairs {
    waiting: Vec<Envelope>,
}

impl Child for Pairs {}

impl Actor for Pairs {
    type Message = Envelope;
    type Error = Infallible;

    async fn handle_message(
        &mut self,
        envelope: Envelope,
        _context: &ActorContext<Envelope>,
    ) -> Result<(), Infallible> {
        self.waiting.push(envelope);
        if self.waiting.len() == 2 {
            let senders: Vec<_> = self.waiting.iter().map(|envelope| envelope.sender().to_owned()).collect();
            for envelope in self.waiting.drain(..) {
                envelope.reply(answer(Ok(senders.join(" and "))));
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_native_actor_answers_later() {
    let host = host();
    host.spawn_native(NativeSpec::new("pairs"), |_| Pairs::default()).await.unwrap();
    host.spawn(acquainted("one", "pairs")).await.unwrap();
    host.spawn(acquainted("two", "pairs")).await.unwrap();
    let first = host.ask("one", request("pairs", Command::Identity));
    let second = host.ask("two", request("pairs", Command::Identity));
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first, second);
    assert!(first.unwrap().contains(" and "));
    assert_eq!(host.in_flight(), 0);
}

#[tokio::test]
async fn rights_of_a_native_actor_end_with_it() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    let kept = std::sync::Arc::new(std::sync::Mutex::new(None));
    let keep = std::sync::Arc::clone(&kept);
    let everything = Capabilities::everything();
    let spec = NativeSpec { capabilities: everything, ..NativeSpec::new("clerk") };
    let make = move |sender: NativeSender| {
        *keep.lock().unwrap() = Some(sender.clone());
        clerk(sender)
    };
    host.spawn_native(spec, make).await.unwrap();
    let sender: NativeSender = kept.lock().unwrap().take().unwrap();
    let nothing = || Codec::Cbor.message(&[0xf6]);
    assert_eq!(sender.publish("news", nothing()).unwrap(), 0);

    assert!(host.retire("clerk").await);
    for refused in [sender.publish("news", nothing()).map(drop), sender.send("probe", nothing()).await] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("the sender has stopped"), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn drained_waits_for_the_restart_of_a_native_actor() {
    let restart_strategy = RestartStrategy::Fixed { delay: Duration::from_secs(1) };
    let host = host_with(SupervisorConfig { restart_strategy, ..SupervisorConfig::independent() });
    host.spawn_native(NativeSpec::new("clerk"), clerk).await.unwrap();
    let once = NativeSpec { restart: RestartPolicy::Temporary, ..NativeSpec::new("once") };
    host.spawn_native(once, clerk).await.unwrap();
    for (failing, restarts) in [(Command::Panic("drill".to_owned()), 1), (Command::Exit, 2)] {
        host.tell("clerk", failing).await;
        host.drained().await;
        assert_eq!(host.actors("clerk")[0].stats().restarts, restarts);
        assert_eq!(host.actors("clerk")[0].stats().state, ActorState::Running);
    }
    // It is not restarted, so nothing is waited for.
    host.tell("once", Command::Exit).await;
    host.drained().await;
    assert_eq!(host.dead_letters().total(), 3);
}
