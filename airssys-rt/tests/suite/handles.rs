//! Handles of a system, which keep it alive, and references, which do not.

use std::collections::HashSet;

use airssys_rt::{ActorRef, ActorSystem, ChildSpec, ExitReason, SupervisorConfig, SupervisorSpec};
use futures_util::FutureExt;

use crate::support::logs::logs;
use crate::support::script::{Log, SECOND, Say, settle, start};

#[tokio::test(start_paused = true)]
async fn ended_tells_how_the_system_ended() {
    let log = Log::default();
    let system = ActorSystem::new("test");
    start(&system, &log, ChildSpec::new("a")).await;
    assert!(system.ended().now_or_never().is_none());
    system.shutdown(SECOND).await;
    assert!(matches!(system.ended().await, ExitReason::Shutdown));

    let system = ActorSystem::new("test");
    system.root().stop();
    assert!(matches!(system.ended().await, ExitReason::Shutdown));

    let config = SupervisorConfig { max_restarts: 0, ..SupervisorConfig::default() };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let bystander = start(&system, &log, ChildSpec::new("bystander")).await;
    let actor = start(&system, &log, ChildSpec::new("actor")).await;
    actor.send(Say::Panic).await.unwrap();
    let ExitReason::Escalated(failure) = system.ended().await else { panic!("another reason") };
    assert_eq!(failure.to_string(), "`actor` panicked: told to panic after 0 restarts within 5s");
    assert!(bystander.closed().now_or_never().is_some(), "all have ended by then");
}

#[test]
fn ended_resolves_on_another_thread_when_the_runtime_shuts_down() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let system = runtime.block_on(async { ActorSystem::new("test") });
    drop(runtime);
    assert!(matches!(system.ended().now_or_never(), Some(ExitReason::Killed)));
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_stops_the_system_with_a_warning() {
    let (_guard, logs) = logs();
    let log = Log::default();
    let system = ActorSystem::new("shop");
    let handle = system.clone();
    let actor = start(&system, &log, ChildSpec::new("a")).await;
    drop(system);
    settle().await;
    assert_eq!(actor.request(Say::Ask, SECOND).await.unwrap(), 0, "a clone is left");
    assert!(logs.take().is_empty());
    drop(handle);
    let expected = "WARN the last handle of an actor system was dropped, so its actors are being stopped; \
                    keep an `ActorSystem`, or call `shutdown` system=shop children=1";
    assert_eq!(logs.take(), [expected]);
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));

    let system = ActorSystem::new("shop");
    start(&system, &log, ChildSpec::new("a")).await;
    system.shutdown(SECOND).await;
    drop(system);
    drop(ActorSystem::new("empty"));

    // Their owner has asked for the stop of these, which is not over.
    let system = ActorSystem::new("shop");
    let actor = start(&system, &log, ChildSpec::new("a")).await;
    system.root().stop();
    drop(system);
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    let system = ActorSystem::new("shop");
    let actor = start(&system, &log, ChildSpec::new("a")).await;
    assert!(system.shutdown(SECOND).now_or_never().is_none(), "it goes on in the background");
    drop(system);
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    assert_eq!(logs.take(), [""; 0], "no actor was stopped by it");
}

#[expect(clippy::mutable_key_type, reason = "equality and hash depend on the actor's identity only")]
#[tokio::test(start_paused = true)]
async fn references_are_equal_if_they_lead_to_one_actor() {
    let (system, other) = (ActorSystem::new("test"), ActorSystem::new("other"));
    let log = Log::default();
    let a = start(&system, &log, ChildSpec::new("a")).await;
    let b = start(&system, &log, ChildSpec::new("b")).await;
    // It has the number of `a`.
    let foreign = start(&other, &log, ChildSpec::new("a")).await;
    assert_eq!(a.id(), foreign.id());
    let found = system.whereis::<Say>("a").unwrap();
    let references: HashSet<ActorRef<Say>> = [&a, &b, &foreign, &found].into_iter().cloned().collect();
    assert_eq!(references.len(), 3);
    assert!(references.contains(&a) && a == found && a != b && a != foreign);

    let weak: HashSet<_> = [&a, &found, &foreign].map(ActorRef::downgrade).into_iter().collect();
    assert_eq!(weak.len(), 2);
    assert!(weak.contains(&found.downgrade()));
    let handles: HashSet<_> = [&a, &found, &foreign].map(ActorRef::handle).into_iter().collect();
    assert_eq!(handles.len(), 2);
    let recipients: HashSet<_> = [&a, &found, &foreign].map(|actor| actor.recipient::<u32>()).into();
    assert_eq!(recipients.len(), 2);
    assert_eq!(a.recipient::<u32>(), found.recipient());
    assert_ne!(a.recipient::<u32>(), b.recipient());

    let group = system.supervise(SupervisorSpec::new("group")).await.unwrap();
    let supervisors: HashSet<_> = [group.clone(), group.clone(), system.root().clone()].into();
    assert_eq!(supervisors.len(), 2);
    assert_ne!(group, *system.root());
    actor_stays_equal_across_restarts(a).await;
}

#[expect(clippy::mutable_key_type, reason = "equality and hash depend on the actor's identity only")]
async fn actor_stays_equal_across_restarts(actor: ActorRef<Say>) {
    let before = HashSet::from([actor.clone()]);
    actor.restart();
    assert_eq!(actor.request(Say::Ask, SECOND).await.unwrap(), 1);
    assert!(before.contains(&actor));
}
