//! Random trees, random faults, a shutdown at a random moment: no message is lost or overtaken, every
//! snapshot is legal, and the shutdown returns.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorState, ActorSystem, AutoShutdown, BoxError, Child, ChildContext,
    ChildSnapshot, ChildSpec, LimitScope, OnLimit, RestartPolicy, RestartStrategy, Shutdown,
    SupervisionStrategy, SupervisorConfig, SupervisorRef, SupervisorSnapshot, SupervisorSpec,
};
use proptest::prelude::*;
use tokio::time::{Instant, timeout};

use crate::support::quiet::{TOLD, hush};
use crate::support::tasks::tasks;

const MS: Duration = Duration::from_millis(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Slow,
    Hang,
    Fail,
    Panic,
    Stop,
}

/// Counts itself when it is dropped.
struct Message {
    number: usize,
    kind: Kind,
    dropped: Arc<AtomicU64>,
}

impl Drop for Message {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// The effects of its messages, and how it starts and stops.
#[derive(Debug, Clone)]
struct LeafPlan {
    policy: RestartPolicy,
    shutdown: Shutdown,
    bad_starts: Vec<u64>,
    hanging_starts: Vec<u64>,
    slow_stop: bool,
    significant: bool,
    /// The acts on it, one after another.
    acts: Vec<Act>,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Send(Kind),
    Wait(u64),
    Kill,
    Restart,
    Stop,
    Resume,
}

#[derive(Debug, Clone)]
enum Plan {
    Leaf(LeafPlan),
    Node {
        config: SupervisorConfig,
        policy: RestartPolicy,
        dynamic: bool,
        stops_ms: Option<u64>,
        children: Vec<Plan>,
    },
}

struct Worker {
    plan: LeafPlan,
    seen: Arc<Mutex<Vec<usize>>>,
    /// Checked, because two incarnations must never run at once.
    alive: Arc<AtomicU64>,
}

impl Worker {
    fn new(plan: &LeafPlan, seen: &Arc<Mutex<Vec<usize>>>, alive: &Arc<AtomicU64>) -> Self {
        if alive.fetch_add(1, Ordering::SeqCst) != 0 {
            // For the check at the end: a panic here would be a failure like any other.
            alive.fetch_add(1000, Ordering::SeqCst);
        }
        Self { plan: plan.clone(), seen: seen.clone(), alive: alive.clone() }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Child for Worker {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        if self.plan.hanging_starts.contains(&context.incarnation()) {
            std::future::pending::<()>().await;
        }
        match self.plan.bad_starts.contains(&context.incarnation()) {
            true => Err("a bad start".into()),
            false => Ok(()),
        }
    }

    async fn pre_stop(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        if self.plan.slow_stop {
            tokio::time::sleep(7 * MS).await;
        }
        Ok(())
    }
}

impl Actor for Worker {
    type Message = Message;
    type Error = std::fmt::Error;

