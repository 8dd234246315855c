//! The audit: records of denials, exceeded quotas, messages, and changes by the operator.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::ActorSystem;
use airssys_wasm::audit::{Audit, AuditFile};
use airssys_wasm::limits::Rates;
use airssys_wasm::{Capabilities, Capability, ComponentHost, ComponentSpec, HostOptions, Limits};
use serde_json::Value;

use crate::support::*;

/// The lines that an audit has written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the lines").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn read(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().expect("the lines").clone()).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Returns the lines about one event.
    fn of(&self, event: &str) -> Vec<Value> {
        self.read().into_iter().filter(|line| line["event"] == event).collect()
    }
}

fn with_audit(audit: Audit) -> ComponentHost {
    let options = HostOptions { audit: Some(audit), ..HostOptions::default() };
    ComponentHost::with_options(ActorSystem::new("test"), options).unwrap()
}

fn audited(messages: bool) -> (ComponentHost, Lines) {
    let lines = Lines::default();
    let audit = Audit::to_writer(lines.clone(), messages).unwrap();
    (with_audit(audit), lines)
}

fn try_send(to: &str, times: u32) -> Command {
    Command::TrySend { to: to.to_owned(), command: note("x"), times }
}

#[tokio::test]
async fn every_denial_is_recorded() {
    let (host, lines) = audited(false);
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(ComponentSpec { instances: 2, ..denied("subject") }).await.unwrap();
    for _ in 0..3 {
        host.ask("subject/2", try_send("target", 1)).await.unwrap_err();
    }
    host.ask("subject/1", Command::Subscribe("news.*".to_owned())).await.unwrap_err();
    host.ask("subject/1", Command::Publish { topic: "news".to_owned(), command: note("x") })
        .await
        .unwrap_err();
    host.spawn(ComponentSpec { subscribes: vec![pattern("news")], ..denied("other") }).await.unwrap_err();
    host.shutdown(SOON).await;
    let denied = lines.of("denied");
    let count = |capability: &str| {
        let lines = denied.iter().filter(|line| line["capability"] == capability);
        lines.map(|line| line["count"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((count("send"), count("subscribe"), count("publish")), (3, 2, 1), "{denied:?}");
    let send = denied.iter().find(|line| line["capability"] == "send").unwrap();
    assert_eq!((&send["component"], &send["instance"]), (&"subject".into(), &"subject/2".into()));
    let lines = "send = [\"target\"] or request = [\"target\"]";
    assert_eq!((&send["object"], &send["grant_line"]), (&"target".into(), &lines.into()));
}

#[tokio::test]
async fn exceeded_quotas_are_counted_and_messages_recorded_only_on_request() {
    let (host, lines) = audited(false);
    host.spawn(trusted("target")).await.unwrap();
    let rates = Rates { messages_per_second: Some(1), messages_burst: Some(1), ..Rates::UNLIMITED };
    let limits = Limits { rates, routes: 1, ..Limits::default() };
    host.spawn(ComponentSpec { limits, ..trusted("sender") }).await.unwrap();
    for _ in 0..50 {
        drop(host.ask("sender", try_send("target", 2)).await);
    }
    host.ask("sender", try_send("nobody", 1)).await.unwrap_err();
    let over = host.component_snapshot("sender").unwrap().over_quota;
    assert!(host.snapshot().audit.is_some_and(|audit| audit.messages_dropped == 0));
    host.shutdown(SOON).await;
    let exceeded = lines.of("quota-exceeded");
    for limit in ["messages_per_second", "routes"] {
        let count: u64 = exceeded
            .iter()
            .filter(|line| line["limit"] == limit && line["component"] == "sender")
            .map(|line| line["count"].as_u64().unwrap())
            .sum();
        assert_eq!(count, over[limit], "{exceeded:?}");
    }
    assert!(lines.of("message").is_empty());
}

#[tokio::test]
async fn messages_are_recorded_on_request_without_their_bodies() {
    let (host, lines) = audited(true);
    let subscribes = vec![pattern("news")];
    host.spawn(ComponentSpec { subscribes, ..trusted("target") }).await.unwrap();
    host.spawn(ComponentSpec { instances: 2, ..trusted("sender") }).await.unwrap();
    let secret = "a-secret-text";
    let command = || note(secret);
    let echo = Box::new(Command::Echo(secret.to_owned()));
    host.ask("sender/1", Command::TrySend { to: "target".to_owned(), command: command(), times: 2 })
        .await
        .unwrap();
    let request = Command::Request { to: "target".to_owned(), command: echo, timeout_ms: 20_000 };
    host.ask("sender/2", request).await.unwrap();
    host.ask("sender/2", Command::Publish { topic: "news".to_owned(), command: command() }).await.unwrap();
    host.drained().await;
    host.shutdown(SOON).await;
    let messages = lines.of("message");
    let seen = |kind: &str, sender: &str| {
        messages
            .iter()
            .filter(|line| line["kind"] == kind && line["sender"] == sender)
            .cloned()
            .collect::<Vec<_>>()
    };
    // The requests from outside told the senders what to do.
    assert_eq!(seen("request", "host").len(), 3);
    let sent = seen("send", "sender/1");
    assert_eq!(sent.len(), 2);
    assert_eq!((&sent[0]["receiver"], &sent[0]["codec"]), (&"target".into(), &"cbor".into()));
    assert_eq!(sent[0]["size"], message(&note(secret)).len());
    assert_eq!(seen("request", "sender/2").len(), 1);
    let published = seen("publish", "sender/2");
    assert_eq!((&published[0]["topic"], &published[0]["subscribers"]), (&"news".into(), &1.into()));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains(secret), "{text}");
}

/// A writer that never returns.
struct Stuck;

impl Write for Stuck {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        loop {
            std::thread::park();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_writer_delays_neither_the_app_nor_its_shutdown() {
    let log = Log::capture();
    let audit = Audit::to_writer(Stuck, true).unwrap();
    let host = with_audit(audit);
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(denied("subject")).await.unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    host.tell("sender", Command::Send { to: "target".to_owned(), command: note("x"), times: 20_000 }).await;
    for _ in 0..100 {
        host.ask("subject", try_send("target", 1)).await.unwrap_err();
    }
    host.drained().await;
    assert_eq!(host.notes("target").await.split(' ').count(), 20_000);
    let stats = host.audit().unwrap().stats();
    assert!(stats.messages_dropped > 10_000 && stats.waiting == 100, "{stats:?}");
    // Half a second of this is reserved for the audit, which gets no more.
    host.shutdown(Duration::from_secs(2)).await;
    assert!(log.text().contains("the audit did not end in time: 100 are not written"), "{}", log.text());
}

/// The deadline is so far away that the test would not end if the shutdown used it up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lock_of_another_program_on_the_audit_delays_no_shutdown() {
    let log = Log::capture();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let other = std::fs::File::create(&path).unwrap();
    other.lock().unwrap();
    let file = AuditFile { path, max_size_bytes: 1 << 20, keep: 1, messages: false };
    let host = with_audit(Audit::to_file(file).unwrap());
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(denied("subject")).await.unwrap();
    host.ask("subject", try_send("target", 1)).await.unwrap_err();
    host.shutdown(Duration::from_secs(3_600)).await;
    assert!(log.text().contains("the audit did not end in time: 1 are not written"), "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn equal_denials_are_logged_once_per_interval() {
    let log = Log::capture();
    let host = host();
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(denied("subject")).await.unwrap();
    let lines = || {
        let text = log.text();
        text.lines().filter(|line| line.contains("airssys::audit")).map(str::to_owned).collect::<Vec<_>>()
    };
    for _ in 0..100 {
        host.ask("subject", try_send("target", 1)).await.unwrap_err();
    }
    assert_eq!(lines().len(), 1, "{:?}", lines());
    host.ask("subject", try_send("another", 1)).await.unwrap_err();
    assert_eq!(lines().len(), 2, "{:?}", lines());
    tokio::time::advance(Duration::from_secs(10)).await;
    host.ask("subject", try_send("target", 1)).await.unwrap_err();
    assert!(lines()[2].contains("this 99 times more since the last line"), "{:?}", lines());
    host.ask("subject", try_send("target", 1)).await.unwrap_err();
    // The log grows slowly for any number of names, and tells at the end how many lines it suppressed.
    for number in 0..200 {
        host.ask("subject", try_send(&format!("name-{number}"), 1)).await.unwrap_err();
    }
    assert!(lines().len() < 80, "{}", lines().len());
    host.shutdown(SOON).await;
    let last = lines();
    assert!(last.iter().any(|line| line.contains("this 1 times more")), "{last:?}");
    assert!(last.iter().any(|line| line.contains("other denials since the last line")), "{last:?}");
}

#[tokio::test]
async fn audit_file_is_complete_after_a_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let file = AuditFile { messages: true, ..AuditFile::new(folder.path().join("audit.jsonl")) };
    let audit = Audit::to_file(file).unwrap();
    let host = with_audit(audit);
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    let send = Command::Send { to: "target".to_owned(), command: note("x"), times: 3_000 };
    host.tell("sender", send).await;
    host.drained().await;
    host.shutdown(SOON).await;
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let sent = lines.iter().filter(|line| line["sender"] == "sender").count() as u64;
    let dropped: u64 = lines.iter().filter_map(|line| line["count"].as_u64()).sum();
    assert_eq!(sent + dropped, 3_000);
}

#[tokio::test]
async fn operator_changes_to_grants_and_dead_letters_are_recorded() {
    let (host, lines) = audited(false);
    host.spawn(trusted("probe")).await.unwrap();
    for _ in 0..2 {
        host.tell("probe", Command::Reject("no".to_owned())).await;
    }
    host.drained().await;
    let [first, second] = host.dead_letters().kept().try_into().unwrap();
    host.retry_dead_letter(first.id).unwrap();
    host.drop_dead_letter(second.id).unwrap();
    assert!(host.drop_dead_letter(second.id).is_none());
    host.revoke("probe", Capability::Send, "*").unwrap();
    host.shutdown(SOON).await;
    let letters = lines.of("dead-letter");
    let told: Vec<_> =
        letters.iter().map(|line| (line["letter"].as_u64(), line["change"].as_str())).collect();
    assert_eq!(told, [(Some(first.id), Some("retried")), (Some(second.id), Some("dropped"))]);
    assert!(
        letters.iter().all(|line| line["receiver"] == "probe" && line["sender"] == "host"),
        "{letters:?}"
    );
    let changed = lines.of("grant-changed");
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["object"], "*");
    assert_eq!(changed[0]["removed"], serde_json::json!(["*"]), "{changed:?}");
}

#[tokio::test]
async fn revocation_names_every_removed_pattern() {
    let (host, lines) = audited(false);
    let send = ["pool/1", "pool/2", "other"].map(|name| name.parse().unwrap()).to_vec();
    let capabilities = Capabilities { send, ..Capabilities::default() };
    host.spawn(ComponentSpec { capabilities, ..denied("subject") }).await.unwrap();
    host.revoke("subject", Capability::Send, "pool").unwrap();
    host.grant("subject", Capability::Send, "pool/2").unwrap();
    host.shutdown(SOON).await;
    let changed = lines.of("grant-changed");
    assert_eq!(changed[0]["removed"], serde_json::json!(["pool/1", "pool/2"]), "{changed:?}");
    assert_eq!((&changed[1]["object"], &changed[1]["removed"]), (&"pool/2".into(), &Value::Null));
}

#[tokio::test]
async fn grant_changes_are_recorded_in_the_order_of_their_effect() {
    let (host, lines) = audited(false);
    host.spawn(trusted("subject")).await.unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    host.revoke("subject", Capability::Send, "*").unwrap();
                    host.grant("subject", Capability::Send, "*").unwrap();
                }
            });
        }
    });
    host.shutdown(SOON).await;
    let changes: Vec<_> =
        lines.of("grant-changed").iter().map(|line| line["change"].as_str().unwrap().to_owned()).collect();
    assert!(changes.len() >= 2_000, "{}", changes.len());
    // No right is revoked twice without being given in between.
    for (index, pair) in changes.windows(2).enumerate() {
        assert_ne!(pair[0], pair[1], "lines {index} and the next");
    }
}

