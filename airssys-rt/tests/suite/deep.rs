//! Deep trees and long chains: no walk through them is deeper than a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorSystem, Child, ChildSpec, ExitReason, MAX_SUPERVISOR_DEPTH,
    PrepareError, RestartPolicy, StartError, SupervisorRef, SupervisorSpec, SystemSnapshot,
};

use crate::support::script::{Log, SECOND, Say, Script, Told, run, settle, start};

/// Half the stack of a thread of the standard library: enough without optimisation, too.
const STACK_BYTES: usize = 1024 * 1024;

/// Supervisors below each other, as many as allowed, and an actor below the last.
async fn grow(system: &ActorSystem) -> (SupervisorRef, ActorRef<Say>) {
    let mut deepest = system.root().clone();
    for _ in 0..MAX_SUPERVISOR_DEPTH {
        deepest = deepest.supervise(SupervisorSpec::unnamed()).await.unwrap();
    }
    let make = || Script { log: Log::default(), bad_starts: 0 };
    let leaf = deepest.spawn(ChildSpec::unnamed(), make).await.unwrap();
    (deepest, leaf)
}

#[tokio::test(start_paused = true)]
async fn tree_is_as_deep_as_allowed_and_no_deeper() {
    let system = ActorSystem::new("deep");
    let (deepest, leaf) = grow(&system).await;
    let error = deepest.supervise(SupervisorSpec::new("one more")).await.unwrap_err();
    let StartError::Prepare(error) = error else { panic!("{error}") };
    assert_eq!(error, PrepareError::TooDeep { name: "one more".into() });
    assert_eq!(
        error.to_string(),
        "the supervisor `one more` would be below 50 others, which are the most allowed; start it further up"
    );
    assert_eq!(deepest.prepare_supervisor(SupervisorSpec::new("one more")).unwrap_err(), error);
    assert!(system.whereis::<Say>("one more").is_none());

    let snapshot = system.snapshot();
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let text = serde_json::to_string(&snapshot).unwrap();
            assert_eq!(serde_json::from_str::<SystemSnapshot>(&text).unwrap(), snapshot.clone());
            assert!(format!("{snapshot:?}").len() > text.len());
        })
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(system.actors().len(), 1);
    leaf.send(Say::Fail).await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(leaf.stats().restarts, 1);
    assert_eq!(system.shutdown(SECOND).await.stopped.len(), 1);
}

/// The tasks of the whole tree are dropped at once.
#[test]
fn runtime_that_shuts_down_ends_a_deep_tree() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let system = runtime.block_on(async { ActorSystem::new("deep") });
        let (deepest, leaf) = runtime.block_on(grow(&system));
        drop(runtime);
        assert!(leaf.is_closed());
        drop((system, deepest, leaf));
    });
    thread.unwrap().join().unwrap();
}

/// Starts a child below itself, which does the same.
struct Nested {
    started: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Child for Nested {}

impl Actor for Nested {
    type Message = ();
    type Error = Told;

    async fn on_start(&mut self, context: &ActorContext<()>) -> Result<(), Told> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let (started, refused) = (self.started.clone(), self.refused.clone());
        let make = move || Nested { started: started.clone(), refused: refused.clone() };
        match Box::pin(context.spawn_child(ChildSpec::unnamed(), make)).await {
            Ok(_) => Ok(()),
            Err(StartError::Prepare(PrepareError::TooDeep { .. })) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => panic!("{error}"),
        }
    }

    async fn handle_message(&mut self, (): (), _: &ActorContext<()>) -> Result<(), Told> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn children_of_children_are_as_deep_as_allowed() {
    let system = ActorSystem::new("deep");
    let (started, refused) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let counters = (started.clone(), refused.clone());
    let make = move || Nested { started: counters.0.clone(), refused: counters.1.clone() };
    system.spawn(ChildSpec::unnamed(), make).await.unwrap();
    assert_eq!(started.load(Ordering::Relaxed), MAX_SUPERVISOR_DEPTH + 1);
    assert_eq!(refused.load(Ordering::Relaxed), 1);
    system.shutdown(SECOND).await;
}

const LONG: usize = 100_000;

/// One failure goes through a chain of links, and through all the links of one actor.
#[tokio::test(start_paused = true)]
async fn one_failure_goes_through_a_hundred_thousand_links() {
    let system = ActorSystem::new("long");
    let pool = system.supervise(SupervisorSpec::unnamed().dynamic()).await.unwrap();
    let first =
        start(&system, &Log::default(), ChildSpec::new("first").restart(RestartPolicy::Temporary)).await;
    let spec = || ChildSpec::unnamed().restart(RestartPolicy::Temporary).capacity(1);
    let mut actors = vec![first.clone()];
    for number in 1..LONG {
        let make = || Script { log: Log::default(), bad_starts: 0 };
        let actor = pool.spawn(spec(), make).await.unwrap();
        // The first half is a chain; the second half is linked with one actor.
        let linked = actors[if number <= LONG / 2 { number - 1 } else { LONG / 2 }].clone();
        run(&actor, move |context| context.link(&linked)).await;
        actors.push(actor);
    }
    first.send(Say::Fail).await.unwrap();
    for actor in &actors[1..] {
        let ExitReason::Linked(down) = actor.closed().await else { panic!("it failed by itself") };
        assert_eq!(down.actor.id, first.id());
    }
    settle().await;
    let reason = actors[LONG - 1].closed().await;
    assert_eq!(reason.to_string(), "failed with `first`, which failed: told to fail");
    assert!(format!("{reason:?}").len() < 200);
}