    async fn handle_message(
        &mut self,
        message: Message,
        context: &ActorContext<Message>,
    ) -> Result<(), Self::Error> {
        self.seen.lock().unwrap().push(message.number);
        match message.kind {
            Kind::Plain => {}
            Kind::Slow => tokio::time::sleep(3 * MS).await,
            Kind::Hang => std::future::pending().await,
            Kind::Fail => return Err(std::fmt::Error),
            Kind::Panic => std::panic::panic_any(TOLD),
            Kind::Stop => context.stop_self(),
        }
        Ok(())
    }
}

fn policy() -> impl Strategy<Value = RestartPolicy> {
    prop_oneof![
        4 => Just(RestartPolicy::Permanent),
        2 => Just(RestartPolicy::Transient),
        1 => Just(RestartPolicy::Temporary),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![
        8 => Just(Kind::Plain),
        3 => Just(Kind::Slow),
        1 => Just(Kind::Hang),
        2 => Just(Kind::Fail),
        1 => Just(Kind::Panic),
        1 => Just(Kind::Stop),
    ];
    prop_oneof![
        12 => kind.prop_map(Act::Send),
        4 => (0..8u64).prop_map(Act::Wait),
        1 => Just(Act::Kill),
        1 => Just(Act::Restart),
        1 => Just(Act::Stop),
        2 => Just(Act::Resume),
    ]
}

fn leaf() -> impl Strategy<Value = Plan> {
    let shutdown = prop_oneof![
        3 => Just(Shutdown::After(5 * MS)),
        2 => Just(Shutdown::After(50 * MS)),
        1 => Just(Shutdown::Kill),
        1 => Just(Shutdown::Unbounded),
    ];
    (
        policy(),
        shutdown,
        prop::collection::vec(1..6u64, 0..3),
        prop::collection::vec(2..6u64, 0..2),
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(act(), 0..20),
    )
        .prop_map(|(policy, shutdown, bad_starts, hanging_starts, slow_stop, significant, acts)| {
            Plan::Leaf(LeafPlan {
                policy,
                shutdown,
                bad_starts,
                hanging_starts,
                slow_stop,
                significant,
                acts,
            })
        })
}

fn node(child: impl Strategy<Value = Plan>) -> impl Strategy<Value = Plan> {
    let strategy = prop_oneof![
        Just(SupervisionStrategy::OneForOne),
        Just(SupervisionStrategy::OneForAll),
        Just(SupervisionStrategy::RestForOne),
    ];
    let auto_shutdown = prop_oneof![
        3 => Just(AutoShutdown::Never),
        1 => Just(AutoShutdown::AnySignificant),
        1 => Just(AutoShutdown::AllSignificant),
    ];
    let restart_strategy = prop_oneof![
        Just(RestartStrategy::Immediate),
        Just(RestartStrategy::Fixed { delay: 2 * MS }),
        Just(RestartStrategy::Fixed { delay: 3_600_000 * MS }),
    ];
    let limit = prop_oneof![Just(0u32), Just(2), Just(u32::MAX - 1)];
    let limit_scope = prop_oneof![Just(LimitScope::Shared), Just(LimitScope::PerChild)];
    let on_limit = prop_oneof![Just(OnLimit::Escalate), Just(OnLimit::Quarantine), Just(OnLimit::End)];
    let stops = prop_oneof![5 => Just(None), 1 => (0..40u64).prop_map(Some)];
    (
        strategy,
        auto_shutdown,
        restart_strategy,
        (limit, limit_scope, on_limit),
        (policy(), any::<bool>(), stops),
        prop::collection::vec(child, 0..5),
    )
        .prop_map(
            |(
                strategy,
                auto_shutdown,
                restart_strategy,
                (max_restarts, limit_scope, on_limit),
                (policy, dynamic, stops_ms),
                children,
            )| {
                let config = SupervisorConfig {
                    strategy,
                    auto_shutdown,
                    max_restarts,
                    limit_scope,
                    on_limit,
                    within_duration: 50 * MS,
                    restart_strategy,
                };
                let dynamic = dynamic && strategy == SupervisionStrategy::OneForOne;
                Plan::Node { config, policy, dynamic, stops_ms, children }
            },
        )
}

/// A tree of up to three levels below the root; its acts; when it is shut down, and how fast.
fn plan() -> impl Strategy<Value = (Plan, u64, u64)> {
    let level = prop_oneof![2 => leaf(), 1 => node(leaf())];
    let level = prop_oneof![2 => leaf(), 1 => node(level.boxed())];
    (node(level.boxed()), 0..80u64, prop_oneof![Just(0u64), 1..20u64, Just(1000)])
}

struct Watched {
    actor: ActorRef<Message>,
    seen: Arc<Mutex<Vec<usize>>>,
    dropped: Arc<AtomicU64>,
    alive: Arc<AtomicU64>,
    sender: tokio::task::JoinHandle<(u64, u64)>,
}

/// Carries the plan out; returns the numbers of messages that were sent and accepted.
async fn act_out(actor: ActorRef<Message>, acts: Vec<Act>, dropped: Arc<AtomicU64>) -> (u64, u64) {
    let (mut sent, mut taken) = (0, 0);
    for (number, act) in acts.into_iter().enumerate() {
        match act {
            Act::Send(kind) => {
                let message = Message { number, kind, dropped: dropped.clone() };
                sent += 1;
                taken += u64::from(actor.send(message).await.is_ok());
            }
            Act::Wait(ms) => tokio::time::sleep(ms as u32 * MS).await,
            Act::Kill => actor.kill(),
            Act::Restart => actor.restart(),
            Act::Stop => actor.stop(),
            // Most actors are not quarantined.
            Act::Resume => drop(actor.resume()),
        }
    }
    (sent, taken)
}

/// The longest time for which a child waits for the restart of its supervisor, which may hang.
const PATIENCE: Duration = Duration::from_millis(100);

/// Starts the planned tree; leaves out children that their supervisor refuses, or does not start.
async fn grow(parent: &SupervisorRef, plan: Plan, auto_shutdown: AutoShutdown, watched: &mut Vec<Watched>) {
    match plan {
        Plan::Leaf(mut plan) => {
            let dropped = Arc::<AtomicU64>::default();
            let seen = Arc::<Mutex<Vec<_>>>::default();
            let alive = Arc::<AtomicU64>::default();
            plan.significant &=
                auto_shutdown != AutoShutdown::Never && plan.policy != RestartPolicy::Permanent;
            let spec = ChildSpec::unnamed()
                .restart(plan.policy)
                .shutdown(plan.shutdown)
                .significant(plan.significant)
                .capacity(3);
            let acts = plan.acts.clone();
            let make = {
                let (seen, alive) = (seen.clone(), alive.clone());
                move || Worker::new(&plan, &seen, &alive)
            };
            if let Ok(Ok(actor)) = timeout(PATIENCE, parent.spawn(spec, make)).await {
                let sender = tokio::spawn(act_out(actor.clone(), acts, dropped.clone()));
                watched.push(Watched { actor, seen, dropped, alive, sender });
            }
        }
        Plan::Node { config, policy, dynamic, stops_ms, children } => {
            let spec = SupervisorSpec::unnamed().config(config).restart(policy);
            let spec = if dynamic { spec.dynamic() } else { spec };
            let Ok(Ok(supervisor)) = timeout(PATIENCE, parent.supervise(spec)).await else { return };
            if let Some(ms) = stops_ms {
                let supervisor = supervisor.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(ms as u32 * MS).await;
                    supervisor.stop();
                });
            }
            for child in children {
                Box::pin(grow(&supervisor, child, config.auto_shutdown, watched)).await;
            }
        }
    }
}

/// Checks the invariants of a snapshot at any moment.
fn check(supervisor: &SupervisorSnapshot, ids: &mut HashSet<u64>) -> Result<(), TestCaseError> {
    prop_assert!(ids.insert(supervisor.id), "in one place only");
    prop_assert!(!supervisor.dynamic || supervisor.strategy == SupervisionStrategy::OneForOne);
    if supervisor.state == ActorState::Stopped {
        prop_assert!(supervisor.children.is_empty(), "who has ended has no children");
    }
    for child in &supervisor.children {
        match child {
            ChildSnapshot::Supervisor(child) => check(child, ids)?,
            ChildSnapshot::Actor(child) => {
                prop_assert!(ids.insert(child.id), "in one place only");
                let stats = child.stats;
                let accounted = stats.handled + stats.failed + stats.dropped + stats.depth as u64;
                prop_assert!(accounted <= stats.accepted && accounted + 1 >= stats.accepted, "{stats:?}");
                prop_assert!(stats.high_water <= 3);
            }
            _ => prop_assert!(false, "nothing else"),
        }
    }
    Ok(())
}

async fn run((plan, shutdown_after_ms, deadline_ms): (Plan, u64, u64)) -> Result<(), TestCaseError> {
    let root = SupervisorConfig {
        max_restarts: 3,
        restart_strategy: RestartStrategy::Fixed { delay: MS },
        ..SupervisorConfig::default()
    };
    let system = ActorSystem::builder("test").supervisor(root).build();
    let mut watched = Vec::new();
    grow(system.root(), plan, AutoShutdown::Never, &mut watched).await;
    for _ in 0..shutdown_after_ms {
        tokio::time::sleep(MS).await;
        check(&system.snapshot().root, &mut HashSet::new())?;
    }
    let before = Instant::now();
    let deadline = deadline_ms as u32 * MS;
    system.shutdown(deadline).await;
    prop_assert!(before.elapsed() <= deadline, "{:?}", before.elapsed());
    let end = system.root().closed();
    prop_assert!(tokio::time::timeout(MS, end).await.is_ok(), "the root has ended");
    let root = system.snapshot().root;
    prop_assert_eq!((root.state, root.children.len()), (ActorState::Stopped, 0));
    for Watched { actor, seen, dropped, alive, sender } in watched {
        actor.closed().await;
        let (sent, taken) = sender.await.unwrap();
        // An aborted actor drops its message when its task is dropped.
        tokio::time::sleep(MS).await;
        let stats = actor.stats();
        prop_assert_eq!(alive.load(Ordering::SeqCst), 0, "one incarnation at a time, and none at the end");
        prop_assert_eq!(stats.state, ActorState::Stopped);
        prop_assert_eq!((stats.accepted, stats.depth), (taken, 0));
        prop_assert_eq!(stats.handled + stats.failed + stats.dropped, taken);
        prop_assert_eq!(dropped.load(Ordering::Relaxed), sent, "each message is dropped once");
        let seen = seen.lock().unwrap();
        prop_assert_eq!(seen.len() as u64, stats.handled + stats.failed);
        prop_assert!(seen.is_sorted_by(|a, b| a < b), "{:?}", seen);
    }
    let left = tasks();
    // Tasks that stop supervisors at a given time may still wait.
    tokio::time::sleep(50 * MS).await;
    let left_later = tasks();
    prop_assert_eq!(left_later, 0, "of {} tasks", left);
    Ok(())
}

#[test]
fn trees_keep_their_promises() {
    hush();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) };
    proptest!(config, |(plan in plan())| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            // Virtual time only passes that far if something hangs.
            tokio::time::timeout(Duration::from_secs(100_000), run(plan)).await.expect("it ends")
        })?;
    });
}
