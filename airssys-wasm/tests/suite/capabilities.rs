//! Capabilities: everything that is not granted is denied.
use airssys_wasm::{Capabilities, ComponentSpec, SpawnError};

use crate::support::*;

/// Makes a host with a component `subject` that has these rights, and a component `target`.
async fn host_for(capabilities: Capabilities) -> airssys_wasm::ComponentHost {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(ComponentSpec { capabilities, ..denied("subject") }).await.unwrap();
    host
}

fn send(to: &str) -> Command {
    Command::TrySend { to: to.to_owned(), command: note("x"), times: 1 }
}

fn request(to: &str) -> Command {
    Command::Request { to: to.to_owned(), command: Box::new(Command::Notes), timeout_ms: 5_000 }
}

fn publish(topic: &str) -> Command {
    Command::Publish { topic: topic.to_owned(), command: note("x") }
}

fn subscribe(pattern: &str) -> Command {
    Command::Subscribe(pattern.to_owned())
}

#[tokio::test]
async fn a_component_without_rights_can_do_nothing() {
    let host = host_for(Capabilities::default()).await;
    for command in [send("target"), request("target"), publish("news"), subscribe("news")] {
        let text = host.ask("subject", command.clone()).await.unwrap_err();
        assert!(text.contains("not allowed"), "{command:?}: {text}");
    }
    let target = host.component_snapshot("target").unwrap();
    assert_eq!(target.received, 0);
}

#[tokio::test]
async fn each_right_allows_only_its_own_access() {
    let names = || vec!["target".parse().unwrap()];
    let topics = || vec![pattern("news.*")];
    let commands = || [send("target"), request("target"), publish("news.today"), subscribe("news.today")];
    let rights = [
        Capabilities { send: names(), ..Capabilities::default() },
        Capabilities { request: names(), ..Capabilities::default() },
        Capabilities { publish: topics(), ..Capabilities::default() },
        Capabilities { subscribe: topics(), ..Capabilities::default() },
    ];
    for (allowed, capabilities) in rights.into_iter().enumerate() {
        let host = host_for(capabilities).await;
        for (index, command) in commands().into_iter().enumerate() {
            let answer = host.ask("subject", command.clone()).await;
            assert_eq!(answer.is_ok(), index == allowed, "{command:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn names_and_topics_match_whole_segments() {
    let capabilities = Capabilities {
        send: vec!["target".parse().unwrap()],
        publish: vec![pattern("news.*")],
        subscribe: vec![pattern("news.*")],
        ..Capabilities::default()
    };
    let host = host_for(capabilities).await;
    host.spawn(trusted("targeter")).await.unwrap();
    for command in [send("targeter"), publish("news"), publish("newspaper.today"), subscribe("*")] {
        assert!(host.ask("subject", command.clone()).await.is_err(), "{command:?}");
    }
}

#[tokio::test]
async fn absent_and_forbidden_targets_look_the_same() {
    let host = host_for(Capabilities::default()).await;
    let forbidden = host.ask("subject", send("target")).await.unwrap_err();
    let absent = host.ask("subject", send("nobody")).await.unwrap_err();
    assert_eq!(forbidden.replace("`target`", "NAME"), absent.replace("`nobody`", "NAME"));
    // A component learns that a name is absent if it has a right to that name.
    let capabilities = Capabilities { send: vec!["nobody".parse().unwrap()], ..Capabilities::default() };
    let host = host_for(capabilities).await;
    let absent = host.ask("subject", send("nobody")).await.unwrap_err();
    assert!(!absent.contains("not allowed"), "{absent}");
}

#[tokio::test]
async fn a_denial_is_logged_with_the_line_that_would_allow_it() {
    let log = Log::capture();
    let host = host_for(Capabilities::default()).await;
    host.ask("subject", send("target")).await.unwrap_err();
    let text = log.text();
    let line = text.lines().find(|line| line.contains("airssys::audit")).expect("an audit line");
    assert!(line.contains("subject") && line.contains("send") && line.contains("\"target\""), "{line}");
    assert!(line.contains("[grants.subject]"), "{line}");
}

#[tokio::test]
async fn manifest_subscription_and_input_need_a_right() {
    let host = host();
    let spec = ComponentSpec { subscribes: vec![pattern("news")], ..denied("subject") };
    let error = host.spawn(spec).await.unwrap_err();
    assert!(matches!(error, SpawnError::Denied { .. }), "{error:?}");
    let input = Some(airssys_wasm::Input::File("x".into()));
    let error = host.spawn(ComponentSpec { input, ..denied("subject") }).await.unwrap_err();
    assert!(matches!(error, SpawnError::Denied { .. }), "{error:?}");
    // The name is free again after a denial.
    host.spawn(denied("subject")).await.unwrap();
}

#[tokio::test]
async fn a_component_may_send_to_itself() {
    let host = host_for(Capabilities::default()).await;
    host.ask("subject", send("subject")).await.unwrap();
    assert_eq!(host.notes("subject").await, "x");
}

#[tokio::test]
async fn a_new_component_under_an_old_name_is_found() {
    let host =
        host_for(Capabilities { send: vec!["target".parse().unwrap()], ..Capabilities::default() }).await;
    host.ask("subject", send("target")).await.unwrap();
    host.retire("target").await;
    assert!(host.ask("subject", send("target")).await.is_err());
    host.spawn(trusted("target")).await.unwrap();
    host.ask("subject", send("target")).await.unwrap();
    assert_eq!(host.notes("target").await, "x");
}
