//! Grants: they change while an app runs, and the next call sees the change.

use airssys_wasm::{
    Capabilities, Capability, ComponentHost, ComponentSpec, GrantError, GrantOrigin, MAX_DENIALS,
};

use crate::support::*;

/// Makes a host with a component `subject` that asks for `asks` and is granted `has`, and a component
/// `target`.
async fn host_for(asks: Capabilities, has: Capabilities) -> ComponentHost {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(ComponentSpec { capabilities: has, asks: Some(asks), ..denied("subject") }).await.unwrap();
    host
}

/// Returns the rights that the tests use.
fn asks() -> Capabilities {
    Capabilities {
        send: vec!["target".parse().unwrap(), "absent".parse().unwrap()],
        request: vec!["target".parse().unwrap()],
        publish: vec![pattern("news.*")],
        subscribe: vec![pattern("news.*"), pattern("own")],
        ..Capabilities::default()
    }
}

fn send() -> Command {
    Command::TrySend { to: "target".to_owned(), command: note("x"), times: 1 }
}

fn request() -> Command {
    Command::Request { to: "target".to_owned(), command: Box::new(Command::Notes), timeout_ms: 5_000 }
}

fn publish() -> Command {
    Command::Publish { topic: "news.today".to_owned(), command: note("x") }
}

fn subscribe(pattern: &str) -> Command {
    Command::Subscribe(pattern.to_owned())
}

fn denied_by(answer: &Answer) -> bool {
    answer.as_ref().is_err_and(|text| text.contains("not allowed"))
}

fn received(host: &ComponentHost, name: &str) -> u64 {
    host.component_snapshot(name).unwrap().received
}

