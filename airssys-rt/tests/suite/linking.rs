//! Actors that link each other whenever they start: one crash restarts each of them once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorState, ActorSystem, BoxError, Child, ChildContext, ChildSpec, Event,
    ExitReason, RestartPolicy, RestartStrategy, SupervisionStrategy, SupervisorConfig, SupervisorRef,
    SupervisorSpec,
};
use proptest::prelude::*;
use tokio::task::yield_now;

use crate::support::quiet::{TOLD, hush};
use crate::support::script::{MILLI, SECOND, Told};

enum Do {
    Fail,
    Panic,
    /// Takes this long.
    Take(Duration),
    /// Links again, as a handler may do each time that it needs the other.
    LinkAgain,
}

/// Links its peers when it starts.
struct Linker {
    peers: Arc<[ActorRef<Do>]>,
    slow_stop: Duration,
}

impl Linker {
    fn link(&self, context: &ActorContext<Do>) {
        self.peers.iter().for_each(|peer| context.link(peer));
    }
}

impl Child for Linker {
    async fn pre_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        tokio::time::sleep(self.slow_stop).await;
        Ok(())
    }
}

impl Actor for Linker {
    type Message = Do;
    type Error = Told;

    async fn on_start(&mut self, context: &ActorContext<Do>) -> Result<(), Told> {
        self.link(context);
        Ok(())
    }

    async fn handle_message(&mut self, message: Do, context: &ActorContext<Do>) -> Result<(), Told> {
        match message {
            Do::Fail => return Err(Told),
            Do::Panic => std::panic::panic_any(TOLD),
            Do::Take(time) => tokio::time::sleep(time).await,
            Do::LinkAgain => self.link(context),
        }
        Ok(())
    }
}

fn config(delay: RestartStrategy, strategy: SupervisionStrategy) -> SupervisorConfig {
    SupervisorConfig {
        strategy,
        max_restarts: u32::MAX,
        restart_strategy: delay,
        ..SupervisorConfig::default()
    }
}

fn system(delay: RestartStrategy) -> ActorSystem {
    let config = config(delay, SupervisionStrategy::OneForOne);
    ActorSystem::builder("test").supervisor(config).build()
}

/// The place of an actor in the test: its supervisor, its peers, and the time that its stop takes.
type Place<'a> = (&'a SupervisorRef, Vec<usize>, Duration);

