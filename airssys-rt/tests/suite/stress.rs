//! Several threads use every operation of a system at once, which is shut down meanwhile or afterwards:
//! nothing is stuck, miscounted or left behind.
//!
//! A round repeats the operations, but not their order across threads.

mod worker;

use std::time::Duration;

use airssys_rt::{
    ActorRef, ActorState, ActorSystem, ChildSpec, LimitScope, OnLimit, RestartPolicy, RestartStrategy,
    Router, RouterSpec, ShutdownReport, StartError, SupervisionStrategy, SupervisorConfig, SupervisorRef,
    SupervisorSpec,
};
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::worker::{Message, Task, Traces};
use crate::support::quiet::hush;
use crate::support::tasks::tasks;

const ROUNDS: u64 = 240;
/// A wait that takes longer counts as stuck. On the real clock, because slowness is not an error here.
const STUCK: Duration = Duration::from_secs(30);
const NAMES: u64 = 6;

/// Prints the round, if it fails.
struct Round(u64);

impl Drop for Round {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was round {}", self.0);
        }
    }
}

#[derive(Clone)]
struct World {
    system: ActorSystem,
    group: SupervisorRef,
    actors: Vec<ActorRef<Message>>,
    traces: Traces,
}

fn micros(rng: &mut Rng, most: u64) -> Duration {
    Duration::from_micros(rng.u64(..most))
}

/// In every other round a supervisor gives up now and then; the root never does.
fn config(round: u64) -> SupervisorConfig {
    use RestartStrategy::{Fixed, Immediate};
    use SupervisionStrategy::{OneForAll, OneForOne, RestForOne};
    SupervisorConfig {
        strategy: [OneForOne, OneForAll, RestForOne][(round % 3) as usize],
        max_restarts: if round.is_multiple_of(2) { u32::MAX } else { 20 },
        limit_scope: [LimitScope::Shared, LimitScope::PerChild][(round / 2 % 2) as usize],
        on_limit: [OnLimit::Escalate, OnLimit::Quarantine, OnLimit::End][(round / 4 % 3) as usize],
        restart_strategy: if round % 5 < 3 { Immediate } else { Fixed { delay: Duration::from_micros(100) } },
        ..SupervisorConfig::default()
    }
}

impl World {
    async fn new(round: u64) -> Self {
        let config = config(round);
        let root = SupervisorConfig { max_restarts: u32::MAX, ..config };
        let system = ActorSystem::builder("stress").supervisor(root).build();
        let group = system.supervise(SupervisorSpec::new("group").config(config)).await.unwrap();
        let mut world = Self { system, group, actors: Vec::new(), traces: Traces::default() };
        let policies = [RestartPolicy::Permanent, RestartPolicy::Transient, RestartPolicy::Temporary];
        for number in 0..NAMES {
            let parent = if number % 2 == 0 { &world.group } else { world.system.root() };
            let spec = ChildSpec::new(name(number)).restart(policies[number as usize % 3]);
            let spec = spec.capacity(4).shutdown(STUCK);
            world.actors.push(parent.spawn(spec, world.traces.maker()).await.unwrap());
        }
        world
    }

