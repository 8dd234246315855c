//! Snapshots of an app.

use airssys_rt::ActorState;
use airssys_wasm::limits::Rates;
use airssys_wasm::{AppSnapshot, ChildSnapshot, ComponentSnapshot, ComponentSpec, HandlingStats, Limits};

use crate::raw_guest::raw_component;
use crate::support::*;

const MIB: u64 = 1 << 20;

fn component<'a>(app: &'a AppSnapshot, name: &str) -> &'a ComponentSnapshot {
    app.components.iter().find(|component| component.name == name).expect("the component")
}

#[tokio::test]
async fn memory_grows_with_the_instance_and_is_zero_after_its_end() {
    let host = host();
    let restart = airssys_rt::RestartPolicy::Temporary;
    host.spawn(ComponentSpec { restart, ..trusted("probe") }).await.unwrap();
    let memory = || component(&host.snapshot(), "probe").instances[0].memory_bytes;
    let before = memory();
    assert!((65_536..4 * MIB).contains(&before) && before % 65_536 == 0, "{before}");
    host.ask("probe", Command::Allocate(8)).await.unwrap();
    let after = memory();
    assert!((before + 8 * MIB..before + 10 * MIB).contains(&after), "{after}");
    let limit = component(&host.snapshot(), "probe").instances[0].memory_limit_bytes;
    host.ask("probe", Command::TryAllocate(limit.div_euclid(MIB) as usize)).await.unwrap();
    assert_eq!(memory(), after, "refused memory does not count");
    let actor = host.actors("probe").remove(0);
    host.tell("probe", Command::Panic("end".to_owned())).await;
    actor.closed().await;
    let app = host.snapshot();
    let probe = &component(&app, "probe").instances[0];
    assert_eq!((probe.state, probe.memory_bytes), (ActorState::Stopped, 0));
}

/// Memory that a guest has, and did not write, costs the host nothing.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn resident_memory_is_what_the_guest_has_written() {
    let host = host();
    // Has 33 MiB, and writes 4 of them.
    let writes = "(drop (memory.grow (i32.const 512)))
        (memory.fill (i32.const 65536) (i32.const 1) (i32.const 0x400000))
        (i32.const 16)";
    host.spawn(ComponentSpec::new("raw", raw_component(writes))).await.unwrap();
    let resident = || component(&host.snapshot_with_resident_memory(), "raw").costs.resident_bytes.unwrap();
    let before = resident();
    assert!(before < MIB, "{before}");
    host.tell("raw", *note("x")).await;
    host.drained().await;
    let after = resident();
    assert!((4 * MIB..5 * MIB).contains(&after), "{after}");
    let app = host.snapshot();
    let costs = component(&app, "raw").costs;
    // It is measured only if it is asked for.
    assert_eq!((costs.linear_memory_bytes, costs.resident_bytes), (513 * 65_536, None));
    assert!(host.retire("raw").await);
}

#[tokio::test]
async fn restarted_instance_has_its_initial_memory_again() {
    let host = host();
    host.spawn(trusted("probe")).await.unwrap();
    let memory = || component(&host.snapshot(), "probe").instances[0].memory_bytes;
    let before = memory();
    host.ask("probe", Command::Allocate(8)).await.unwrap();
    host.tell("probe", Command::Panic("again".to_owned())).await;
    host.drained().await;
    assert_eq!(memory(), before);
    assert_eq!(component(&host.snapshot(), "probe").restarts(), 1);
}

#[tokio::test]
async fn denials_are_counted_for_the_component_that_was_denied() {
    let host = host();
    host.spawn(denied("curious")).await.unwrap();
    host.spawn(trusted("private")).await.unwrap();
    let send = Command::TrySend { to: "private".to_owned(), command: note("hello"), times: 1 };
    host.ask("curious", send).await.unwrap_err();
    host.ask("curious", Command::Subscribe("news".to_owned())).await.unwrap_err();
    let app = host.snapshot();
    assert_eq!((component(&app, "curious").denied, component(&app, "private").denied), (2, 0));
}

