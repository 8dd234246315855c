//! Full mailboxes: the policies, and how they are counted.

use std::time::Duration;

use airssys_rt::{
    ActorContext, ActorRef, ActorStats, ActorSystem, ChildSpec, DeadLetterCause, Event, Overflow, Prepared,
    ReserveError, RestartPolicy, RestartStrategy, SendError, SupervisorConfig,
};
use futures_util::FutureExt;

use crate::support::script::{Log, MILLI, SECOND, Say, Script, run, settle, start};

/// An actor that has not been started: its mailbox keeps the messages.
fn prepare(capacity: usize, overflow: Overflow) -> (ActorSystem, Prepared<Say>, ActorRef<Say>) {
    let system = ActorSystem::new("test");
    let prepared = system.prepare(ChildSpec::new("script").capacity(capacity).overflow(overflow)).unwrap();
    let actor = prepared.actor_ref();
    (system, prepared, actor)
}

async fn notes(system: &ActorSystem, prepared: Prepared<Say>) -> Vec<String> {
    let log = Log::default();
    let own = log.clone();
    let actor = system.start(prepared, move || Script { log: own.clone(), bad_starts: 0 }).await.unwrap();
    while actor.depth() > 0 {
        tokio::task::yield_now().await;
    }
    log.all()
}

