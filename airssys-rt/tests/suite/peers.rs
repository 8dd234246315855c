//! Bugs of other runtimes that must not happen here.
//!
//! One more, that a stop costs the same however many names there are, is in `src/registry/tests.rs`.

use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorState, ActorSystem, Child, ChildSpec, MessageBroker, Overflow,
    RestartPolicy, SkipReason, SupervisorConfig, Topic, TopicPattern,
};
use tokio::time::Instant;

use crate::support::probe::{Do, Log, Probe, hold};

const SECOND: Duration = Duration::from_secs(1);

/// A system that restarts its actors up to 100 times.
fn system() -> ActorSystem {
    let config = SupervisorConfig { max_restarts: 100, ..SupervisorConfig::default() };
    ActorSystem::builder("test").supervisor(config).build()
}

async fn start(
    system: &ActorSystem,
    log: &Log,
    spec: ChildSpec,
    fail_in: &'static [&'static str],
) -> ActorRef<Do> {
    let log = log.clone();
    system.spawn(spec, move || Probe { log: log.clone(), fail_in }).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_supervised_actor_keeps_its_name_across_a_restart() {
    let system = system();
    // Messages come while it is down, too: the first start after each crash fails.
    let fail_in = &["pre_start 1!", "pre_start 3"];
    let actor = start(&system, &Log::default(), ChildSpec::new("probe"), fail_in).await;
    for (crash, incarnation) in [(Do::Panic, 2), (Do::Fail, 4), (Do::Stop, 5)] {
        actor.send(crash).await.unwrap();
        while actor.stats().state != ActorState::Restarting {
            tokio::task::yield_now().await;
        }
        let found = system.whereis::<Do>("probe").unwrap();
        assert_eq!(found.id(), actor.id());
        assert!(system.prepare::<Do>(ChildSpec::new("probe")).is_err(), "nobody else gets it");
        assert_eq!(found.request(Do::Ask, SECOND).await.unwrap(), incarnation);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_behind_one_that_makes_the_start_panic_are_handled_by_the_next_incarnation() {
    let system = system();
    let log = Log::default();
    let fail_in = &["pre_start 1!", "post_start 2!", "pre_start 3"];
    let actor = start(&system, &log, ChildSpec::new("probe").capacity(6), fail_in).await;
    let (first, is_held, go) = hold();
    actor.send(first).await.unwrap();
    is_held.await.unwrap();
    actor.send(Do::Fail).await.unwrap();
    for number in 0..5 {
        actor.send(Do::Note(number)).await.unwrap();
    }
    go.send(()).unwrap();
    // One more sender waits for room meanwhile.
    actor.send(Do::Note(5)).await.unwrap();
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 4);
    assert_eq!(log.only("note"), ["note 0", "note 1", "note 2", "note 3", "note 4", "note 5"]);
    let stats = actor.stats();
    assert_eq!((stats.restarts, stats.failed, stats.dropped), (4, 1, 0));
}

/// The visible effects of a crash: the stats, the log, the time of the restart.
async fn crash(policy: RestartPolicy, crash: Do) -> (String, Vec<String>, Duration) {
    let system = system();
    let log = Log::default();
    let actor = start(&system, &log, ChildSpec::new("probe").restart(policy), &[]).await;
    for message in [Do::Note(1), crash, Do::Note(2)] {
        actor.try_send(message).unwrap();
    }
    let began = Instant::now();
    let answer = actor.request(Do::Ask, SECOND).await;
    let seen = format!("{answer:?} {} {:?}", actor.is_closed(), actor.stats());
    (seen, log.all(), began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_restarted_like_an_error() {
    for policy in [RestartPolicy::Permanent, RestartPolicy::Transient, RestartPolicy::Temporary] {
        let (error, panic) = (crash(policy, Do::Fail).await, crash(policy, Do::Panic).await);
        assert_eq!(error, panic, "{policy:?}");
        let restarted = error.1.contains(&"pre_start 1".to_owned());
        assert_eq!(restarted, policy != RestartPolicy::Temporary);
    }
}

/// Takes a second for each event.
struct Slow(Log);

impl Child for Slow {}

impl Actor for Slow {
    type Message = u32;
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, number: u32, _: &ActorContext<u32>) -> Result<(), std::fmt::Error> {
        tokio::time::sleep(SECOND).await;
        self.0.note(format!("note {number}"));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_never_unsubscribes_its_owner() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest] {
        let system = system();
        let (broker, log) = (MessageBroker::<u32>::new(), Log::default());
        let own = log.clone();
        let spec = ChildSpec::new("slow").capacity(1).overflow(overflow);
        let slow = system.spawn(spec, move || Slow(own.clone())).await.unwrap();
        let (pattern, topic) = (TopicPattern::parse("a.*").unwrap(), Topic::parse("a.b").unwrap());
        broker.subscribe(pattern.clone(), slow.clone());
        let mut full = 0;
        for number in 0..100 {
            // The publisher may drop the future as well.
            let publish = broker.publish(&topic, number);
            match tokio::time::timeout(Duration::from_millis(10), publish).await {
                Ok(published) => {
                    let reasons = published.skipped.iter().map(|(_, reason)| *reason);
                    full += reasons.filter(|reason| *reason == SkipReason::Full).count();
                }
                Err(_) => full += 1,
            }
            assert_eq!(broker.subscriptions(slow.id()), std::slice::from_ref(&pattern), "{overflow:?}");
        }
        assert_eq!(full > 90, overflow != Overflow::DropOldest, "{overflow:?}: {full} found it full");
        tokio::time::sleep(100 * SECOND).await;
        assert_eq!(broker.publish(&topic, 100).await.delivered, 1);
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(log.all().last().unwrap(), "note 100", "{overflow:?}");
    }
}