#[tokio::test]
async fn snapshot_has_the_stats_of_each_component_and_the_tree_has_its_instances() {
    let host = host();
    host.spawn(ComponentSpec { instances: 2, ..trusted("pool") }).await.unwrap();
    for name in ["pool/1", "pool/2", "pool/2"] {
        host.ask(name, Command::Identity).await.unwrap();
    }
    host.drained().await;
    // An instance that has had its turn counts its last message when it goes on.
    let app = loop {
        let app = host.snapshot();
        if component(&app, "pool").instances.iter().map(|instance| instance.handled).sum::<u64>() == 3 {
            break app;
        }
        tokio::task::yield_now().await;
    };
    let pool = component(&app, "pool");
    assert_eq!(host.component_snapshot("pool").as_ref(), Some(pool));
    assert_eq!((host.component_snapshots(), host.component_snapshot("pond")), (app.components.clone(), None));
    assert_eq!((pool.received, pool.handled, pool.calls), (3, 3, 3));
    assert_eq!((pool.depth(), pool.restarts()), (0, 0));
    let HandlingStats { total, guest, waits, mailbox, .. } = &pool.handling;
    for times in [total, guest, mailbox] {
        assert!(times.p50_ns > Some(0) && times.p50_ns <= times.p99_ns, "{:?}", pool.handling);
        assert_eq!((times.count(), waits.count()), (3, 3));
    }
    assert_eq!(guest.sum_ns + waits.sum_ns, total.sum_ns);
    assert_eq!((app.in_flight, app.app.as_str()), (0, "test"));
    let handled: Vec<u64> = pool.instances.iter().map(|instance| instance.handled).collect();
    assert_eq!(handled, [1, 2]);
    let names: Vec<&str> = app
        .tree
        .children
        .iter()
        .map(|child| match child {
            ChildSnapshot::Actor(actor) => actor.name.as_str(),
            _ => "?",
        })
        .collect();
    assert_eq!(names, ["pool/1", "pool/2"]);
    let json = serde_json::to_string(&app).unwrap();
    assert_eq!(serde_json::from_str::<AppSnapshot>(&json).unwrap(), app);
}

#[tokio::test]
async fn time_in_the_guest_is_told_from_waits_and_from_the_mailbox() {
    const SLEEP_NS: u64 = 300_000_000;
    let host = host();
    host.spawn(ComponentSpec::new("sleeper", waiter())).await.unwrap();
    host.spawn(trusted("asker")).await.unwrap();
    let worker = host.prepare(trusted("worker")).unwrap();
    let command = Box::new(Command::Sleep(SLEEP_NS / 1_000_000));
    let request = Command::Request { to: "sleeper".to_owned(), command, timeout_ms: 20_000 };
    host.ask("asker", request).await.unwrap();
    host.tell("worker", Command::Work(2_000)).await;
    host.tell("worker", Command::Note("waits in the mailbox".to_owned())).await;
    host.start(worker).await.unwrap();
    host.drained().await;
    let app = host.snapshot();
    // A timer in a call of the host, and a reply to a deferred message.
    for name in ["sleeper", "asker"] {
        let HandlingStats { total, guest, waits, mailbox, .. } = &component(&app, name).handling;
        assert!(waits.sum_ns > SLEEP_NS / 2 && guest.sum_ns < SLEEP_NS / 2, "{name}: {guest:?} {waits:?}");
        assert_eq!(guest.sum_ns + waits.sum_ns, total.sum_ns);
        assert_eq!([total.count(), guest.count(), waits.count(), mailbox.count()], [1; 4], "{name}");
    }
    let HandlingStats { total, guest, mailbox, .. } = &component(&app, "worker").handling;
    // The second message waits until the first one, whose work takes most of the time, is handled.
    assert!(mailbox.sum_ns > total.sum_ns / 2 && guest.sum_ns > 0, "{mailbox:?} {total:?} {guest:?}");
    assert_eq!([total.count(), mailbox.count()], [2; 2]);
}

#[tokio::test]
async fn snapshot_shows_use_and_excess_of_each_limit() {
    let host = host();
    let rates = Rates { messages_per_second: Some(1), messages_burst: Some(2), ..Rates::UNLIMITED };
    let limits = Limits { rates, ..Limits::default() };
    host.spawn(trusted("target")).await.unwrap();
    host.spawn(ComponentSpec { instances: 2, limits, ..trusted("pool") }).await.unwrap();
    let send = Command::TrySend { to: "target".to_owned(), command: note("x"), times: 3 };
    host.ask("pool/2", send).await.unwrap_err();
    host.ask("pool/1", Command::Subscribe("news".to_owned())).await.unwrap_err();
    host.drained().await;
    let app = host.snapshot();
    for component in &app.components {
        let mut names = component.usage.iter().map(|quota| &quota.name);
        assert!(names.any(|name| name == "mailbox_bytes"), "{component:?}");
        for instance in &component.instances {
            let mut names = instance.usage.iter().map(|quota| &quota.name);
            assert!(names.any(|name| name == "memory"), "{instance:?}");
        }
    }
    let pool = component(&app, "pool");
    assert_eq!((pool.over_quota["messages_per_second"], pool.over_quota_total()), (2, 2));
    let routes = |number: usize| pool.instances[number].usage.iter().find(|quota| quota.name == "routes");
    assert_eq!((routes(0).unwrap().used, routes(1).unwrap().used), (0, 1));
    assert_eq!(app.audit, None);
}
