//! Requests: a reply, or the reason of its absence at once.

use std::convert::Infallible;
use std::time::Duration;

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorState, ActorSystem, BoxError, Child, ChildContext, ChildSpec,
    Overflow, ReplyTo, RequestError, RestartPolicy, RestartStrategy, SupervisionStrategy, SupervisorConfig,
};
use tokio::time::Instant;

use crate::support::probe::{Do, Log, Probe, hang, hold};
use crate::support::tasks::tasks;

const SECOND: Duration = Duration::from_secs(1);

async fn start(spec: ChildSpec) -> (ActorSystem, ActorRef<Do>) {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = system.spawn(spec, move || Probe::new(&log)).await.unwrap();
    (system, actor)
}

fn held() -> (ChildSpec, impl AsyncFnOnce(&ActorRef<Do>) -> tokio::sync::oneshot::Sender<()>) {
    let spec = ChildSpec::new("probe").capacity(1).restart(RestartPolicy::Temporary);
    let fill = async |actor: &ActorRef<Do>| {
        let (message, is_held, go) = hold();
        actor.send(message).await.unwrap();
        is_held.await.unwrap();
        go
    };
    (spec, fill)
}

#[tokio::test(start_paused = true)]
async fn reply_reaches_the_requester() {
    let (_system, actor) = start(ChildSpec::new("probe")).await;
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn requester_is_told_at_once_when_the_actor_dies() {
    // A message that carries the reply and makes the actor fail.
    for crash in [Do::Fail, Do::Panic] {
        let (_system, actor) = start(ChildSpec::new("probe").restart(RestartPolicy::Temporary)).await;
        let before = Instant::now();
        let (message, is_held, go) = hold();
        actor.send(message).await.unwrap();
        is_held.await.unwrap();
        actor.send(crash).await.unwrap();
        let release = async {
            tokio::task::yield_now().await;
            go.send(()).unwrap();
        };
        let (answer, ()) = tokio::join!(actor.request(Do::Ask, 60 * SECOND), release);
        assert!(matches!(answer, Err(RequestError::NoReply)));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_request_is_answered_at_once() {
    let (_system, actor) = start(ChildSpec::new("probe")).await;
    let before = Instant::now();
    let unanswered = |reply: ReplyTo<u64>| {
        assert!(!reply.is_closed());
        drop(reply);
        Do::Note(1)
    };
    assert!(matches!(actor.request(unanswered, SECOND).await, Err(RequestError::NoReply)));
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn request_times_out_exactly_on_time() {
    let (spec, fill) = held();
    let (_system, actor) = start(spec).await;
    let go = fill(&actor).await;
    for in_mailbox in [true, false] {
        // The first waits for the reply, the second for room.
        let before = Instant::now();
        assert!(matches!(actor.request(Do::Ask, SECOND).await, Err(RequestError::TimedOut)));
        assert_eq!(before.elapsed(), SECOND);
        assert_eq!(actor.stats().accepted, 2, "{in_mailbox}");
    }
    go.send(()).unwrap();
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 0, "a late reply harms nobody");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_taken_comes_back() {
    let (spec, fill) = held();
    let (system, actor) = start(spec.overflow(Overflow::Reject)).await;
    let _go = fill(&actor).await;
    actor.send(Do::Note(1)).await.unwrap();
    assert!(matches!(actor.request(Do::Ask, SECOND).await, Err(RequestError::Full(Do::Ask(_)))));
    system.shutdown(SECOND).await;
    assert!(matches!(actor.request(Do::Ask, SECOND).await, Err(RequestError::Closed(Do::Ask(_)))));
}

#[tokio::test(start_paused = true)]
async fn aborted_actor_sends_no_reply() {
    let (system, actor) = start(ChildSpec::new("probe")).await;
    let (message, hangs) = hang();
    actor.send(message).await.unwrap();
    hangs.await.unwrap();
    let (answer, _) = tokio::join!(actor.request(Do::Ask, 60 * SECOND), system.shutdown(SECOND));
    assert!(matches!(answer, Err(RequestError::NoReply)));
}

#[tokio::test(start_paused = true)]
async fn late_reply_is_handed_back() {
    let (_system, actor) = start(ChildSpec::new("probe")).await;
    let mut kept = None;
    let keep = |reply: ReplyTo<u64>| {
        kept = Some(reply);
        Do::Note(1)
    };
    assert!(matches!(actor.request(keep, SECOND).await, Err(RequestError::TimedOut)));
    let reply = kept.unwrap();
    assert!(reply.is_closed());
    assert_eq!(reply.send(7), Err(7));
}

/// The slot of an answered request is used again, with its entry in the list of deadlines.
#[tokio::test(start_paused = true)]
async fn requests_after_an_answered_one_expire_exactly_on_time() {
    let (_one, first) = start(ChildSpec::new("probe")).await;
    let (_two, second) = start(ChildSpec::new("probe")).await;
    let unanswered = |reply: ReplyTo<u64>| {
        std::mem::forget(reply);
        Do::Note(1)
    };
    for millis in [1000, 10, 5000, 1, 1000, 1000] {
        let timeout = Duration::from_millis(millis);
        for actor in [&first, &second] {
            actor.request(Do::Ask, SECOND).await.unwrap();
            actor.request(Do::Ask, None).await.unwrap();
            let before = Instant::now();
            assert!(matches!(actor.request(unanswered, timeout).await, Err(RequestError::TimedOut)));
            assert_eq!(before.elapsed(), timeout);
            actor.request(Do::Ask, 2 * SECOND).await.unwrap();
        }
    }
}

/// A slot that has an entry in the list of deadlines is used again by a request without a deadline.
#[tokio::test(start_paused = true)]
async fn request_without_a_deadline_never_expires() {
    let (system, actor) = start(ChildSpec::new("probe")).await;
    actor.request(Do::Ask, SECOND).await.unwrap();
    let mut kept = None;
    let keep = |reply: ReplyTo<u64>| {
        kept = Some(reply);
        Do::Note(1)
    };
    let asking = actor.request(keep, None);
    assert!(tokio::time::timeout(3600 * SECOND, asking).await.is_err());
    assert!(kept.is_some_and(|reply| reply.is_closed()), "the requester has stopped waiting");
    system.shutdown(SECOND).await;
}

/// In any order of the requests, answered or not.
#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_each_have_their_own_time() {
    const COUNT: u64 = 10_000;
    let (_system, actor) = start(ChildSpec::new("probe").capacity(COUNT as usize + 1)).await;
    let (message, is_held, go) = hold();
    actor.send(message).await.unwrap();
    is_held.await.unwrap();
    let began = Instant::now();
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..COUNT {
        let actor = actor.clone();
        // Each odd number up to 19,999 once.
        let millis = 2 * (number * 7919 % COUNT) + 1;
        requests.spawn(async move {
            let answer = actor.request(Do::Ask, Duration::from_millis(millis)).await;
            (millis, answer, began.elapsed())
        });
    }
    tokio::time::sleep(10 * SECOND).await;
    go.send(()).unwrap();
    for (millis, answer, after) in requests.join_all().await {
        if millis < 10_000 {
            assert!(matches!(answer, Err(RequestError::TimedOut)), "{millis}: {answer:?}");
            assert_eq!(after, Duration::from_millis(millis));
        } else {
            assert_eq!((answer.unwrap(), after), (0, 10 * SECOND), "{millis}");
        }
    }
    assert_eq!(actor.stats().handled, COUNT + 1, "those that nobody waits for are handled all the same");
}

#[tokio::test(start_paused = true)]
async fn the_shortest_and_the_longest_time() {
    let (spec, fill) = held();
    let (_system, actor) = start(spec).await;
    let go = fill(&actor).await;
    for in_mailbox in [true, false] {
        let before = Instant::now();
        assert!(matches!(actor.request(Do::Ask, Duration::ZERO).await, Err(RequestError::TimedOut)));
        assert_eq!(before.elapsed(), Duration::ZERO);
        assert_eq!(actor.stats().accepted, 2, "{in_mailbox}");
    }
    let release = async {
        // Longer than 32 bits of milliseconds.
        tokio::time::sleep(60 * 24 * 3600 * SECOND).await;
        go.send(()).unwrap();
    };
    let answers =
        async { tokio::join!(actor.request(Do::Ask, Duration::MAX), actor.request(Do::Ask, Duration::MAX)) };
    let (answers, ()) = tokio::join!(answers, release);
    assert_eq!((answers.0.unwrap(), answers.1.unwrap()), (0, 0));
    // A request after those that never expire still expires.
    let unanswered = |reply: ReplyTo<u64>| {
        std::mem::forget(reply);
        Do::Note(1)
    };
    assert!(matches!(actor.request(unanswered, SECOND).await, Err(RequestError::TimedOut)));
}

/// For requests in the mailbox, and for requests that wait for room in it.
#[tokio::test(start_paused = true)]
async fn requests_of_an_actor_that_dies_at_once_are_known_at_once() {
    let (spec, fill) = held();
    let (_system, actor) = start(spec.capacity(3)).await;
    let go = fill(&actor).await;
    actor.send(Do::Panic).await.unwrap();
    let before = Instant::now();
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let actor = actor.clone();
        requests.spawn(async move { actor.request(Do::Ask, 3600 * SECOND).await });
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    let answers = requests.join_all().await;
    let unanswered = answers.iter().filter(|answer| matches!(answer, Err(RequestError::NoReply))).count();
    let returned =
        answers.iter().filter(|answer| matches!(answer, Err(RequestError::Closed(Do::Ask(_))))).count();
    assert_eq!(unanswered + returned, 5, "{answers:?}");
    assert!(unanswered >= 2 && returned >= 1, "{answers:?}");
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap_err().to_string(), "the actor has ended");
}

#[tokio::test(start_paused = true)]
async fn deadline_keepers_end_when_there_are_no_deadlines() {
    let (system, actor) = start(ChildSpec::new("probe").restart(RestartPolicy::Permanent)).await;
    let idle = tasks();
    for _ in 0..100 {
        actor.request(Do::Ask, SECOND).await.unwrap();
    }
    assert_eq!(tasks(), idle + 1, "one task for all of them");
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(tasks(), idle);

    actor.request(Do::Ask, 3600 * SECOND).await.unwrap();
    let (message, hangs) = hang();
    actor.send(message).await.unwrap();
    hangs.await.unwrap();
    let (answer, _) = tokio::join!(actor.request(Do::Ask, 3600 * SECOND), system.shutdown(SECOND));
    assert!(matches!(answer, Err(RequestError::NoReply)));
    assert_eq!(tasks(), 0, "after a shutdown, whatever deadlines there were");
    assert!(matches!(actor.request(Do::Ask, SECOND).await, Err(RequestError::Closed(_))));
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_is_kept_elsewhere_is_not_waited_for_after_the_shutdown() {
    let (system, actor) = start(ChildSpec::new("probe")).await;
    let mut kept = Vec::new();
    let keep = |reply: ReplyTo<u64>| {
        kept.push(reply);
        Do::Note(1)
    };
    let before = Instant::now();
    let shut_down = async {
        tokio::task::yield_now().await;
        system.shutdown(SECOND).await
    };
    let asked = tokio::time::timeout(3600 * SECOND, actor.request(keep, 10 * SECOND));
    let (answer, _) = tokio::join!(asked, shut_down);
    assert!(matches!(answer, Ok(Err(RequestError::NoReply))), "{answer:?}");
    assert_eq!(before.elapsed(), Duration::ZERO);
}

/// An actor that acknowledges, and takes its time to start.
struct Slow(Duration);

struct Acknowledge(ReplyTo<()>);

impl Child for Slow {
    async fn pre_start(&mut self, _: &ChildContext) -> Result<(), BoxError> {
        tokio::time::sleep(self.0).await;
        Ok(())
    }
}

impl Actor for Slow {
    type Message = Acknowledge;
    type Error = Infallible;

    async fn handle_message(
        &mut self,
        Acknowledge(reply): Acknowledge,
        _: &ActorContext<Acknowledge>,
    ) -> Result<(), Infallible> {
        let _ = reply.send(());
        Ok(())
    }
}

/// The slot of the answered request is used for the signal of a start, which has no deadline.
#[tokio::test(start_paused = true)]
async fn deadline_of_an_answered_request_does_not_end_the_wait_for_a_start() {
    for shuts_down in [false, true] {
        let first = ActorSystem::new("first");
        let second = ActorSystem::new("second");
        let quick = first.spawn(ChildSpec::new("quick"), || Slow(Duration::ZERO)).await.unwrap();
        quick.request(Acknowledge, SECOND).await.unwrap();
        let before = Instant::now();
        let starts = second.spawn(ChildSpec::new("slow"), || Slow(2 * SECOND));
        let starts = tokio::time::timeout(60 * SECOND, starts);
        let shut_down = async {
            tokio::task::yield_now().await;
            if shuts_down {
                first.shutdown(SECOND).await;
            }
        };
        let (started, ()) = tokio::join!(starts, shut_down);
        let slow = started.expect("the start is reported").unwrap();
        assert_eq!(before.elapsed(), 2 * SECOND, "shuts down: {shuts_down}");
        slow.request(Acknowledge, SECOND).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn deadline_of_an_answered_request_does_not_hold_up_a_group_restart() {
    let config = SupervisorConfig {
        strategy: SupervisionStrategy::OneForAll,
        restart_strategy: RestartStrategy::Immediate,
        ..SupervisorConfig::default()
    };
    let system = ActorSystem::builder("test").supervisor(config).build();
    let first = system.spawn(ChildSpec::new("first"), || Slow(2 * SECOND)).await.unwrap();
    let second = system.spawn(ChildSpec::new("second"), || Slow(Duration::ZERO)).await.unwrap();
    first.request(Acknowledge, SECOND).await.unwrap();
    second.kill();
    // The second starts once the first has started, after two seconds.
    tokio::time::sleep(SECOND + SECOND / 2).await;
    assert_eq!([first.stats().state, second.stats().state], [ActorState::Restarting; 2]);
    tokio::time::sleep(SECOND).await;
    assert_eq!([first.stats().state, second.stats().state], [ActorState::Running; 2]);
}