    /// The result of a future, unless it is stuck.
    async fn soon<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        match timeout(STUCK, future).await {
            Ok(result) => result,
            Err(_) => panic!("{what} is stuck: {:#?}", self.system.snapshot().root),
        }
    }

    /// Returns once the condition holds.
    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let watch = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        self.soon(what, watch).await;
    }

    /// Sends a message, which may be refused.
    fn tell(&self, actor: &ActorRef<Message>, task: Task) {
        let _ = actor.try_send(self.traces.message(task));
    }

    /// Sends, and may stop waiting for room; ignores the result.
    async fn send(&self, actor: &ActorRef<Message>, task: Task, patience: Duration) {
        let _ = timeout(patience, actor.send(self.traces.message(task))).await;
    }

    async fn disturb(self, mut rng: Rng) {
        for _ in 0..60 {
            self.act(&mut rng).await;
        }
    }

    async fn act(&self, rng: &mut Rng) {
        let actor = &self.actors[rng.usize(..self.actors.len())];
        match rng.u32(..20) {
            0 => self.tell(actor, Task::Fail),
            1 => self.tell(actor, Task::Panic),
            2 => self.tell(actor, Task::Stop),
            3 => actor.kill(),
            4 => actor.restart(),
            5 => self.tell(actor, Task::Bear),
            6 => self.send(actor, Task::Wait(micros(rng, 500)), micros(rng, 300)).await,
            7 | 8 => {
                let ask = |reply| self.traces.message(Task::Ask(reply));
                // An actor that ends does not reply.
                let _ = self.soon("a request", actor.request(ask, Duration::from_millis(50))).await;
            }
            9 if rng.u32(..5) == 0 => actor.drain(),
            10 if rng.u32(..5) == 0 => actor.stop(),
            // An actor that has ended cannot join.
            11 => drop(self.system.groups().join("members", actor)),
            12 => {
                let members = self.system.groups().members::<Message>("members");
                members.iter().for_each(|member| self.tell(member, Task::Plain));
            }
            13 => drop(self.system.snapshot()),
            14 => {
                let name = name(rng.u64(..NAMES));
                let spec = ChildSpec::new(name.as_str()).shutdown(STUCK);
                let start = timeout(micros(rng, 500), self.group.spawn(spec, self.traces.maker())).await;
                // The starter may drop the future, and the actor starts all the same.
                if !matches!(start, Ok(Err(StartError::Prepare(_)))) {
                    self.traces.note_second(name);
                }
            }
            // Most actors are not quarantined.
            16 => drop(actor.resume()),
            15 => {
                let found = self.system.whereis(&name(1));
                found.iter().for_each(|actor| self.tell(actor, Task::Bear));
            }
            _ => self.send(actor, Task::Plain, Duration::from_millis(1)).await,
        }
    }

    /// Returns `None` if the root is stopping.
    async fn router(&self, round: u64) -> Option<Router<Message>> {
        let config = SupervisorConfig { strategy: SupervisionStrategy::OneForOne, ..config(round) };
        let spec = RouterSpec::new("router").size(3).supervisor(config).shutdown(STUCK);
        self.soon("the start of a router", self.system.router(spec, self.traces.maker())).await.ok()
    }

    async fn disturb_router(self, router: Router<Message>, mut rng: Rng) {
        for _ in 0..40 {
            self.act_on_router(&router, &mut rng).await;
        }
    }

    async fn act_on_router(&self, router: &Router<Message>, rng: &mut Rng) {
        match rng.u32(..8) {
            0 => {
                let resize = router.resize(rng.usize(1..6));
                match rng.bool() {
                    // Its supervisor may be stopping.
                    true => drop(self.soon("a resize", resize).await),
                    false => drop(timeout(micros(rng, 300), resize).await),
                }
            }
            1 => drop(router.try_send(self.traces.message(Task::Fail))),
            2 => router.workers().first().into_iter().for_each(ActorRef::kill),
            3 => router.workers().last().into_iter().for_each(ActorRef::stop),
            4 => {
                let ask = |reply| self.traces.message(Task::Ask(reply));
                let asked = router.request_by(rng.u32(..9), ask, Duration::from_millis(50));
                let _ = self.soon("a request to a router", asked).await;
            }
            5 => drop(router.supervisor().children()),
            _ => drop(router.try_send(self.traces.message(Task::Plain))),
        }
    }

    fn check_report(&self, report: &ShutdownReport) {
        assert_eq!(report.late, [""; 0]);
        for name in &report.stopped {
            let times = report.stopped.iter().filter(|other| *other == name).count();
            assert!(times <= 1 + self.traces.seconds(name), "{name} in {:?}", report.stopped);
        }
    }

    /// Checks that nothing is left, once the system has ended.
    async fn check(&self) {
        for actor in self.traces.actors().iter().chain(&self.actors) {
            self.soon("the end of an actor", actor.closed()).await;
        }
        self.until("a task", || tasks() == 0).await;
        self.until("a state", || self.traces.states.left() == 0).await;
        self.until("a message", || self.traces.messages.left() == 0).await;
        for actor in self.traces.actors() {
            let stats = actor.stats();
            let known = stats.handled + stats.failed + stats.overflowed + stats.dropped;
            assert_eq!((stats.accepted, stats.depth), (known, 0), "{actor:?} {stats:?}");
            assert_eq!(stats.state, ActorState::Stopped);
        }
        assert_eq!(self.system.actors(), []);
        assert_eq!(self.system.groups().names(), [""; 0]);
        let root = self.system.snapshot().root;
        assert_eq!((root.state, root.children.len()), (ActorState::Stopped, 0));
    }
}

fn name(number: u64) -> String {
    format!("actor-{number}")
}

async fn join(disturbers: &mut JoinSet<()>) {
    while let Some(ended) = disturbers.join_next().await {
        ended.unwrap();
    }
}

async fn play(round: u64) {
    let mut rng = Rng::with_seed(round);
    let world = World::new(round).await;
    let mut disturbers = JoinSet::new();
    for _ in 0..4 {
        disturbers.spawn(world.clone().disturb(rng.fork()));
    }
    if let Some(router) = world.router(round).await {
        for _ in 0..2 {
            disturbers.spawn(world.clone().disturb_router(router.clone(), rng.fork()));
        }
    }
    match round % 4 {
        0 => tokio::time::sleep(micros(&mut rng, 3000)).await,
        _ => join(&mut disturbers).await,
    }
    let report = world.soon("the shutdown", world.system.shutdown(2 * STUCK)).await;
    join(&mut disturbers).await;
    world.check_report(&report);
    world.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_disturb_a_system_leave_nothing_behind() {
    hush();
    for number in 0..ROUNDS {
        let _round = Round(number);
        play(number).await;
    }
}
