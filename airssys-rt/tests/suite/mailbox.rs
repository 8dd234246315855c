//! Mailboxes: exact bounds, the order of waiters, and their end.

use std::time::Duration;

use airssys_rt::{
    ActorRef, ActorSystem, ChildSpec, ExitReason, Overflow, Prepared, ReserveError, SendError, SendWithError,
};
use futures_util::FutureExt;

use crate::support::probe::{Do, Log, Probe, hold};

const SECOND: Duration = Duration::from_secs(1);

/// An actor that has not been started: its mailbox keeps the messages.
fn prepare(capacity: usize, overflow: Overflow) -> (ActorSystem, Prepared<Do>, ActorRef<Do>) {
    let system = ActorSystem::new("test");
    let prepared = system.prepare(ChildSpec::new("probe").capacity(capacity).overflow(overflow)).unwrap();
    let actor = prepared.actor_ref();
    (system, prepared, actor)
}

async fn start(system: &ActorSystem, prepared: Prepared<Do>) -> Log {
    let log = Log::default();
    let log_too = log.clone();
    system.start(prepared, move || Probe::new(&log_too)).await.unwrap();
    log
}

fn number(message: Do) -> u32 {
    match message {
        Do::Note(number) => number,
        _ => panic!("another message"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_capacity_is_exact_and_a_refused_message_comes_back() {
    for overflow in [Overflow::Wait, Overflow::Reject] {
        let (_system, _prepared, actor) = prepare(3, overflow);
        assert_eq!((actor.capacity(), actor.overflow()), (3, overflow));
        for number in 0..3 {
            actor.try_send(Do::Note(number)).unwrap();
        }
        let Err(SendError::Full(message)) = actor.try_send(Do::Note(3)) else { panic!("not full") };
        assert_eq!(number(message), 3);
        assert_eq!(actor.try_reserve().unwrap_err(), ReserveError::Full);
        assert_eq!((actor.stats().depth, actor.stats().high_water, actor.stats().accepted), (3, 3, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn send_rejects_or_waits_as_the_mailbox_says() {
    let (_system, _prepared, actor) = prepare(1, Overflow::Reject);
    actor.send(Do::Note(0)).await.unwrap();
    let Err(SendError::Full(message)) = actor.send(Do::Note(1)).await else { panic!("not full") };
    assert_eq!(number(message), 1);

    let (system, prepared, actor) = prepare(1, Overflow::Wait);
    actor.send(Do::Note(0)).await.unwrap();
    assert!(actor.send(Do::Note(9)).now_or_never().is_none(), "waits; given up, it is not delivered");
    let sends = async {
        for number in 1..=3 {
            actor.send(Do::Note(number)).await.unwrap();
        }
    };
    let (log, ()) = tokio::join!(start(&system, prepared), sends);
    actor.request(Do::Ask, SECOND).await.unwrap();
    assert_eq!(log.only("note"), ["note 0", "note 1", "note 2", "note 3"]);
    assert_eq!(actor.stats().high_water, 1);
}

#[tokio::test(start_paused = true)]
async fn a_permit_holds_a_slot_until_it_is_used_or_dropped() {
    let (_system, prepared, actor) = prepare(2, Overflow::Wait);
    let first = actor.try_reserve().unwrap();
    let second = actor.try_reserve().unwrap();
    assert_eq!(actor.try_reserve().unwrap_err(), ReserveError::Full);
    assert!(actor.try_send(Do::Stop).is_err());
    assert_eq!(actor.stats().depth, 0);
    first.send(Do::Note(1)).unwrap();
    assert_eq!(actor.stats().depth, 1);
    assert!(actor.try_send(Do::Stop).is_err());
    let mut waits = Box::pin(actor.send(Do::Note(2)));
    assert!(waits.as_mut().now_or_never().is_none());
    drop(second);
    assert!(actor.try_send(Do::Stop).is_err(), "the slot is for who has waited");
    waits.await.unwrap();
    assert_eq!(actor.stats().depth, 2);

    drop(prepared);
    assert_eq!(actor.try_reserve().unwrap_err(), ReserveError::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_permit_outlives_the_mailbox_harmlessly() {
    let (_system, prepared, actor) = prepare(2, Overflow::Wait);
    let (used, dropped) = (actor.try_reserve().unwrap(), actor.try_reserve().unwrap());
    drop(prepared);
    assert_eq!(number(used.send(Do::Note(5)).unwrap_err()), 5);
    drop(dropped);
    assert_eq!(actor.stats().accepted, 0);
}

#[tokio::test(start_paused = true)]
async fn waiters_are_told_of_the_end() {
    let (_system, prepared, actor) = prepare(1, Overflow::Wait);
    actor.try_send(Do::Note(0)).unwrap();
    let end = async {
        tokio::task::yield_now().await;
        drop(prepared);
    };
    let (sent, (), ()) = tokio::join!(actor.send(Do::Note(1)), actor.room(), end);
    let Err(SendError::Closed(message)) = sent else { panic!("not closed") };
    assert_eq!(number(message), 1);
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    assert!(matches!(actor.try_send(Do::Note(2)), Err(SendError::Closed(Do::Note(2)))));
    assert!(matches!(actor.send(Do::Note(2)).await, Err(SendError::Closed(Do::Note(2)))));
    actor.room().await;
    assert!(actor.is_closed());
    assert_eq!((actor.stats().accepted, actor.stats().dropped, actor.stats().depth), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn waiting_senders_are_served_in_their_order() {
    let (system, prepared, actor) = prepare(1, Overflow::Wait);
    actor.try_send(Do::Note(0)).unwrap();
    let mut senders: Vec<_> = (1..=5).map(|number| Box::pin(actor.send(Do::Note(number)))).collect();
    for sender in &mut senders {
        assert!(sender.as_mut().now_or_never().is_none());
    }
    drop(senders.remove(2));
    // Polled in reverse order, they are still served in the order of their first poll.
    let reversed = futures_util::future::join_all(senders.into_iter().rev());
    let (log, _) = tokio::join!(start(&system, prepared), reversed);
    actor.request(Do::Ask, SECOND).await.unwrap();
    assert_eq!(log.only("note"), ["note 0", "note 1", "note 2", "note 4", "note 5"]);
}

#[tokio::test(start_paused = true)]
async fn cancelled_waiter_passes_its_slot_on() {
    let (_system, _prepared, actor) = prepare(1, Overflow::Wait);
    for granted_is_room in [true, false] {
        let permit = actor.try_reserve().unwrap();
        let mut room = Box::pin(actor.room());
        let mut sender = Box::pin(actor.send(Do::Note(1)));
        let mut last = Box::pin(actor.room());
        if granted_is_room {
            assert!(room.as_mut().now_or_never().is_none());
        }
        assert!(sender.as_mut().now_or_never().is_none());
        assert!(last.as_mut().now_or_never().is_none());
        // The slot goes to the first waiter, and then to the next; both are dropped before they are polled.
        drop(permit);
        drop(room);
        drop(sender);
        last.as_mut().now_or_never().expect("there is room");
        drop(actor.try_reserve().unwrap());
    }
}

/// Each waiter is a task of its own, which only goes on when it is woken.
#[tokio::test(start_paused = true)]
async fn waiters_are_woken_whatever_earlier_waiters_do() {
    let (_system, _prepared, actor) = prepare(1, Overflow::Wait);
    let room = || {
        let actor = actor.clone();
        tokio::spawn(async move { actor.room().await })
    };
    let permit = actor.try_reserve().unwrap();
    let waiters = [room(), room(), room()];
    tokio::task::yield_now().await;
    drop(permit);
    for waiter in waiters {
        // The waiters do not use the room.
        tokio::time::timeout(SECOND, waiter).await.expect("is woken").unwrap();
    }

    let permit = actor.try_reserve().unwrap();
    let mut first = Box::pin(actor.room());
    let mut second = Box::pin(actor.room());
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    let third = room();
    tokio::task::yield_now().await;
    drop(permit);
    // The first is told of the room, and so the second is woken, but it is dropped instead.
    first.now_or_never().unwrap();
    drop(second);
    tokio::time::timeout(SECOND, third).await.expect("is woken").unwrap();
}

#[tokio::test(start_paused = true)]
async fn senders_never_overtake_a_waiting_sender() {
    let (_system, _prepared, actor) = prepare(1, Overflow::Wait);
    let permit = actor.try_reserve().unwrap();
    let mut room = Box::pin(actor.room());
    assert!(room.as_mut().now_or_never().is_none());
    let mut waits = Box::pin(actor.send(Do::Note(1)));
    assert!(waits.as_mut().now_or_never().is_none());
    drop(permit);
    room.now_or_never().unwrap();
    // The first did not use the room: it is for the second waiter, not for a third.
    assert!(actor.send(Do::Note(2)).now_or_never().is_none());
    waits.now_or_never().unwrap().unwrap();
    assert_eq!(actor.stats().depth, 1);
}

/// Several tasks wait for room and then try to send, and share one slot: each is served.
#[tokio::test(start_paused = true)]
async fn room_is_fair() {
    const EACH: u32 = 50;
    let (system, prepared, actor) = prepare(1, Overflow::Wait);
    let rounds = (0..8u32).map(|task| {
        let actor = actor.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                match task {
                    0..6 => {
                        let mut message = Do::Note(task);
                        while let Err(SendError::Full(again)) = actor.try_send(message) {
                            message = again;
                            actor.room().await;
                        }
                    }
                    _ => actor.send(Do::Note(task)).await.unwrap(),
                }
            }
        })
    });
    let rounds: Vec<_> = rounds.collect();
    let log = start(&system, prepared).await;
    for round in rounds {
        tokio::time::timeout(60 * SECOND, round).await.expect("all come to an end").unwrap();
    }
    actor.request(Do::Ask, SECOND).await.unwrap();
    let notes = log.only("note");
    assert_eq!(notes.len(), 8 * EACH as usize);
    let half = &notes[..notes.len() / 2];
    for task in 0..8 {
        let turns = half.iter().filter(|note| **note == format!("note {task}")).count();
        assert!(turns >= EACH as usize / 4, "task {task} had {turns} turns in the first half");
    }
}

/// A waiter that is not polled again keeps the room from no other.
#[tokio::test(start_paused = true)]
async fn room_reserves_nothing() {
    let (_system, _prepared, actor) = prepare(2, Overflow::Wait);
    let permits = [actor.try_reserve().unwrap(), actor.try_reserve().unwrap()];
    let mut rooms: Vec<_> = (0..3).map(|_| Box::pin(actor.room())).collect();
    for room in &mut rooms {
        assert!(room.as_mut().now_or_never().is_none());
    }
    drop(permits);
    for room in &mut rooms {
        room.as_mut().now_or_never().expect("there is room for whoever looks");
    }
    actor.try_send(Do::Note(1)).unwrap();
    actor.try_send(Do::Note(2)).unwrap();
    assert!(actor.room().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn messages_sent_before_the_start_are_handled_after_it() {
    let (system, prepared, actor) = prepare(8, Overflow::Wait);
    for number in 0..3 {
        actor.try_send(Do::Note(number)).unwrap();
    }
    let log = start(&system, prepared).await;
    actor.request(Do::Ask, SECOND).await.unwrap();
    assert_eq!(log.only("note"), ["note 0", "note 1", "note 2"]);
}

#[tokio::test(start_paused = true)]
async fn signals_and_stops_overtake_messages() {
    let (system, prepared, actor) = prepare(8, Overflow::Wait);
    let (message, is_held, go) = hold();
    actor.try_send(message).unwrap();
    actor.try_send(Do::Note(1)).unwrap();
    let log = start(&system, prepared).await;
    is_held.await.unwrap();
    for _ in 0..1000 {
        actor.signal();
    }
    go.send(()).unwrap();
    actor.request(Do::Ask, SECOND).await.unwrap();
    assert_eq!(log.all()[3..], ["signal", "note 1"]);

    actor.signal();
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.only("signal").len(), 2, "an idle actor hears of it too");

    let (message, is_held, go) = hold();
    actor.try_send(message).unwrap();
    actor.try_send(Do::Note(2)).unwrap();
    is_held.await.unwrap();
    actor.restart();
    go.send(()).unwrap();
    assert_eq!(actor.request(Do::Ask, SECOND).await.unwrap(), 1, "stopped, and restarted");
    assert_eq!(log.all()[6..9], ["pre_stop 0", "post_stop 0", "probe stopped"]);
    assert_eq!(log.only("note 2").len(), 1, "what was behind the stop is handled then");
}

#[tokio::test(start_paused = true)]
async fn a_message_is_made_only_if_there_is_room_for_it() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropNewest, Overflow::DropOldest] {
        let (system, prepared, actor) = prepare(2, overflow);
        let note = |number| actor.try_send_with(|| Ok::<_, &str>(Do::Note(number)));
        assert_eq!(actor.try_send_with(|| Err("too dear")), Err(SendWithError::NotMade("too dear")));
        assert_eq!((note(0), note(1)), (Ok(false), Ok(false)), "nobody sleeps who has not started");
        let third = note(2);
        let dear = actor.try_send_with(|| Err("too dear"));
        let expected = match overflow {
            Overflow::DropOldest => {
                assert_eq!((third, dear), (Ok(false), Err(SendWithError::NotMade("too dear"))));
                ["note 1", "note 2"]
            }
            _ => {
                assert_eq!((third, dear), (Err(SendWithError::Full), Err(SendWithError::Full)));
                ["note 0", "note 1"]
            }
        };
        let stats = actor.stats();
        assert_eq!((stats.depth, stats.accepted - stats.overflowed), (2, 2), "{overflow:?}");
        let log = start(&system, prepared).await;
        tokio::time::sleep(SECOND).await;
        assert_eq!(log.only("note "), expected, "{overflow:?}");
        system.shutdown(SECOND).await;
        assert_eq!(note(3), Err(SendWithError::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn sleeping_actor_is_woken_once_for_many_messages() {
    let (system, prepared, actor) = prepare(8, Overflow::Wait);
    let log = start(&system, prepared).await;
    tokio::time::sleep(SECOND).await;
    let note = |number| actor.try_send_with(|| Ok::<_, &str>(Do::Note(number)));
    assert_eq!((note(0), note(1)), (Ok(true), Ok(true)));
    tokio::time::sleep(SECOND).await;
    assert!(log.only("note ").is_empty(), "it sleeps");
    actor.wake();
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.only("note "), ["note 0", "note 1"]);
    // A message that is sent in another way wakes the actor for all messages.
    assert_eq!(note(2), Ok(true));
    actor.try_send(Do::Note(3)).unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.only("note ").len(), 4);
}
