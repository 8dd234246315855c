//! Runs that repeat, and runs in other orders.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use airssys_rt::testing::{self, Probe};
use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorState, ActorSystem, Child, ChildSpec, Recipient, RestartStrategy,
    SupervisorConfig,
};
use tokio::time::Instant;

use crate::support::probe::{self, Do, Log, Told};

const SECOND: Duration = Duration::from_secs(1);

/// Passes messages on and logs them; fails or is late at random.
struct Gossip {
    log: Log,
    others: Vec<Recipient<u32>>,
}

impl Child for Gossip {}

impl Actor for Gossip {
    type Message = u32;
    type Error = Told;

    async fn handle_message(&mut self, rumour: u32, context: &ActorContext<u32>) -> Result<(), Told> {
        self.log.note(format!("{} hears {rumour}", context.name()));
        let other = &self.others[fastrand::usize(..self.others.len())];
        if rumour < 100 {
            // A full mailbox is not a failure.
            drop(other.try_send(rumour + 1));
        }
        match fastrand::u32(..12) {
            0 | 1 => return Err(Told),
            2 => tokio::time::sleep(Duration::from_millis(fastrand::u64(..50))).await,
            3 => drop(context.send_after(Duration::from_millis(fastrand::u64(..50)), rumour)),
            _ => {}
        }
        Ok(())
    }
}

/// Some actors that gossip, crash and are restarted with jitter; gives all that happened, with the
/// time.
async fn gossip() -> Vec<String> {
    let config = SupervisorConfig {
        max_restarts: u32::MAX,
        restart_strategy: RestartStrategy::ExponentialBackoff {
            initial_delay: Duration::from_millis(10),
            max_delay: SECOND,
            multiplier: 2.0,
            jitter: 1.0,
        },
        ..SupervisorConfig::default()
    };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let (log, start) = (Log::default(), Instant::now());
    let mut events = system.events();
    let heard = log.clone();
    tokio::spawn(async move {
        loop {
            match events.next().await {
                Ok(Some(event)) => heard.note(format!("{:?} {event:?}", start.elapsed())),
                Ok(None) => break,
                Err(missed) => heard.note(missed.to_string()),
            }
        }
    });
    let prepared: Vec<_> = (0..6)
        .map(|number| system.prepare::<u32>(ChildSpec::new(format!("gossip {number}")).capacity(8)).unwrap())
        .collect();
    let all: Vec<_> = prepared.iter().map(|one| one.actor_ref()).collect();
    for one in prepared {
        let others: Vec<_> = all.iter().map(ActorRef::recipient).collect();
        let log = log.clone();
        system.start(one, move || Gossip { log: log.clone(), others: others.clone() }).await.unwrap();
    }
    for (rumour, one) in (0..).zip(&all) {
        one.send(rumour * 10).await.unwrap();
    }
    tokio::time::sleep(60 * SECOND).await;
    let report = system.shutdown(SECOND).await;
    log.note(format!("{report:?}"));
    log.all()
}

#[test]
fn a_run_repeats() {
    let first = testing::run(gossip());
    assert!(first.len() > 200, "{}", first.len());
    assert!(first.iter().any(|line| line.contains("Restarting")));
    // The random numbers that the thread had before do not matter.
    fastrand::seed(7);
    assert_eq!(first, testing::run(gossip()));
    // A run leaves nothing that the next could see, in the same order or in another.
    let other = testing::run_with_seed(5, gossip());
    assert_ne!(first, other);
    assert_eq!(other, testing::run_with_seed(5, gossip()));
    assert_eq!(first, testing::run(gossip()));
}

#[test]
fn a_run_leaves_random_numbers_as_they_were() {
    fastrand::seed(7);
    let expected = [fastrand::u64(..), fastrand::u64(..)];
    fastrand::seed(7);
    let first = fastrand::u64(..);
    testing::run_with_seed(1, async { fastrand::u64(..) });
    let failed = catch_unwind(|| testing::run(async { panic!("told to, after {}", fastrand::u64(..)) }));
    assert!(failed.is_err());
    assert_eq!([first, fastrand::u64(..)], expected);
}

#[test]
fn a_run_takes_no_time_and_leaves_nothing() {
    let (probe, hour) = testing::run(async {
        let start = Instant::now();
        tokio::time::sleep(3600 * SECOND).await;
        let system = ActorSystem::new("test");
        let probe = Probe::<()>::spawn(&system, "probe").await.unwrap();
        (probe.actor_ref().clone(), start.elapsed())
    });
    assert_eq!(hour, 3600 * SECOND);
    assert!(probe.try_send(()).is_err());
    assert_eq!(probe.stats().state, ActorState::Stopped);
}

/// Three actors that get a message at the same time, and the order in which they handle it.
async fn race() -> String {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let mut actors = Vec::new();
    for number in 1..=3 {
        let log = log.clone();
        let actor = system.spawn(ChildSpec::unnamed(), move || probe::Probe::new(&log)).await.unwrap();
        actors.push((number, actor));
    }
    for (number, actor) in actors {
        actor.try_send(Do::Note(number)).unwrap();
    }
    tokio::time::sleep(SECOND).await;
    log.only("note").iter().filter_map(|line| line.strip_prefix("note ")).collect()
}

#[test]
fn seeds_show_orders_that_one_run_does_not() {
    assert_eq!(testing::run(race()), "123");
    let seen = Mutex::new(BTreeSet::new());
    testing::explore(0..200, async || {
        let order = race().await;
        seen.lock().unwrap().insert(order);
    });
    let seen = seen.into_inner().unwrap();
    let orders = ["123", "132", "213", "231", "312", "321"];
    assert!(orders.iter().all(|order| seen.contains(*order)), "{seen:?}");
    for seed in [3, 4, 5] {
        assert_eq!(testing::run_with_seed(seed, race()), testing::run_with_seed(seed, race()));
    }
}

#[test]
fn exploring_stops_at_the_first_seed_that_fails() {
    let tried = Mutex::new(0);
    let failed = catch_unwind(AssertUnwindSafe(|| {
        testing::explore(10..20, async || {
            *tried.lock().unwrap() += 1;
            let order = race().await;
            assert_eq!(order, "123", "another order");
        });
    }));
    let failed = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(failed.contains("another order"));
    let tried = tried.into_inner().unwrap();
    assert!(testing::run_with_seed(9 + tried, race()) != "123", "the last one tried is the one");
}