#[tokio::test]
async fn change_takes_effect_on_the_next_call_through_a_resolved_handle() {
    let host = host_for(asks(), asks()).await;
    let rights = [
        (Capability::Send, "target", send()),
        (Capability::Request, "target", request()),
        (Capability::Publish, "news.*", publish()),
    ];
    for (capability, pattern, command) in rights {
        // The guest keeps its handle all the time, so the route is resolved only once.
        host.ask("subject", command.clone()).await.unwrap();
        for _ in 0..3 {
            let before = received(&host, "target");
            assert!(host.revoke("subject", capability, pattern).unwrap().changed);
            let answer = host.ask("subject", command.clone()).await;
            assert!(denied_by(&answer), "{capability:?}: {answer:?}");
            assert_eq!(received(&host, "target"), before, "{capability:?}");
            assert!(host.grant("subject", capability, pattern).unwrap().changed);
            host.ask("subject", command.clone()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn revoking_one_right_of_a_route_leaves_the_other() {
    let host = host_for(asks(), asks()).await;
    host.ask("subject", send()).await.unwrap();
    host.ask("subject", request()).await.unwrap();
    host.revoke("subject", Capability::Send, "target").unwrap();
    assert!(denied_by(&host.ask("subject", send()).await));
    host.ask("subject", request()).await.unwrap();
}

#[tokio::test]
async fn ungranted_right_can_be_given_if_it_is_asked_for() {
    let host = host_for(asks(), Capabilities::default()).await;
    for (command, capability, pattern) in [
        (send(), Capability::Send, "target"),
        (publish(), Capability::Publish, "news.today"),
        (subscribe("news.today"), Capability::Subscribe, "news.today"),
    ] {
        assert!(denied_by(&host.ask("subject", command.clone()).await));
        host.grant("subject", capability, pattern).unwrap();
        host.ask("subject", command).await.unwrap();
    }
}

#[tokio::test]
async fn only_rights_that_are_asked_for_can_be_given() {
    let host = host_for(asks(), Capabilities::default()).await;
    let refused = host.grant("subject", Capability::Send, "somebody").unwrap_err();
    assert!(matches!(refused, GrantError::NotAsked { .. }), "{refused:?}");
    let text = refused.to_string();
    assert!(
        text.contains("Component.toml") && text.contains("somebody") && text.contains("target"),
        "{text}"
    );
    // A pattern that is wider than the request cannot be given either.
    for (capability, pattern) in
        [(Capability::Publish, "*"), (Capability::Send, "*"), (Capability::Request, "absent")]
    {
        let refused = host.grant("subject", capability, pattern).unwrap_err();
        assert!(matches!(refused, GrantError::NotAsked { .. }), "{refused:?}");
    }
    let unknown = host.grant("nobody", Capability::Send, "target").unwrap_err();
    assert!(matches!(unknown, GrantError::UnknownComponent { .. }), "{unknown:?}");
    let input = host.grant("subject", Capability::Input, "x").unwrap_err();
    assert!(matches!(input, GrantError::Fixed { .. }), "{input:?}");
    let name = host.grant("subject", Capability::Send, "No Name").unwrap_err();
    assert!(matches!(name, GrantError::Pattern { .. }), "{name:?}");
    assert!(
        host.grants()
            .iter()
            .find(|grants| grants.component == "subject")
            .unwrap()
            .grants
            .iter()
            .all(|grants| grants.granted.is_empty())
    );
}

#[tokio::test]
async fn revocation_removes_covered_patterns_and_names_remaining_ones() {
    let has = Capabilities {
        send: ["target", "pool/1", "pool/2", "*"].map(|name| name.parse().unwrap()).to_vec(),
        ..Capabilities::default()
    };
    let host = host_for(has.clone(), has).await;
    let change = host.revoke("subject", Capability::Send, "pool").unwrap();
    assert_eq!(
        (change.removed, change.allowed_by),
        (vec!["pool/1".into(), "pool/2".into()], vec!["*".to_owned()])
    );
    let wider = host.revoke("subject", Capability::Send, "pool").unwrap_err();
    assert!(matches!(&wider, GrantError::Wider { by, .. } if by == &["*"]), "{wider:?}");
    let change = host.revoke("subject", Capability::Send, "*").unwrap();
    assert_eq!((change.removed.len(), change.allowed_by.len()), (2, 0));
    assert!(!host.revoke("subject", Capability::Send, "*").unwrap().changed);
    // A component may always send to itself.
    let own = Command::TrySend { to: "subject".to_owned(), command: note("x"), times: 1 };
    host.ask("subject", own).await.unwrap();
}

#[tokio::test]
async fn revoked_subscription_ends_and_that_of_the_manifest_is_restored() {
    let host = host();
    let spec = ComponentSpec { subscribes: vec![pattern("news.*")], capabilities: asks(), ..denied("pool") };
    host.spawn(ComponentSpec { instances: 2, ..spec }).await.unwrap();
    for instance in ["pool/1", "pool/2"] {
        host.ask(instance, subscribe("own")).await.unwrap();
    }
    let reached = || {
        let publish = |topic| host.publish(topic, message(&Command::Tally("x".to_owned()))).unwrap();
        (publish("news.today"), publish("own"))
    };
    assert_eq!(reached(), (2, 2));
    let change = host.revoke("pool", Capability::Subscribe, "*").unwrap();
    assert_eq!((change.ended.len(), change.removed.len()), (2, 2), "{change:?}");
    assert_eq!(reached(), (0, 0));
    assert!(denied_by(&host.ask("pool/1", subscribe("own")).await));

    // A part of the right does not restore the subscription of the manifest, which needs all of it.
    let change = host.grant("pool", Capability::Subscribe, "news.today").unwrap();
    assert!(change.restored.is_empty(), "{change:?}");
    assert_eq!(reached(), (0, 0));
    let change = host.grant("pool", Capability::Subscribe, "news.*").unwrap();
    assert_eq!(change.restored, ["news.*"]);
    assert_eq!(reached(), (2, 0));
    // A subscription made at run time is not restored: the component subscribes again.
    host.grant("pool", Capability::Subscribe, "own").unwrap();
    assert_eq!(reached(), (2, 0));
    host.ask("pool/2", subscribe("own")).await.unwrap();
    assert_eq!(reached(), (2, 1));
}

#[tokio::test]
async fn cancelled_subscription_is_not_restored() {
    let host = host();
    let spec =
        ComponentSpec { subscribes: vec![pattern("news.*")], capabilities: asks(), ..denied("subject") };
    host.spawn(spec).await.unwrap();
    host.revoke("subject", Capability::Subscribe, "news.*").unwrap();
    let given_up = host.ask("subject", Command::Unsubscribe("news.*".to_owned())).await;
    assert_eq!(given_up, Ok("true".to_owned()));
    let change = host.grant("subject", Capability::Subscribe, "news.*").unwrap();
    assert!(change.restored.is_empty(), "{change:?}");
    assert_eq!(host.publish("news.today", message(&Command::Tally(String::new()))).unwrap(), 0);
}

#[tokio::test]
async fn revoked_right_stays_revoked_after_a_restart() {
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    let spec =
        ComponentSpec { subscribes: vec![pattern("news.*")], capabilities: asks(), ..denied("subject") };
    host.spawn(spec).await.unwrap();
    host.revoke("subject", Capability::Send, "target").unwrap();
    host.revoke("subject", Capability::Subscribe, "news.*").unwrap();
    host.try_ask("subject", Command::Panic("drill".to_owned())).await.unwrap_err();
    assert!(denied_by(&host.ask("subject", send()).await));
    assert_eq!(host.publish("news.today", message(&Command::Tally(String::new()))).unwrap(), 0);
    host.grant("subject", Capability::Subscribe, "news.*").unwrap();
    assert_eq!(host.publish("news.today", message(&Command::Tally(String::new()))).unwrap(), 1);
}

#[tokio::test]
async fn list_shows_requested_rights_and_the_origin_of_each_grant() {
    let host = host_for(asks(), asks()).await;
    host.revoke("subject", Capability::Publish, "news.*").unwrap();
    host.grant("subject", Capability::Publish, "news.today").unwrap();
    let grants = host.grants();
    let names: Vec<_> = grants.iter().map(|grants| grants.component.as_str()).collect();
    assert_eq!(names, ["subject", "target"]);
    let of = |capability| grants[0].grants.iter().find(|kind| kind.capability == capability).unwrap();
    assert_eq!(of(Capability::Publish).asked, ["news.*"]);
    let granted = &of(Capability::Publish).granted;
    assert_eq!(
        (granted[0].pattern.as_str(), granted[0].from, granted.len()),
        ("news.today", GrantOrigin::RunTime, 1)
    );
    assert!(of(Capability::Send).granted.iter().all(|granted| granted.from == GrantOrigin::App));
    assert_eq!(of(Capability::Send).granted.len(), 2);
}

#[tokio::test]
async fn only_changes_that_took_effect_are_recorded() {
    let log = Log::capture();
    let host = host_for(asks(), asks()).await;
    host.revoke("subject", Capability::Send, "target").unwrap();
    host.revoke("subject", Capability::Send, "target").unwrap();
    host.grant("subject", Capability::Send, "somebody").unwrap_err();
    host.grant("subject", Capability::Send, "target").unwrap();
    let text = log.text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("airssys::audit")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("revoked") && lines[1].contains("given"), "{text}");
    assert!(lines.iter().all(|line| line.contains("subject") && line.contains("target")), "{text}");
}

#[tokio::test]
async fn denials_name_the_lines_that_would_allow_them() {
    let host = host_for(asks(), Capabilities::default()).await;
    for _ in 0..3 {
        assert!(denied_by(&host.ask("subject", send()).await));
    }
    assert!(denied_by(&host.ask("subject", subscribe("secret")).await));
    let denials = host.denials();
    let told: Vec<_> = denials
        .iter()
        .map(|d| (d.component.as_str(), d.capability, d.object.as_deref().unwrap(), d.count, d.asked))
        .collect();
    let expected = [
        ("subject", Capability::Subscribe, "secret", 1, false),
        ("subject", Capability::Send, "target", 3, true),
    ];
    assert_eq!(told, expected);
    assert_eq!(denials[0].component_line, "subscribe = [\"secret\"]");
    assert_eq!(denials[0].grant_line, "subscribe = [\"secret\"]");
    host.grant("subject", Capability::Send, "target").unwrap();
    assert!(host.denials()[1].allowed_now && !host.denials()[0].allowed_now);
}

#[tokio::test]
async fn denials_of_one_component_do_not_displace_those_of_another() {
    let host = host_for(asks(), Capabilities::default()).await;
    host.spawn(denied("loud")).await.unwrap();
    assert!(denied_by(&host.ask("subject", send()).await));
    for number in 0..2 * MAX_DENIALS {
        let to = format!("target-{number}");
        let command = Command::TrySend { to, command: note("x"), times: 1 };
        assert!(denied_by(&host.ask("loud", command).await));
    }
    let denials = host.denials();
    assert_eq!(denials.iter().filter(|denial| denial.component == "loud").count(), MAX_DENIALS);
    assert!(denials.iter().any(|denial| denial.component == "subject"));
}

#[tokio::test]
async fn denied_request_is_recorded_as_a_request() {
    let asks = Capabilities { request: vec!["target".parse().unwrap()], ..Capabilities::default() };
    let host = host_for(asks, Capabilities::default()).await;
    assert!(denied_by(&host.ask("subject", request()).await));
    let denial = host.denials().remove(0);
    assert_eq!((denial.capability, denial.asked), (Capability::Request, true));
    host.grant("subject", Capability::Request, "target").unwrap();
    host.ask("subject", request()).await.unwrap();
}

#[tokio::test]
async fn denied_name_without_a_known_purpose_names_both_rights() {
    let log = Log::capture();
    let host = host_for(Capabilities::default(), Capabilities::default()).await;
    assert!(denied_by(&host.ask("subject", request()).await));
    let denial = host.denials().remove(0);
    assert_eq!(denial.component_line, "send = [\"target\"] or request = [\"target\"]");
    assert_eq!(denial.grant_line, denial.component_line);
    let text = log.text();
    assert!(text.contains("may not send to or send requests to `target`: to allow it"), "{text}");
}

#[tokio::test]
async fn denial_after_a_revocation_names_the_revoked_pattern_and_the_command() {
    let log = Log::capture();
    let host = host_for(asks(), asks()).await;
    for (capability, pattern, command) in [
        (Capability::Publish, "news.*", publish()),
        (Capability::Subscribe, "news.*", subscribe("news.today")),
        (Capability::Request, "target", request()),
        (Capability::Send, "target", send()),
    ] {
        host.revoke("subject", capability, pattern).unwrap();
        assert!(denied_by(&host.ask("subject", command).await), "{capability:?}");
        let denial = host.denials().remove(0);
        assert_eq!((denial.capability, denial.revoked.as_deref()), (capability, Some(pattern)));
    }
    let text = log.text();
    let key = "publish = [\"news.*\"] was revoked while the app runs; to give it back: airssys grants give";
    assert!(text.contains(&format!("{key} subject publish 'news.*'")), "{text}");
    assert!(!text.contains("Component.toml asks"), "{text}");
    // A right that was given back is denied no more, and revoked no more.
    host.grant("subject", Capability::Send, "target").unwrap();
    host.ask("subject", send()).await.unwrap();
    assert!(host.denials()[0].allowed_now);
}
