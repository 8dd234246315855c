//! Start and end of components.

use airssys_rt::{ExitReason, RestartPolicy};
use airssys_wasm::{Component, ComponentSpec, Health, SpawnError};

use crate::raw_guest::raw_bytes;
use crate::support::*;

#[tokio::test]
async fn component_knows_its_identity() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    assert_eq!(host.ask("probe", Command::Identity).await, Ok("test probe 0".to_owned()));
    host.tell("probe", Command::Panic("once".to_owned())).await;
    assert_eq!(host.ask("probe", Command::Identity).await, Ok("test probe 1".to_owned()));
}

#[tokio::test]
async fn failed_start_gives_its_reason_and_frees_the_name() {
    let host = host();
    for (setting, expected) in [
        (setting("refuse", "no stock"), "no stock"),
        (setting("unhealthy", "no database"), "no database"),
        (setting("panic", "bad luck"), "panicked: bad luck"),
    ] {
        let spec = ComponentSpec { config: vec![setting], ..trusted("probe") };
        let error = host.spawn(spec).await.unwrap_err();
        assert!(matches!(error, SpawnError::Start(_)), "{error:?}");
        let text = causes(&error);
        assert!(text.contains(expected), "{text}");
        // The name is free again.
        assert!(host.actors("probe").is_empty());
    }
    host.spawn(trusted("probe")).await.unwrap();
}

#[tokio::test]
async fn operator_can_query_health() {
    let host = host();
    let degraded = ComponentSpec { config: vec![setting("degraded", "slow disk")], ..trusted("slow") };
    host.spawn(degraded).await.unwrap();
    host.spawn(ComponentSpec { instances: 2, ..trusted("pool") }).await.unwrap();
    let slow = host.health("slow").await;
    assert_eq!(slow, [("slow".to_owned(), Some(Health::Degraded("slow disk".into())))]);
    let healthy = |name: &str| (name.to_owned(), Some(Health::Healthy));
    assert_eq!(host.health("pool").await, [healthy("pool/1"), healthy("pool/2")]);
    assert!(host.health("nobody").await.is_empty());
}

#[tokio::test]
async fn shutdown_function_runs_before_a_stop_but_not_after_a_trap() {
    let log = Log::capture();
    let host = host();
    let spec = |name: &str, note: &str| ComponentSpec {
        config: vec![setting("shutdown-note", note)],
        restart: RestartPolicy::Temporary,
        ..trusted(name)
    };
    host.spawn(spec("orderly", "closing orderly")).await.unwrap();
    host.spawn(spec("broken", "closing broken")).await.unwrap();
    host.tell("broken", Command::Panic("oh".to_owned())).await;
    host.drained().await;
    let report = host.system().shutdown(SOON).await;
    assert!(report.late.is_empty(), "{report:?}");
    assert!(log.text().contains("closing orderly"), "{}", log.text());
    assert!(!log.text().contains("closing broken"), "{}", log.text());
}

#[tokio::test]
async fn shutdown_takes_a_deadline_of_any_length() {
    let host = host();
    host.spawn(trusted("one")).await.unwrap();
    let report = host.shutdown(std::time::Duration::MAX).await;
    assert!(report.late.is_empty(), "{report:?}");
}

#[tokio::test]
async fn a_component_that_stops_itself_ends_normally() {
    let host = host();
    let transient = ComponentSpec { restart: RestartPolicy::Transient, ..trusted("feed") };
    host.spawn(transient).await.unwrap();
    let actor = host.actors("feed").remove(0);
    host.tell("feed", Command::Stop).await;
    assert!(matches!(actor.closed().await, ExitReason::Normal));
    let error = host.try_ask("feed", Command::Notes).await.unwrap_err();
    assert!(error.to_string().contains("has stopped"), "{error}");
}

#[tokio::test]
async fn messages_sent_before_the_start_are_handled_after_it() {
    let host = host();
    let prepared = host.prepare(trusted("late")).unwrap();
    host.tell("late", Command::Note("early".to_owned())).await;
    assert_eq!(host.in_flight(), 1);
    host.start(prepared).await.unwrap();
    host.drained().await;
    assert_eq!(host.notes("late").await, "early");
}

#[tokio::test]
async fn names_are_unique() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    let error = host.spawn(trusted("probe")).await.unwrap_err();
    assert!(matches!(error, SpawnError::NameTaken { .. }), "{error:?}");
    let pool = ComponentSpec { instances: 3, ..trusted("pool") };
    host.spawn(pool).await.unwrap();
    for (name, taken) in [("pool", true), ("host", true), ("Pool", false), ("pool/1", false), ("a b", false)]
    {
        match host.spawn(trusted(name)).await.unwrap_err() {
            SpawnError::NameTaken { .. } => assert!(taken, "{name}"),
            SpawnError::InvalidName { .. } => assert!(!taken, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let none = ComponentSpec { instances: 0, ..trusted("none") };
    assert!(matches!(host.spawn(none).await, Err(SpawnError::NoInstances { .. })));
    // The first component is unaffected.
    assert_eq!(host.ask("probe", Command::Echo("here".to_owned())).await, Ok("here".to_owned()));
}

/// Makes a component that traps if its memory up to `end` holds more than its constant data, and then
/// writes to every part of it.
fn finds_nothing(end: u32) -> Component {
    let handler = format!(
        "(local $at i32)
         (drop (memory.grow (i32.const 2)))
         (if (i32.ne (i32.load (i32.const 5000)) (i32.const 42)) (then (unreachable)))
         (i32.store (i32.const 5000) (i32.const -1))
         (local.set $at (i32.const 8192))
         (loop $next
           (if (i32.load (local.get $at)) (then (unreachable)))
           (i32.store (local.get $at) (i32.const -1))
           (local.set $at (i32.add (local.get $at) (i32.const 64)))
           (br_if $next (i32.lt_u (local.get $at) (i32.const {end}))))
         (i32.const 16)"
    );
    let bytes = raw_bytes(&handler, r#"(data (i32.const 5000) "\2a")"#);
    Component::new(engine(), &bytes).unwrap()
}

#[tokio::test]
async fn memory_of_an_instance_holds_nothing_of_an_earlier_one() {
    let host = host();
    // One stays within the pages that a slot of the pool keeps, the other goes beyond them.
    let (little, much) = (finds_nothing(60_000), finds_nothing(3 << 16));
    for code in [&little, &little, &much, &much, &little, &much] {
        host.spawn(ComponentSpec::new("raw", code.clone())).await.unwrap();
        host.tell("raw", Command::Note("x".to_owned())).await;
        host.drained().await;
        assert_eq!(host.reasons(), [""; 0]);
        assert!(host.retire("raw").await);
    }
}

/// Returns the text of an error and of all its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
