//! Messages and crashes in any order: no message is lost or handled twice, and messages of one sender
//! stay in order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorSystem, BoxError, Child, ChildContext, ChildSpec, Overflow, RestartStrategy,
    SupervisorConfig,
};
use proptest::prelude::*;

use crate::support::quiet::{TOLD, hush};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Slow,
    Fail,
    Panic,
    Stop,
}

/// Counts itself when it is dropped.
struct Message {
    sender: usize,
    number: usize,
    kind: Kind,
    dropped: Arc<AtomicU64>,
}

impl Drop for Message {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

struct Worker {
    seen: Arc<Mutex<Vec<(usize, usize)>>>,
    /// Incarnations that fail to start.
    bad_starts: Vec<u64>,
}

impl Child for Worker {
    async fn pre_start(&mut self, context: &ChildContext) -> Result<(), BoxError> {
        match self.bad_starts.contains(&context.incarnation()) {
            true => Err("a bad start".into()),
            false => Ok(()),
        }
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
        self.seen.lock().unwrap().push((message.sender, message.number));
        match message.kind {
            Kind::Plain => {}
            Kind::Slow => tokio::time::sleep(Duration::from_millis(3)).await,
            Kind::Fail => return Err(std::fmt::Error),
            Kind::Panic => std::panic::panic_any(TOLD),
            Kind::Stop => context.stop_self(),
        }
        Ok(())
    }
}

#[derive(Debug, Clone)]
struct Plan {
    capacity: usize,
    overflow: Overflow,
    senders: Vec<Vec<Kind>>,
    bad_starts: Vec<u64>,
    max_restarts: u32,
    shutdown_after_ms: u64,
}

fn plan() -> impl Strategy<Value = Plan> {
    let kind = prop_oneof![
        6 => Just(Kind::Plain),
        2 => Just(Kind::Slow),
        1 => Just(Kind::Fail),
        1 => Just(Kind::Panic),
        1 => Just(Kind::Stop),
    ];
    (
        1..5usize,
        prop_oneof![Just(Overflow::Wait), Just(Overflow::Reject)],
        prop::collection::vec(prop::collection::vec(kind, 0..30), 1..4),
        prop::collection::vec(1..6u64, 0..3),
        prop_oneof![Just(2u32), Just(1000)],
        0..60u64,
    )
        .prop_map(|(capacity, overflow, senders, bad_starts, max_restarts, shutdown_after_ms)| Plan {
            capacity,
            overflow,
            senders,
            bad_starts,
            max_restarts,
            shutdown_after_ms,
        })
}

async fn run(plan: Plan) -> Result<(), TestCaseError> {
    let restart_strategy = RestartStrategy::Fixed { delay: Duration::from_millis(1) };
    let config =
        SupervisorConfig { max_restarts: plan.max_restarts, restart_strategy, ..SupervisorConfig::default() };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let dropped = Arc::<AtomicU64>::default();
    let make = {
        let (seen, bad_starts) = (seen.clone(), plan.bad_starts.clone());
        move || Worker { seen: seen.clone(), bad_starts: bad_starts.clone() }
    };
    let spec = ChildSpec::new("worker").capacity(plan.capacity).overflow(plan.overflow);
    let actor = system.spawn(spec, make).await.unwrap();

    let total: usize = plan.senders.iter().map(Vec::len).sum();
    let mut tasks = tokio::task::JoinSet::new();
    for (sender, kinds) in plan.senders.into_iter().enumerate() {
        let (actor, dropped) = (actor.clone(), dropped.clone());
        tasks.spawn(async move {
            let mut accepted = 0;
            for (number, kind) in kinds.into_iter().enumerate() {
                let message = Message { sender, number, kind, dropped: dropped.clone() };
                accepted += u64::from(actor.send(message).await.is_ok());
                if kind == Kind::Plain && number % 7 == 6 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            accepted
        });
    }
    tokio::time::sleep(Duration::from_millis(plan.shutdown_after_ms)).await;
    let before = actor.stats();
    prop_assert!(before.handled + before.failed + before.dropped + before.depth as u64 <= before.accepted);
    prop_assert!(before.high_water <= plan.capacity);
    system.shutdown(Duration::from_secs(1)).await;
    actor.closed().await;
    let accepted: u64 = tasks.join_all().await.into_iter().sum();

    let stats = actor.stats();
    prop_assert_eq!(stats.accepted, accepted);
    prop_assert_eq!(stats.handled + stats.failed + stats.dropped, accepted);
    prop_assert_eq!(stats.depth, 0);
    prop_assert_eq!(dropped.load(Ordering::Relaxed), total as u64, "each message is dropped once");
    let seen = seen.lock().unwrap();
    prop_assert_eq!(seen.len() as u64, stats.handled + stats.failed);
    for sender in 0..4 {
        let numbers: Vec<_> = seen.iter().filter(|(from, _)| *from == sender).map(|(_, n)| *n).collect();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);
    }
    Ok(())
}

#[test]
fn messages_are_conserved_and_stay_in_order() {
    hush();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) };
    proptest!(config, |(plan in plan())| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(plan))?;
    });
}
