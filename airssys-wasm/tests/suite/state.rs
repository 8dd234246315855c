//! The state folder: subscriptions that outlive the host.

use std::path::Path;

use airssys_rt::ActorSystem;
use airssys_wasm::{Capabilities, Capability, ComponentHost, ComponentSpec, HostOptions, Limits, StateError};

use crate::support::*;

fn host_in(folder: &Path) -> ComponentHost {
    try_host_in(folder).unwrap()
}

fn try_host_in(folder: &Path) -> Result<ComponentHost, StateError> {
    let options = HostOptions { state: Some(folder.to_owned()), ..HostOptions::default() };
    ComponentHost::with_options(ActorSystem::new("test"), options)
}

fn subscribe(pattern: &str) -> Command {
    Command::Subscribe(pattern.to_owned())
}

async fn publish(host: &ComponentHost, topic: &str) -> u32 {
    host.publish(topic, message(&note(topic))).unwrap()
}

#[tokio::test]
async fn a_subscription_outlives_the_component_and_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let host = host_in(folder.path());
    host.spawn(ComponentSpec { instances: 2, ..trusted("pool") }).await.unwrap();
    host.ask("pool/2", subscribe("news.*")).await.unwrap();
    host.ask("pool/2", subscribe("dropped")).await.unwrap();
    host.ask("pool/2", Command::Unsubscribe("dropped".to_owned())).await.unwrap();
    host.try_ask("pool/2", Command::Panic("drill".to_owned())).await.unwrap_err();
    assert_eq!(publish(&host, "news.first").await, 1);
    host.drained().await;
    host.shutdown(SOON).await;

    let host = host_in(folder.path());
    // The pool is not started yet, so the message stays in the mailbox.
    let prepared = host.prepare(ComponentSpec { instances: 2, ..trusted("pool") }).unwrap();
    assert_eq!(publish(&host, "news.second").await, 1);
    assert_eq!(publish(&host, "dropped").await, 0);
    host.start(prepared).await.unwrap();
    assert_eq!(host.notes("pool/2").await, "news.second");
    assert_eq!(host.notes("pool/1").await, "");
    host.shutdown(SOON).await;
}

#[tokio::test]
async fn subscription_ends_with_a_host_that_has_no_state_folder() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    host.ask("probe", subscribe("news")).await.unwrap();
    host.shutdown(SOON).await;
    let host = self::host();
    host.spawn(trusted("probe")).await.unwrap();
    assert_eq!(publish(&host, "news").await, 0);
}

#[tokio::test]
async fn subscription_that_is_no_longer_allowed_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let host = host_in(folder.path());
    host.spawn(trusted("probe")).await.unwrap();
    for pattern in ["alerts", "news", "weather"] {
        host.ask("probe", subscribe(pattern)).await.unwrap();
    }
    host.shutdown(SOON).await;

    let host = host_in(folder.path());
    let subscribe = vec![pattern("alerts"), pattern("weather")];
    let capabilities = Capabilities { subscribe, ..Capabilities::default() };
    let limits = Limits { subscriptions: 1, ..Limits::DEFAULT };
    host.spawn(ComponentSpec { capabilities, limits, ..denied("probe") }).await.unwrap();
    assert_eq!([publish(&host, "alerts").await, publish(&host, "news").await], [1, 0]);
    assert_eq!(publish(&host, "weather").await, 0, "the limit is one subscription");
    host.drained().await;
    host.shutdown(SOON).await;
    let saved = std::fs::read_to_string(folder.path().join("subscriptions.json")).unwrap();
    assert!(saved.contains("alerts") && !saved.contains("news") && !saved.contains("weather"), "{saved}");
}

#[tokio::test]
async fn retired_component_leaves_no_subscriptions() {
    let folder = tempfile::tempdir().unwrap();
    let host = host_in(folder.path());
    host.spawn(trusted("probe")).await.unwrap();
    host.ask("probe", subscribe("news")).await.unwrap();
    assert!(host.retire("probe").await);
    host.spawn(trusted("probe")).await.unwrap();
    assert_eq!(publish(&host, "news").await, 0);
}

#[tokio::test]
async fn state_folder_belongs_to_one_host_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let host = host_in(folder.path());
    let second = try_host_in(folder.path());
    assert!(matches!(second, Err(StateError::InUse { .. })));
    host.shutdown(SOON).await;
    host_in(folder.path());
}

#[tokio::test]
async fn revoked_subscription_is_not_restored_by_the_next_host() {
    for gives_up in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let host = host_in(folder.path());
        host.spawn(trusted("probe")).await.unwrap();
        host.ask("probe", subscribe("news")).await.unwrap();
        host.revoke("probe", Capability::Subscribe, "*").unwrap();
        if gives_up {
            let given_up = host.ask("probe", Command::Unsubscribe("news".to_owned())).await.unwrap();
            assert_eq!(given_up, "false");
        }
        host.shutdown(SOON).await;
        let host = host_in(folder.path());
        host.spawn(trusted("probe")).await.unwrap();
        assert_eq!(publish(&host, "news").await, 0);
    }
}

#[tokio::test]
async fn dead_letters_of_a_run_are_written_with_their_messages() {
    let folder = tempfile::tempdir().unwrap();
    let letters = || std::fs::read_to_string(folder.path().join("dead-letters.jsonl"));
    let host = host_in(folder.path());
    host.spawn(trusted("probe")).await.unwrap();
    let rejected = Command::Reject("no room".to_owned());
    host.tell("probe", rejected.clone()).await;
    host.drained().await;
    host.shutdown(SOON).await;
    let written = letters().unwrap();
    let letter: serde_json::Value = serde_json::from_str(&written).unwrap();
    let hex: String = message(&rejected).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(letter["message_hex"], hex);
    assert_eq!((&letter["receiver"], &letter["sender"]), (&"probe".into(), &"host".into()));
    assert_eq!((&letter["reason"], &letter["attempts"]), (&"rejected: no room".into(), &1.into()));
    // A second shutdown writes nothing again.
    host.shutdown(SOON).await;
    assert_eq!(letters().unwrap(), written);
    // A run without any keeps those of the run before, and another adds its own.
    host_in(folder.path()).shutdown(SOON).await;
    assert_eq!(letters().unwrap(), written);
    let host = host_in(folder.path());
    host.spawn(trusted("second")).await.unwrap();
    host.tell("second", rejected).await;
    host.drained().await;
    host.shutdown(SOON).await;
    let all = letters().unwrap();
    let added = all.strip_prefix(&written).expect("those of the first run are kept");
    let letter: serde_json::Value = serde_json::from_str(added).unwrap();
    assert_eq!(letter["receiver"], "second");
}