/// Starts actors that link those with the given indices.
async fn start(places: &[Place<'_>]) -> Vec<ActorRef<Do>> {
    let prepare = |(index, place): (usize, &Place<'_>)| {
        place.0.prepare::<Do>(ChildSpec::new(format!("actor-{index}"))).unwrap()
    };
    let prepared: Vec<_> = places.iter().enumerate().map(prepare).collect();
    let actors: Vec<_> = prepared.iter().map(|prepared| prepared.actor_ref()).collect();
    for (prepared, (supervisor, peers, slow_stop)) in prepared.into_iter().zip(places) {
        let peers: Arc<[_]> = peers.iter().map(|peer| actors[*peer].clone()).collect();
        let slow_stop = *slow_stop;
        let make = move || Linker { peers: peers.clone(), slow_stop };
        supervisor.start(prepared, make).await.unwrap();
    }
    actors
}

fn restarts(actors: &[ActorRef<Do>]) -> Vec<u64> {
    actors.iter().map(|actor| actor.stats().restarts).collect()
}

const DELAYS: [RestartStrategy; 3] = [
    RestartStrategy::Immediate,
    RestartStrategy::Fixed { delay: SECOND },
    RestartStrategy::ExponentialBackoff {
        initial_delay: MILLI,
        max_delay: SECOND,
        multiplier: 2.0,
        jitter: 0.5,
    },
];

#[tokio::test(start_paused = true)]
async fn one_crash_restarts_two_that_link_each_other_once() {
    for delay in DELAYS {
        let system = system(delay);
        let mut events = system.events();
        let root = system.root();
        let actors = start(&[(root, vec![1], Duration::ZERO), (root, vec![0], Duration::ZERO)]).await;
        for round in 1..=3 {
            actors[0].send(Do::Fail).await.unwrap();
            tokio::time::sleep(60 * SECOND).await;
            assert_eq!(restarts(&actors), [round, round], "{delay:?}");
        }
        system.shutdown(SECOND).await;
        let mut linked = Vec::new();
        while let Some(event) = events.next().await.unwrap() {
            if let Event::Restarting { reason: reason @ ExitReason::Linked(_), .. } = event {
                linked.push(reason.to_string());
            }
        }
        assert_eq!(linked, ["failed with `actor-0`, which failed: told to fail"; 3]);
    }
}

/// Each of a chain fails with the actor that failed first, for its reason.
#[tokio::test(start_paused = true)]
async fn linked_failure_names_the_first_and_its_reason_along_a_chain() {
    let system = system(RestartStrategy::Immediate);
    let root = system.root();
    let prepare = |index: usize| {
        let spec = ChildSpec::new(format!("actor-{index}")).restart(RestartPolicy::Temporary);
        root.prepare::<Do>(spec).unwrap()
    };
    let mut actors: Vec<ActorRef<Do>> = Vec::new();
    for index in 0..50 {
        let prepared = prepare(index);
        let peers: Arc<[_]> = actors.last().cloned().into_iter().collect();
        let make = move || Linker { peers: peers.clone(), slow_stop: Duration::ZERO };
        actors.push(root.start(prepared, make).await.unwrap());
    }
    actors[0].send(Do::Fail).await.unwrap();
    for actor in &actors[1..] {
        let ExitReason::Linked(first) = actor.closed().await else { panic!("it failed with another") };
        assert_eq!(format!("{} {}", first.actor, first.reason), "actor-0 failed: told to fail");
        assert_eq!(first.actor.id, actors[0].id());
    }
}

#[derive(Debug, Clone, Copy)]
enum Crash {
    Fail,
    Panic,
    Kill,
}

/// The actor that crashes, how, and actors that are busy then, for how many ms.
type CrashPlan = (usize, Crash, Vec<(usize, u64)>);

#[derive(Debug, Clone)]
struct Plan {
    /// The supervisor of each actor, and its time to stop, in ms.
    actors: Vec<(usize, u64)>,
    links: Vec<(usize, usize)>,
    /// The delay of each supervisor.
    delays: [usize; 3],
    strategy: SupervisionStrategy,
    crashes: Vec<CrashPlan>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let crash = prop_oneof![Just(Crash::Fail), Just(Crash::Panic), Just(Crash::Kill)];
    (2..8usize).prop_flat_map(move |count| {
        let stop = prop_oneof![Just(0u64), 1..50u64];
        let busy = proptest::collection::vec((0..count, 1..100u64), 0..3);
        (
            proptest::collection::vec((0..3usize, stop), count),
            proptest::collection::vec((0..count, 0..count), 0..2 * count),
            proptest::array::uniform3(0..DELAYS.len()),
            prop_oneof![
                2 => Just(SupervisionStrategy::OneForOne),
                1 => Just(SupervisionStrategy::OneForAll),
                1 => Just(SupervisionStrategy::RestForOne),
            ],
            proptest::collection::vec((0..count, crash.clone(), busy), 1..5),
        )
            .prop_map(|(actors, links, delays, strategy, crashes)| Plan {
                actors,
                links,
                delays,
                strategy,
                crashes,
            })
    })
}

/// The actors that are linked with this one, directly or not.
fn linked_with(first: usize, links: &[(usize, usize)]) -> BTreeSet<usize> {
    let mut found = BTreeSet::from([first]);
    loop {
        let before = found.len();
        for (one, other) in links {
            if found.contains(one) || found.contains(other) {
                found.extend([*one, *other]);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

async fn carry_out(plan: Plan) -> Result<(), TestCaseError> {
    let system = system(RestartStrategy::Immediate);
    let mut supervisors = Vec::new();
    for (index, delay) in plan.delays.into_iter().enumerate() {
        let spec =
            SupervisorSpec::new(format!("supervisor-{index}")).config(config(DELAYS[delay], plan.strategy));
        supervisors.push(system.supervise(spec).await.unwrap());
    }
    let place = |(index, (supervisor, stop_ms)): (usize, &(usize, u64))| {
        let peers = plan.links.iter().filter(|(from, _)| *from == index).map(|(_, to)| *to).collect();
        (&supervisors[*supervisor], peers, Duration::from_millis(*stop_ms))
    };
    let places: Vec<_> = plan.actors.iter().enumerate().map(place).collect();
    let actors = start(&places).await;
    for (crashing, crash, busy) in plan.crashes {
        for (actor, ms) in busy.iter().filter(|(actor, _)| *actor != crashing) {
            actors[*actor].send(Do::Take(Duration::from_millis(*ms))).await.unwrap();
            actors[*actor].send(Do::LinkAgain).await.unwrap();
        }
        let before = restarts(&actors);
        yield_now().await;
        match crash {
            Crash::Fail => actors[crashing].send(Do::Fail).await.unwrap(),
            Crash::Panic => actors[crashing].send(Do::Panic).await.unwrap(),
            Crash::Kill => actors[crashing].kill(),
        }
        tokio::time::sleep(600 * SECOND).await;
        let concerned = linked_with(crashing, &plan.links);
        for (index, (actor, before)) in actors.iter().zip(before).enumerate() {
            let stats = actor.stats();
            prop_assert_eq!(stats.state, ActorState::Running);
            let new = stats.restarts - before;
            match plan.strategy {
                SupervisionStrategy::OneForOne => {
                    let expected = u64::from(concerned.contains(&index));
                    prop_assert_eq!(new, expected, "the restarts of actor-{}", index);
                }
                // A group restart stops its members, and a stop is not a failure.
                SupervisionStrategy::OneForAll => {
                    prop_assert!(new <= 1, "{} restarts of actor-{}", new, index);
                }
                // An actor restarts with each of those before it, which fail once at most.
                SupervisionStrategy::RestForOne => {
                    let before = plan.actors[..=index].iter().filter(|(own, _)| *own == plan.actors[index].0);
                    prop_assert!(new <= before.count() as u64, "{} restarts of actor-{}", new, index);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn one_crash_restarts_each_linked_actor_once_whatever_the_links() {
    hush();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) };
    proptest!(config, |(plan in plan())| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(carry_out(plan))?;
    });
}

/// All link all, on several threads: the links made anew meet the failures of the old ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_crash_restarts_a_clique_once_on_several_threads() {
    const ROUNDS: u64 = 200;
    let system = system(RestartStrategy::Immediate);
    let places: Vec<Place<'_>> = (0..6usize)
        .map(|own| (system.root(), (0..6).filter(|peer| *peer != own).collect(), Duration::ZERO))
        .collect();
    let actors = start(&places).await;
    for round in 1..=ROUNDS {
        actors[(round % 6) as usize].send(Do::Fail).await.unwrap();
        let settled = |actor: &ActorRef<Do>| {
            let stats = actor.stats();
            stats.restarts == round && stats.state == ActorState::Running
        };
        while !actors.iter().all(settled) {
            assert!(restarts(&actors).iter().all(|restarts| *restarts <= round), "round {round}");
            yield_now().await;
        }
    }
    assert_eq!(restarts(&actors), [ROUNDS; 6]);
}
