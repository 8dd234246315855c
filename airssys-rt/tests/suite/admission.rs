//! Children that are started while their supervisor is about to be restarted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{
    ActorRef, ActorState, ActorSystem, ChildSpec, OnLimit, RestartPolicy, RestartStrategy, Shutdown,
    StartError, SupervisionStrategy, SupervisorConfig, SupervisorRef, SupervisorSpec,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::support::script::{Log, SECOND, Say, Script, settle};

/// A system that restarts supervisors after a second.
fn system() -> ActorSystem {
    let restart_strategy = RestartStrategy::Fixed { delay: SECOND };
    ActorSystem::builder("test").supervisor(SupervisorConfig { restart_strategy, ..config() }).build()
}

fn config() -> SupervisorConfig {
    SupervisorConfig::default()
}

/// It gives up at the first failure.
fn fragile(name: &str) -> SupervisorSpec {
    SupervisorSpec::new(name).config(SupervisorConfig { max_restarts: 0, ..config() })
}

fn make() -> Script {
    Script { log: Log::default(), bad_starts: 0 }
}

/// A supervisor that has given up and waits for its restart.
async fn waiting(system: &ActorSystem, spec: SupervisorSpec) -> SupervisorRef {
    let supervisor = system.supervise(spec).await.unwrap();
    let fails = supervisor.spawn(ChildSpec::unnamed(), make).await.unwrap();
    fails.send(Say::Fail).await.unwrap();
    settle().await;
    assert!(supervisor.has_given_up());
    supervisor
}

