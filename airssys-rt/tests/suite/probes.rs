//! Probes: the messages that they show, and the panics of unmet expectations.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airssys_rt::testing::{self, Probe};
use airssys_rt::{
    ActorRef, ActorSystem, ChildSpec, MessageBroker, Overflow, RequestError, Topic, TopicPattern,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::support::probe::Do;

const SECOND: Duration = Duration::from_secs(1);

/// The message of the panic in this closure.
async fn panic_of(code: impl Future) -> String {
    let panic = AssertUnwindSafe(code).catch_unwind().await.err().expect("a panic");
    *panic.downcast::<String>().unwrap()
}

#[tokio::test(start_paused = true)]
async fn probe_returns_its_messages_in_order() {
    let system = ActorSystem::new("test");
    let probe = Probe::spawn(&system, "probe").await.unwrap();
    assert_eq!((probe.received(), probe.actor_ref().name()), (0, "probe"));
    for number in 1..=4 {
        probe.recipient().send(number).await.unwrap();
    }
    assert_eq!(probe.expect_message().await, 1);
    assert_eq!(probe.expect_matching(|number| number % 2 == 1).await, 3);
    assert_eq!(probe.next(SECOND).await, Some(2));
    assert_eq!(probe.expect_message_within(Duration::ZERO).await, 4);
    assert_eq!(probe.received(), 4);
    let before = Instant::now();
    assert_eq!(probe.next(SECOND).await, None);
    probe.expect_no_message(SECOND).await;
    assert_eq!(before.elapsed(), 2 * SECOND);
    assert_eq!(
        format!("{probe:?} {:?}", probe.next(SECOND)).split(',').next(),
        Some(r#"Probe("probe") Expected("probe""#)
    );
}

#[tokio::test(start_paused = true)]
async fn probe_waits_for_a_message_within_its_time() {
    let system = ActorSystem::new("test");
    let probe = Probe::spawn(&system, "probe").await.unwrap();
    let actor = probe.actor_ref().clone();
    tokio::spawn(async move {
        for number in 1..=4 {
            tokio::time::sleep(2 * SECOND).await;
            actor.send(number).await.unwrap();
        }
    });
    let before = Instant::now();
    assert_eq!(probe.expect_message().await, 1);
    assert_eq!(before.elapsed(), 2 * SECOND);
    // Two tasks wait, each for a message of its own.
    let odd = probe.expect_matching_within(5 * SECOND, |number| number % 2 == 1);
    let (odd, even) = tokio::join!(odd, probe.expect_matching(|number| number % 2 == 0));
    assert_eq!((odd, even), (3, 2));
    assert_eq!(before.elapsed(), 6 * SECOND);
}

#[tokio::test]
async fn a_probe_works_on_the_real_clock_too() {
    let system = ActorSystem::new("test");
    let probe = Probe::spawn(&system, "probe").await.unwrap();
    probe.expect_no_message(Duration::from_millis(1)).await;
    probe.actor_ref().send("hello").await.unwrap();
    assert_eq!(probe.expect_message().await, "hello");
}

#[tokio::test(start_paused = true)]
async fn unmet_expectation_shows_the_other_messages() {
    let system = ActorSystem::new("test");
    let probe = Probe::<u32>::spawn(&system, "probe").await.unwrap();
    let before = Instant::now();
    let line = line!() + 1;
    let said = panic_of(probe.expect_message()).await;
    assert_eq!(before.elapsed(), 3 * SECOND);
    let (said, place) = said.rsplit_once(" (").unwrap();
    assert_eq!(said, "the probe `probe` got no message within 3s, and 0 before");
    assert!(place.contains(file!()) && place.contains(&format!(":{line}:")), "{place}");

    let said = panic_of(probe.expect_matching(|_| true)).await;
    assert!(said.starts_with("the probe `probe` got no message that matches within 3s, but nothing else ("));
    for number in 1..=3 {
        probe.actor_ref().send(number).await.unwrap();
    }
    let said = panic_of(probe.expect_matching_within(SECOND, |number| *number > 3)).await;
    assert!(said.contains("no message that matches within 1s, but 1, 2, 3 ("), "{said}");
    let before = Instant::now();
    let said = panic_of(probe.expect_no_message(SECOND)).await;
    assert!(said.contains("should have got no message within 1s, but got 1, 2, 3 ("), "{said}");
    assert_eq!(before.elapsed(), Duration::ZERO);
    for number in 4..=12 {
        probe.actor_ref().send(number).await.unwrap();
    }
    let said = panic_of(probe.expect_matching(|number| *number > 12)).await;
    assert!(said.contains("but 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more ("), "{said}");
    for number in 1..=12 {
        assert_eq!(probe.expect_message().await, number, "nothing is gone");
    }
}

/// The panic is where the test awaits, so that the output points to that line.
#[test]
fn unmet_expectation_panics_at_the_line_of_the_test() {
    static SEEN: AtomicBool = AtomicBool::new(false);
    let line = line!() + 12;
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match panic.location() {
        Some(location) if location.file() == file!() && location.line() == line => {
            SEEN.store(true, Ordering::Relaxed);
        }
        _ => before(panic),
    }));
    let unmet = catch_unwind(|| {
        testing::run(async {
            let system = ActorSystem::new("test");
            let probe = Probe::<()>::spawn(&system, "probe").await.unwrap();
            probe.expect_message().await;
        });
    });
    drop(std::panic::take_hook());
    assert!(unmet.is_err());
    assert!(SEEN.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_sent_too_much_says_so() {
    let system = ActorSystem::new("test");
    let probe = Probe::spawn(&system, "probe").await.unwrap();
    for number in 0..65_538 {
        probe.actor_ref().send(number).await.unwrap();
    }
    tokio::time::sleep(SECOND).await;
    for number in 0..65_536 {
        assert_eq!(probe.expect_message().await, number);
    }
    let said = panic_of(probe.expect_no_message(SECOND)).await;
    assert!(said.starts_with("the probe `probe` lost 2 messages, since it keeps 65536 at most ("), "{said}");
    assert_eq!(probe.received(), 65_538);
}

#[tokio::test(start_paused = true)]
async fn a_probe_answers_requests_and_a_dropped_one_does_not() {
    let system = ActorSystem::new("test");
    let spec = ChildSpec::new("probe").capacity(1).overflow(Overflow::Reject);
    let probe = Probe::spawn_below(system.root(), spec).await.unwrap();
    let actor: ActorRef<Do> = probe.actor_ref().clone();
    assert_eq!(actor.overflow(), Overflow::Reject);
    let answer = async {
        match probe.expect_message().await {
            Do::Ask(reply) => reply.send(7).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    let (asked, ()) = tokio::join!(actor.request(Do::Ask, SECOND), answer);
    assert_eq!(asked.unwrap(), 7);

    let unanswered = tokio::spawn({
        let actor = actor.clone();
        async move { actor.request(Do::Ask, SECOND).await }
    });
    tokio::time::sleep(SECOND / 2).await;
    drop(probe);
    assert!(matches!(unanswered.await.unwrap(), Err(RequestError::NoReply)));
    assert!(matches!(actor.request(Do::Ask, SECOND).await, Err(RequestError::NoReply)));
    assert_eq!(actor.stats().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn probe_keeps_its_messages_when_its_actor_is_restarted() {
    let system = ActorSystem::new("test");
    let probe = Probe::spawn(&system, "probe").await.unwrap();
    let actor = probe.actor_ref();
    actor.send(1).await.unwrap();
    tokio::time::sleep(SECOND).await;
    actor.kill();
    actor.send(2).await.unwrap();
    assert_eq!([probe.expect_message().await, probe.expect_message().await], [1, 2]);
    assert_eq!(actor.stats().restarts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_subscribes_like_any_actor() {
    let system = ActorSystem::new("test");
    let probe = Probe::<String>::spawn(&system, "probe").await.unwrap();
    let broker = MessageBroker::<String>::new();
    broker.subscribe(TopicPattern::parse("events.*").unwrap(), probe.actor_ref().clone());
    broker.publish(&Topic::parse("events.user").unwrap(), "hello".to_owned()).await;
    assert_eq!(probe.expect_message().await, "hello");
}

#[tokio::test(start_paused = true)]
async fn closure_that_looks_at_messages_may_ask_the_probe() {
    let system = ActorSystem::new("test");
    let probe = Probe::<u32>::spawn(&system, "probe").await.unwrap();
    for number in 1..=3 {
        probe.actor_ref().send(number).await.unwrap();
    }
    let asks = |number: &u32| probe.received() == 3 && *number == 2;
    assert_eq!(probe.expect_matching(asks).await, 2);
    // Those that did not match stay, also if the closure panics.
    let panics = async { probe.expect_matching(|_| panic!("a wrong closure")).await };
    assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
    assert_eq!([probe.expect_message().await, probe.expect_message().await], [1, 3]);
}