#[tokio::test]
async fn handing_over_and_clearing_retained_messages_is_recorded() {
    let (host, lines) = audited(true);
    for name in ["publisher", "late"] {
        host.spawn(ComponentSpec { instances: 2, ..trusted(name) }).await.unwrap();
    }
    let retain = |topic: &str| Command::Retain { topic: topic.to_owned(), command: note("x") };
    host.ask("publisher/2", retain("news.today")).await.unwrap();
    host.ask("publisher/2", retain("sport")).await.unwrap();
    host.ask("late/1", Command::Subscribe("news.*".to_owned())).await.unwrap();
    host.ask("publisher/1", Command::ClearRetained("sport".to_owned())).await.unwrap();
    host.ask("publisher/1", Command::ClearRetained("sport".to_owned())).await.unwrap();
    host.clear_retained("news.today").unwrap();
    host.clear_retained("news.today").unwrap();
    host.shutdown(SOON).await;
    let of_kind = |kind: &str| -> Vec<Value> {
        lines.of("message").into_iter().filter(|line| line["kind"] == kind).collect()
    };
    let [handed] = &of_kind("retained")[..] else { panic!("{:?}", lines.read()) };
    assert_eq!((&handed["sender"], &handed["receiver"]), (&"publisher/2".into(), &"late/1".into()));
    assert_eq!(
        (&handed["topic"], &handed["size"]),
        (&"news.today".into(), &message(&note("x")).len().into())
    );
    let [cleared] = &of_kind("clear-retained")[..] else { panic!("{:?}", lines.read()) };
    assert_eq!((&cleared["sender"], &cleared["topic"]), (&"publisher/1".into(), &"sport".into()));
    // Changes by the operator are recorded even if messages are not.
    let [cleared] = &lines.of("retained-cleared")[..] else { panic!("{:?}", lines.read()) };
    assert_eq!((&cleared["sender"], &cleared["topic"]), (&"publisher/2".into(), &"news.today".into()));
}