async fn answers(actor: &ActorRef<Say>) -> u64 {
    actor.request(Say::Ask, SECOND).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn child_of_a_supervisor_that_waits_for_its_restart_starts_with_it() {
    for dynamic in [false, true] {
        let system = system();
        let spec = if dynamic { fragile("pool").dynamic() } else { fragile("pool") };
        let pool = waiting(&system, spec).await;
        let before = Instant::now();
        let prepared = pool.prepare(ChildSpec::new("prepared")).unwrap();
        let (spawned, started, below) = tokio::join!(
            pool.spawn(ChildSpec::new("spawned"), make),
            pool.start(prepared, make),
            pool.supervise(SupervisorSpec::new("below")),
        );
        assert_eq!(before.elapsed(), SECOND, "it starts when the supervisor does");
        assert_eq!((answers(&spawned.unwrap()).await, answers(&started.unwrap()).await), (0, 0));
        let inside = below.unwrap().spawn(ChildSpec::new("inside"), make).await.unwrap();
        assert_eq!(answers(&inside).await, 0);
        assert_eq!(pool.children().len(), if dynamic { 3 } else { 4 });
    }
}

#[tokio::test(start_paused = true)]
async fn child_of_a_supervisor_that_stops_its_children_starts_after_the_restart() {
    let system = system();
    let pool = system.supervise(fragile("pool")).await.unwrap();
    let slow = pool.spawn(ChildSpec::new("slow"), make).await.unwrap();
    let fails = pool.spawn(ChildSpec::new("fails"), make).await.unwrap();
    slow.send(Say::Take(2 * SECOND)).await.unwrap();
    fails.send(Say::Fail).await.unwrap();
    settle().await;
    let before = Instant::now();
    let added = pool.spawn(ChildSpec::new("added"), make).await.unwrap();
    assert_eq!(before.elapsed(), 3 * SECOND);
    assert_eq!((answers(&added).await, answers(&slow).await), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn child_of_a_supervisor_that_ends_for_good_instead_does_not_start() {
    let stopped = |error| matches!(error, StartError::SupervisorStopped { name } if name == "added");
    let system = system();
    let pool = waiting(&system, fragile("pool")).await;
    let mut spawn = Box::pin(pool.spawn(ChildSpec::new("added"), make));
    assert!((&mut spawn).now_or_never().is_none(), "it waits");
    pool.stop();
    assert!(stopped(spawn.await.unwrap_err()));
    assert!(system.whereis::<Say>("added").is_none());

    // It gives up, and is not restarted.
    let temporary = fragile("temporary").restart(RestartPolicy::Temporary);
    let pool = system.supervise(temporary).await.unwrap();
    let slow = pool.spawn(ChildSpec::unnamed(), make).await.unwrap();
    let fails = pool.spawn(ChildSpec::unnamed(), make).await.unwrap();
    slow.send(Say::Take(2 * SECOND)).await.unwrap();
    fails.send(Say::Fail).await.unwrap();
    settle().await;
    assert!(stopped(pool.spawn(ChildSpec::new("added"), make).await.unwrap_err()));

    let pool = waiting(&system, fragile("last")).await;
    let (error, _) = tokio::join!(pool.spawn(ChildSpec::new("added"), make), system.shutdown(SECOND));
    assert!(matches!(error.unwrap_err(), StartError::SystemStopped { name } if name == "added"));
}

#[tokio::test(start_paused = true)]
async fn child_of_a_quarantined_supervisor_does_not_wait() {
    let config = SupervisorConfig { max_restarts: 0, on_limit: OnLimit::Quarantine, ..config() };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let pool = waiting(&system, fragile("pool")).await;
    assert_eq!(system.root().children()[0].state, ActorState::Quarantined);
    let error = pool.spawn(ChildSpec::new("added"), make).await.unwrap_err();
    assert!(matches!(error, StartError::SupervisorQuarantined { .. }));
    assert_eq!(error.to_string(), "`added` cannot start: its supervisor is quarantined; resume that first");
    assert!(pool.resume());
    pool.spawn(ChildSpec::new("added"), make).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn start_that_is_given_up_while_it_waits_frees_the_name() {
    let system = system();
    let pool = waiting(&system, fragile("pool")).await;
    let mut spawn = Box::pin(pool.spawn(ChildSpec::new("added"), make));
    assert!((&mut spawn).now_or_never().is_none());
    assert!(system.whereis::<Say>("added").is_some());
    drop(spawn);
    assert!(system.whereis::<Say>("added").is_none());
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(pool.children().len(), 1);
}

/// The restart waits for the end of the actor, so the actor must not wait for the restart.
#[tokio::test(start_paused = true)]
async fn actor_below_a_supervisor_does_not_wait_for_its_restart() {
    let system = system();
    let pool = system.supervise(fragile("pool")).await.unwrap();
    let inner = pool.supervise(SupervisorSpec::new("inner")).await.unwrap();
    let fails = pool.spawn(ChildSpec::new("fails"), make).await.unwrap();
    let spawner = inner.spawn(ChildSpec::new("spawner"), || Spawner).await.unwrap();
    let (sender, error) = tokio::sync::oneshot::channel();
    spawner.send((pool.clone(), sender)).await.unwrap();
    fails.send(Say::Fail).await.unwrap();
    let before = Instant::now();
    assert!(awaits_caller(error.await.unwrap()));
    assert_eq!(fails.request(Say::Ask, 60 * SECOND).await.unwrap(), 1);
    assert_eq!(before.elapsed(), 2 * SECOND, "a second in the handler, and one before the restart");
}

fn awaits_caller(spawned: Spawned) -> bool {
    matches!(spawned, Err(StartError::SupervisorAwaitsCaller { name }) if name == "added")
}

/// A supervisor that gives up at its first failure, in a group with an actor that starts children
/// below it and has no limit for its stop.
async fn group(
    strategy: SupervisionStrategy,
    max_restarts: u32,
) -> (ActorSystem, SupervisorRef, ActorRef<<Spawner as airssys_rt::Actor>::Message>) {
    let system = system();
    let restart_strategy = RestartStrategy::Immediate;
    let limits = SupervisorConfig { strategy, max_restarts, restart_strategy, ..config() };
    let group = system.supervise(SupervisorSpec::new("group").config(limits)).await.unwrap();
    let pool = group.supervise(fragile("pool")).await.unwrap();
    let spec = ChildSpec::new("spawner").shutdown(Shutdown::Unbounded);
    let spawner = group.spawn(spec, || Spawner).await.unwrap();
    (system, pool, spawner)
}

/// The restart of the group waits for the end of the actor, so the actor must not wait for a member.
#[tokio::test(start_paused = true)]
async fn actor_that_stops_with_its_group_does_not_wait_for_a_member_of_it() {
    for (strategy, max_restarts) in [
        (SupervisionStrategy::OneForAll, 3),
        (SupervisionStrategy::RestForOne, 3),
        // The supervisor of both gives up.
        (SupervisionStrategy::OneForOne, 0),
    ] {
        // The member has stopped before the actor calls it, or stops after that.
        for stops_for in [Duration::ZERO, 2 * SECOND] {
            let (_system, pool, spawner) = group(strategy, max_restarts).await;
            let slow = pool.spawn(ChildSpec::new("slow"), make).await.unwrap();
            let fails = pool.spawn(ChildSpec::new("fails"), make).await.unwrap();
            let (sender, error) = tokio::sync::oneshot::channel();
            spawner.send((pool.clone(), sender)).await.unwrap();
            slow.send(Say::Take(stops_for)).await.unwrap();
            settle().await;
            fails.send(Say::Fail).await.unwrap();
            let error = tokio::time::timeout(60 * SECOND, error).await.expect("it does not wait for ever");
            assert!(awaits_caller(error.unwrap()), "{strategy:?}, {stops_for:?}");
            assert_eq!(fails.request(Say::Ask, 60 * SECOND).await.unwrap(), 1);
        }
    }
}

/// Starts a child below the supervisor in a task of its own, and waits for that.
struct Indirect;

impl airssys_rt::Child for Indirect {}

impl airssys_rt::Actor for Indirect {
    type Message = SupervisorRef;
    type Error = std::convert::Infallible;

    async fn handle_message(
        &mut self,
        pool: SupervisorRef,
        _: &airssys_rt::ActorContext<SupervisorRef>,
    ) -> Result<(), Self::Error> {
        let _ = tokio::spawn(async move { pool.spawn(ChildSpec::new("added"), make).await }).await;
        Ok(())
    }
}

/// Nothing tells that the actor waits for that task, so its time to stop ends the wait.
#[tokio::test(start_paused = true)]
async fn actor_that_waits_for_its_group_in_another_task_is_aborted_when_its_time_is_over() {
    let system = system();
    let limits = SupervisorConfig { strategy: SupervisionStrategy::OneForAll, ..config() };
    let group = system.supervise(SupervisorSpec::new("group").config(limits)).await.unwrap();
    let pool = group.supervise(fragile("pool")).await.unwrap();
    let spec = ChildSpec::new("indirect").shutdown(3 * SECOND);
    let indirect = group.spawn(spec, || Indirect).await.unwrap();
    let fails = pool.spawn(ChildSpec::new("fails"), make).await.unwrap();
    let before = Instant::now();
    fails.send(Say::Fail).await.unwrap();
    indirect.send(pool.clone()).await.unwrap();
    assert_eq!(fails.request(Say::Ask, 60 * SECOND).await.unwrap(), 1);
    let took = before.elapsed();
    assert!((3 * SECOND..5 * SECOND).contains(&took), "{took:?}");
    settle().await;
    let added = system.whereis::<Say>("added").expect("it has started with its supervisor");
    assert_eq!(answers(&added).await, 0);
}

/// An actor that starts a child below another supervisor whenever it starts again.
struct Restarted(Arc<Mutex<Option<<Spawner as airssys_rt::Actor>::Message>>>);

impl airssys_rt::Child for Restarted {}

impl airssys_rt::Actor for Restarted {
    type Message = ();
    type Error = std::convert::Infallible;

    async fn on_start(&mut self, context: &airssys_rt::ActorContext<()>) -> Result<(), Self::Error> {
        if context.incarnation() > 0 {
            let told = self.0.lock().unwrap().take();
            if let Some((pool, sender)) = told {
                let _ = sender.send(pool.spawn(ChildSpec::new("added"), make).await);
            }
        }
        Ok(())
    }

    async fn handle_message(&mut self, (): (), _: &airssys_rt::ActorContext<()>) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The members of a group start one after another.
#[tokio::test(start_paused = true)]
async fn actor_that_starts_with_its_group_does_not_wait_for_a_later_member() {
    let system = system();
    let limits = SupervisorConfig { strategy: SupervisionStrategy::OneForAll, ..config() };
    let group = system.supervise(SupervisorSpec::new("group").config(limits)).await.unwrap();
    let told = Arc::new(Mutex::new(None));
    let first = told.clone();
    group.spawn(ChildSpec::new("first"), move || Restarted(first.clone())).await.unwrap();
    let pool = group.supervise(fragile("pool")).await.unwrap();
    let fails = pool.spawn(ChildSpec::new("fails"), make).await.unwrap();
    let (sender, error) = tokio::sync::oneshot::channel();
    *told.lock().unwrap() = Some((pool, sender));
    fails.send(Say::Fail).await.unwrap();
    let error = tokio::time::timeout(60 * SECOND, error).await.expect("it does not wait for ever");
    assert!(awaits_caller(error.unwrap()));
    assert_eq!(fails.request(Say::Ask, 60 * SECOND).await.unwrap(), 1);
}

/// A supervisor above is quarantined while the start waits.
#[tokio::test(start_paused = true)]
async fn child_does_not_wait_for_a_supervisor_below_a_quarantined_one() {
    let limits = SupervisorConfig { max_restarts: 0, on_limit: OnLimit::Quarantine, ..config() };
    let system = ActorSystem::builder("test").supervisor(limits).build();
    let above = system.supervise(fragile("above")).await.unwrap();
    let slow = above.spawn(ChildSpec::new("slow"), make).await.unwrap();
    let pool = above.supervise(fragile("pool")).await.unwrap();
    let fails = pool.spawn(ChildSpec::new("fails"), make).await.unwrap();
    slow.send(Say::Take(2 * SECOND)).await.unwrap();
    fails.send(Say::Fail).await.unwrap();
    settle().await;
    let spawned = tokio::time::timeout(60 * SECOND, pool.spawn(ChildSpec::new("added"), make)).await;
    let error = spawned.expect("it does not wait for ever").unwrap_err();
    assert!(matches!(error, StartError::SupervisorQuarantined { .. }));
    assert!(above.resume());
    pool.spawn(ChildSpec::new("added"), make).await.unwrap();
}

/// The stop comes while the start waits for the supervisor.
#[tokio::test(start_paused = true)]
async fn child_that_is_stopped_while_its_start_waits_does_not_start() {
    let system = system();
    let pool = waiting(&system, fragile("pool")).await;
    let log = Log::default();
    let prepared = pool.prepare(ChildSpec::new("added")).unwrap();
    let actor: ActorRef<Say> = prepared.actor_ref();
    let writes = log.clone();
    let start = pool.start(prepared, move || {
        writes.note("made");
        Script { log: writes.clone(), bad_starts: 0 }
    });
    let mut start = Box::pin(start);
    assert!((&mut start).now_or_never().is_none());
    actor.stop();
    assert!(matches!(start.await, Err(StartError::Stopped { name }) if name == "added"));
    assert!(log.all().is_empty());

    let pool = waiting(&system, fragile("another")).await;
    let prepared = pool.prepare_supervisor(SupervisorSpec::new("below")).unwrap();
    let below = prepared.supervisor_ref();
    let mut start = Box::pin(pool.start_supervisor(prepared));
    assert!((&mut start).now_or_never().is_none());
    below.stop();
    assert!(matches!(start.await, Err(StartError::Stopped { name }) if name == "below"));
}

struct Spawner;

type Spawned = Result<ActorRef<Say>, StartError>;

impl airssys_rt::Child for Spawner {}

impl airssys_rt::Actor for Spawner {
    type Message = (SupervisorRef, tokio::sync::oneshot::Sender<Spawned>);
    type Error = std::fmt::Error;

    async fn handle_message(
        &mut self,
        (pool, sender): Self::Message,
        _: &airssys_rt::ActorContext<Self::Message>,
    ) -> Result<(), Self::Error> {
        tokio::time::sleep(SECOND).await;
        let _ = sender.send(pool.spawn(ChildSpec::new("added"), make).await);
        Ok(())
    }
}