/// `accepted`, `rejected`, `waited`, `overflowed`.
fn taken(actor: &ActorRef<Say>) -> (u64, u64, u64, u64) {
    let ActorStats { accepted, rejected, waited, overflowed, .. } = actor.stats();
    (accepted, rejected, waited, overflowed)
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_keeps_the_last() {
    let (system, prepared, actor) = prepare(3, Overflow::DropOldest);
    for number in 0..5 {
        actor.try_send(Say::Note(number)).unwrap();
    }
    actor.send(Say::Note(5)).await.unwrap();
    let permit = actor.try_reserve().unwrap();
    assert_eq!(actor.depth(), 2, "a reservation makes room too");
    permit.send(Say::Note(6)).unwrap();
    assert_eq!(taken(&actor), (7, 0, 0, 4));
    assert_eq!(notes(&system, prepared).await, ["note 4", "note 5", "note 6"]);
    assert_eq!((actor.stats().handled, actor.stats().high_water), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_refuses_only_when_all_slots_are_reserved() {
    let (_system, _prepared, actor) = prepare(2, Overflow::DropOldest);
    let permits = [actor.try_reserve().unwrap(), actor.try_reserve().unwrap()];
    assert!(matches!(actor.try_send(Say::Note(1)), Err(SendError::Full(Say::Note(1)))));
    assert!(matches!(actor.send(Say::Note(1)).await, Err(SendError::Full(Say::Note(1)))));
    assert_eq!(actor.try_reserve().unwrap_err(), ReserveError::Full);
    assert_eq!(taken(&actor), (0, 3, 0, 0));
    drop(permits);
    actor.try_send(Say::Note(1)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn drop_newest_keeps_the_first() {
    let (system, prepared, actor) = prepare(2, Overflow::DropNewest);
    for number in 0..4 {
        actor.try_send(Say::Note(number)).unwrap();
    }
    actor.send(Say::Note(4)).await.unwrap();
    assert_eq!(taken(&actor), (5, 0, 0, 3));
    assert_eq!(actor.try_reserve().unwrap_err(), ReserveError::Full);
    assert_eq!(taken(&actor), (5, 1, 0, 3));
    assert_eq!(notes(&system, prepared).await, ["note 0", "note 1"]);
}

#[tokio::test(start_paused = true)]
async fn reject_hands_the_message_back() {
    let (system, prepared, actor) = prepare(1, Overflow::Reject);
    actor.send(Say::Note(0)).await.unwrap();
    let Err(SendError::Full(message)) = actor.send(Say::Note(1)).await else { panic!("not full") };
    assert_eq!(message.number(), 1);
    assert_eq!(actor.try_send(Say::Note(2)).unwrap_err().into_message().number(), 2);
    assert_eq!(actor.try_reserve().unwrap_err(), ReserveError::Full);
    assert_eq!(actor.reserve().await.unwrap_err(), ReserveError::Full);
    assert_eq!(taken(&actor), (1, 4, 0, 0));
    assert_eq!(notes(&system, prepared).await, ["note 0"]);
}

#[tokio::test(start_paused = true)]
async fn wait_counts_waiting_senders() {
    let (system, prepared, actor) = prepare(1, Overflow::Wait);
    actor.send(Say::Note(0)).await.unwrap();
    assert!(actor.try_send(Say::Note(9)).is_err());
    let mut sends = [Box::pin(actor.send(Say::Note(1))), Box::pin(actor.send(Say::Note(2)))];
    for send in &mut sends {
        // Polled again, it still counts as one wait.
        assert!(send.as_mut().now_or_never().is_none());
        assert!(send.as_mut().now_or_never().is_none());
    }
    assert_eq!(taken(&actor), (1, 1, 2, 0));
    let sent = futures_util::future::join_all(sends);
    let (_, sent) = tokio::join!(notes(&system, prepared), sent);
    sent.into_iter().for_each(|sent| sent.unwrap());
    settle().await;
    assert_eq!(taken(&actor), (3, 1, 2, 0));
    assert_eq!((actor.stats().handled, actor.stats().high_water), (3, 1));
}

/// The receiver takes all at once, and messages that it has not handed out keep their slots.
#[tokio::test(start_paused = true)]
async fn a_batch_with_the_receiver_is_still_in_the_mailbox() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropNewest] {
        let (system, prepared, actor) = prepare(4, overflow);
        actor.try_send(Say::Take(SECOND)).unwrap();
        for number in 1..4 {
            actor.try_send(Say::Note(number)).unwrap();
        }
        let log = Log::default();
        let own = log.clone();
        system.start(prepared, move || Script { log: own.clone(), bad_starts: 0 }).await.unwrap();
        settle().await;
        // The first is being handled, three are with the receiver: there is room for one.
        assert_eq!(actor.depth(), 3);
        actor.try_send(Say::Note(4)).unwrap();
        match overflow {
            Overflow::DropNewest => actor.try_send(Say::Note(5)).unwrap(),
            _ => assert!(actor.try_send(Say::Note(5)).is_err()),
        }
        assert_eq!(actor.try_reserve().unwrap_err(), ReserveError::Full);
        assert_eq!((actor.depth(), actor.stats().high_water), (4, 4));
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(log.all(), ["note 1", "note 2", "note 3", "note 4"]);
    }
}

/// With `DropOldest`, the receiver leaves all messages but one where they can be dropped.
#[tokio::test(start_paused = true)]
async fn drop_oldest_drops_in_order_while_the_receiver_is_at_work() {
    let (system, prepared, actor) = prepare(3, Overflow::DropOldest);
    actor.try_send(Say::Take(SECOND)).unwrap();
    let log = Log::default();
    let own = log.clone();
    system.start(prepared, move || Script { log: own.clone(), bad_starts: 0 }).await.unwrap();
    settle().await;
    for number in 0..6 {
        actor.try_send(Say::Note(number)).unwrap();
    }
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(log.all(), ["note 3", "note 4", "note 5"]);
    assert_eq!(taken(&actor), (7, 0, 0, 3));
}

/// Each accepted message is counted in one place at every moment.
#[tokio::test(start_paused = true)]
async fn accepted_messages_are_accounted_for() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest] {
        let restart_strategy = RestartStrategy::Immediate;
        let config = SupervisorConfig { restart_strategy, ..SupervisorConfig::default() };
        let system = ActorSystem::builder("test").supervisor(config).build();
        let spec = ChildSpec::new("script").capacity(4).overflow(overflow);
        let actor = start(&system, &Log::default(), spec).await;
        let check = |in_hand: u64| {
            let stats = actor.stats();
            let known = stats.handled + stats.failed + stats.overflowed + stats.dropped + stats.depth as u64;
            assert_eq!(stats.accepted, known + in_hand, "{overflow:?} {stats:?}");
            assert!(stats.high_water <= 4);
        };
        actor.try_send(Say::Take(SECOND)).unwrap();
        settle().await;
        check(1);
        for message in [Say::Fail, Say::Note(1), Say::Panic, Say::Note(2), Say::Take(SECOND)] {
            let _ = actor.try_send(message);
            check(1);
        }
        tokio::time::sleep(SECOND + 10 * MILLI).await;
        check(u64::from(overflow == Overflow::DropOldest));
        tokio::time::sleep(SECOND).await;
        check(0);
        actor.try_send(Say::Take(SECOND)).unwrap();
        actor.try_send(Say::Note(3)).unwrap();
        settle().await;
        system.shutdown(5 * SECOND).await;
        check(0);
        assert_eq!(actor.stats().dropped, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_messages_are_dead_letters_and_a_full_mailbox_is_reported_once() {
    let system = ActorSystem::new("test");
    let mut events = system.events();
    let spec = ChildSpec::new("script").capacity(2).overflow(Overflow::DropOldest);
    let prepared = system.prepare::<Say>(spec).unwrap();
    let actor = prepared.actor_ref();
    for number in 0..4 {
        actor.try_send(Say::Note(number)).unwrap();
    }
    let mut told = Vec::new();
    while let Some(Ok(Some(event))) = events.next().now_or_never() {
        told.push(match event {
            Event::MailboxFull { actor, capacity } => format!("{actor} full {capacity}"),
            Event::DeadLetter { actor, count, cause: DeadLetterCause::Overflow, .. } => {
                format!("{actor} dropped {count}")
            }
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(told, ["script full 2", "script dropped 1", "script dropped 1"]);
}

#[tokio::test(start_paused = true)]
async fn time_in_the_handler_is_counted() {
    let system = ActorSystem::new("test");
    let actor = start(&system, &Log::default(), ChildSpec::new("script")).await;
    assert_eq!(actor.stats().busy, Duration::ZERO);
    for _ in 0..3 {
        actor.send(Say::Take(SECOND)).await.unwrap();
    }
    tokio::time::sleep(10 * SECOND).await;
    // The paused clock only moves in waits: those in a handler count in full, and idle time does not.
    assert_eq!(actor.stats().busy, 3 * SECOND);
    assert_eq!(actor.stats().ticks, 0);
    run(&actor, |context| context.send_after(SECOND, Say::Take(SECOND))).await;
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!((actor.stats().busy, actor.stats().ticks), (4 * SECOND, 1));
    assert_eq!((actor.stats().accepted, actor.stats().handled), (4, 4), "ticks are not among them");
}

#[tokio::test(start_paused = true)]
async fn draining_handles_what_is_there_and_takes_no_more() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = start(&system, &log, ChildSpec::new("script").capacity(3)).await;
    for message in [Say::Take(SECOND), Say::Fail, Say::Note(1)] {
        actor.try_send(message).unwrap();
    }
    let permit = actor.reserve().now_or_never();
    assert!(permit.is_none(), "it is full");
    let mut waits = Box::pin(actor.send(Say::Note(2)));
    assert!(waits.as_mut().now_or_never().is_none());
    actor.drain();
    assert!(actor.is_closed());
    assert!(matches!(waits.await, Err(SendError::Closed(Say::Note(2)))));
    assert!(matches!(actor.try_send(Say::Note(3)), Err(SendError::Closed(_))));
    // After a failure, the next incarnation goes on draining.
    actor.closed().await;
    assert_eq!(log.all(), ["note 1"]);
    let stats = actor.stats();
    assert_eq!((stats.accepted, stats.handled, stats.failed, stats.dropped), (3, 2, 1, 0));
    assert!(system.whereis::<Say>("script").is_none());

    let idle = start(&system, &log, ChildSpec::new("idle").restart(RestartPolicy::Permanent)).await;
    let permit = idle.try_reserve().unwrap();
    idle.drain();
    idle.drain();
    idle.closed().await;
    assert_eq!(permit.send(Say::Note(4)).unwrap_err().number(), 4);
}

#[tokio::test(start_paused = true)]
async fn unstarted_actor_drains_after_its_start() {
    let (system, prepared, actor) = prepare(2, Overflow::Wait);
    actor.try_send(Say::Note(1)).unwrap();
    actor.drain();
    assert_eq!(notes(&system, prepared).await, ["note 1"]);
    actor.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_weak_reference_is_gone_with_its_actor() {
    let system = ActorSystem::new("test");
    let actor = start(&system, &Log::default(), ChildSpec::new("script")).await;
    let weak = actor.downgrade();
    assert_eq!(format!("{weak:?}"), "WeakActorRef");
    assert_eq!(weak.clone().upgrade().unwrap().id(), actor.id());
    actor.send(Say::Fail).await.unwrap();
    assert_eq!(weak.upgrade().unwrap().request(Say::Ask, SECOND).await.unwrap(), 1);
    actor.stop();
    actor.closed().await;
    assert!(weak.upgrade().is_none(), "another reference keeps the mailbox, but it has ended");
    drop(actor);
    assert!(weak.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn try_send_does_not_overtake_waiting_senders() {
    let system = ActorSystem::new("test");
    let log = Log::default();
    let actor = start(&system, &log, ChildSpec::new("actor").capacity(4)).await;
    // The first message is handled while the rest is at hand, and its slot is not noticed yet.
    let tries = |context: &ActorContext<Say>| {
        let refused = context.self_ref().try_send(Say::Note(9));
        assert!(matches!(refused, Err(SendError::Full(Say::Note(9)))), "{refused:?}");
    };
    actor.try_send(Say::Run(Box::new(tries))).unwrap();
    for number in 1..4 {
        actor.try_send(Say::Note(number)).unwrap();
    }
    actor.send(Say::Note(4)).await.unwrap();
    settle().await;
    assert_eq!(log.all(), ["note 1", "note 2", "note 3", "note 4"]);
    assert_eq!(actor.stats().restarts, 0);
}
