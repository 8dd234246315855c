//! Timers: on time, ahead of the mailbox, and never after they were cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use airssys_rt::{ActorContext, ActorRef, ActorSystem, ChildSpec};
use tokio::time::{Instant, sleep};

use crate::support::script::{Log, MILLI, SECOND, Say, run, settle, start};

async fn one(capacity: usize) -> (ActorSystem, Log, ActorRef<Say>) {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let actor = start(&system, &log, ChildSpec::new("script").capacity(capacity)).await;
    (system, log, actor)
}

/// A message that notes the time since `start`, in ms.
fn stamp(log: &Log, start: Instant) -> Say {
    let log = log.clone();
    Say::Run(Box::new(move |_| log.note(start.elapsed().as_millis().to_string())))
}

#[tokio::test(start_paused = true)]
async fn send_after_delivers_once_and_on_time() {
    let (_system, log, actor) = one(8).await;
    let (start, own) = (Instant::now(), log.clone());
    run(&actor, move |context| {
        for time in [3000, 1000, 2000, 0] {
            context.send_after(Duration::from_millis(time), stamp(&own, start));
        }
        context.send_after(Duration::MAX, Say::Note(9));
    })
    .await;
    sleep(60 * SECOND).await;
    assert_eq!(log.all(), ["0", "1000", "2000", "3000"]);
    assert_eq!(actor.stats().ticks, 4);
}

#[tokio::test(start_paused = true)]
async fn interval_begins_after_one_period_and_skips_missed_ones() {
    let (_system, log, actor) = one(8).await;
    let (start, own) = (Instant::now(), log.clone());
    let timer = run(&actor, move |context| context.send_interval(SECOND, move || stamp(&own, start))).await;
    sleep(Duration::from_millis(3500)).await;
    assert_eq!(log.take(), ["1000", "2000", "3000"]);
    actor.send(Say::Take(Duration::from_millis(2700))).await.unwrap();
    // Busy from 3500 to 6200: the message of 4000 comes late, and the next ones are missed.
    sleep(Duration::from_millis(4000)).await;
    assert_eq!(log.take(), ["6200", "7200"]);
    assert!(run(&actor, move |context| context.cancel_timer(timer)).await);
    assert!(!run(&actor, move |context| context.cancel_timer(timer)).await);
    sleep(60 * SECOND).await;
    assert_eq!(log.take(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_period_is_a_millisecond_at_least() {
    let (_system, _, actor) = one(8).await;
    run(&actor, |context| context.send_interval(Duration::ZERO, || Say::Note(0))).await;
    sleep(100 * MILLI).await;
    settle().await;
    assert_eq!(actor.stats().ticks, 100);
}

/// Two timers of one instant: the first cancels the other.
#[tokio::test(start_paused = true)]
async fn timer_cancelled_in_the_same_instant_never_fires() {
    for (interval, late) in [(false, false), (true, false), (false, true), (true, true)] {
        let (_system, log, actor) = one(8).await;
        let own = log.clone();
        run(&actor, move |context: &ActorContext<Say>| {
            let cancelled = Arc::<std::sync::Mutex<Option<airssys_rt::TimerId>>>::default();
            let (other, note) = (cancelled.clone(), own.clone());
            let cancel = move |context: &ActorContext<Say>| {
                let was_running = context.cancel_timer(other.lock().unwrap().take().unwrap());
                note.note(format!("cancelled: {was_running}"));
            };
            context.send_after(SECOND, Say::Run(Box::new(cancel)));
            let timer = match interval {
                true => context.send_interval(SECOND, || Say::Note(1)),
                false => context.send_after(SECOND, Say::Note(1)),
            };
            *cancelled.lock().unwrap() = Some(timer);
        })
        .await;
        if late {
            // Both are due when the actor polls them.
            actor.send(Say::Take(5 * SECOND)).await.unwrap();
        }
        sleep(60 * SECOND).await;
        assert_eq!(log.all(), ["cancelled: true"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_cancels_a_timer_that_is_due() {
    let (_system, log, actor) = one(8).await;
    actor.send(Say::Take(SECOND)).await.unwrap();
    let timer = Arc::<std::sync::Mutex<Option<airssys_rt::TimerId>>>::default();
    let (set, get) = (timer.clone(), timer);
    actor
        .send(Say::Run(Box::new(move |context| {
            *set.lock().unwrap() = Some(context.send_after(Duration::ZERO, Say::Note(1)));
        })))
        .await
        .unwrap();
    // The message is in the batch: it is handled first, although the timer is due.
    let cancel = move |context: &ActorContext<Say>| {
        assert!(context.cancel_timer(get.lock().unwrap().take().unwrap()));
    };
    actor.send(Say::Run(Box::new(cancel))).await.unwrap();
    sleep(60 * SECOND).await;
    assert_eq!((log.all(), actor.stats().ticks), (vec![], 0));
    assert_eq!(actor.stats().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn timers_end_with_the_incarnation() {
    for crash in [Say::Fail, Say::Panic, Say::Stop] {
        let (_system, log, actor) = one(8).await;
        run(&actor, |context| {
            context.send_after(SECOND, Say::Note(1));
            context.send_interval(SECOND, || Say::Note(2));
        })
        .await;
        actor.send(crash).await.unwrap();
        sleep(10 * SECOND).await;
        assert_eq!((log.all(), actor.stats().restarts), (vec![], 1));
    }
}

/// The handler may fail on a timer's message like on any other.
#[tokio::test(start_paused = true)]
async fn the_message_of_a_timer_that_fails_ends_the_incarnation() {
    let (_system, _, actor) = one(8).await;
    run(&actor, |context| context.send_after(SECOND, Say::Fail)).await;
    sleep(2 * SECOND).await;
    assert_eq!((actor.stats().restarts, actor.stats().failed, actor.stats().ticks), (1, 0, 1));
}

/// A mailbox that never gets empty delays a timer by at most 64 messages.
#[tokio::test(start_paused = true)]
async fn a_timer_comes_on_time_in_a_flood() {
    let (_system, log, actor) = one(4096).await;
    let handled = Arc::<AtomicU32>::default();
    let count = || {
        let handled = handled.clone();
        Say::Run(Box::new(move |_| {
            handled.fetch_add(1, Ordering::Relaxed);
        }))
    };
    actor.send(Say::Take(SECOND)).await.unwrap();
    let (own, seen) = (log.clone(), handled.clone());
    actor
        .send(Say::Run(Box::new(move |context: &ActorContext<Say>| {
            let note = move |_: &ActorContext<Say>| {
                own.note("tick");
                assert!(seen.load(Ordering::Relaxed) <= 64, "{seen:?}");
            };
            context.send_after(Duration::ZERO, Say::Run(Box::new(note)));
        })))
        .await
        .unwrap();
    for _ in 0..4000 {
        actor.try_send(count()).unwrap();
    }
    sleep(2 * SECOND).await;
    assert_eq!((log.all(), handled.load(Ordering::Relaxed)), (vec!["tick".to_owned()], 4000));
}

/// An interval that is shorter than its handler starves no other work.
#[tokio::test(start_paused = true)]
async fn interval_that_is_always_due_starves_no_message() {
    let (_system, log, actor) = one(8).await;
    run(&actor, |context| {
        context.send_interval(MILLI, || Say::Take(3 * MILLI));
        context.send_interval(MILLI, || Say::Take(3 * MILLI));
    })
    .await;
    sleep(100 * MILLI).await;
    for number in 0..3 {
        actor.send(Say::Note(number)).await.unwrap();
    }
    sleep(100 * MILLI).await;
    assert_eq!(log.take(), ["note 0", "note 1", "note 2"]);
    assert!(actor.stats().ticks > 50, "{}", actor.stats().ticks);
    actor.signal();
    sleep(100 * MILLI).await;
    assert_eq!(log.take(), ["signal"]);
    actor.stop();
    tokio::time::timeout(SECOND, actor.closed()).await.expect("it stops");
}

/// The same for handlers that do not wait.
#[tokio::test(start_paused = true)]
async fn timer_that_sets_itself_again_starves_no_task() {
    fn again(context: &ActorContext<Say>) {
        context.send_after(Duration::ZERO, Say::Run(Box::new(again)));
    }
    let (_system, log, actor) = one(8).await;
    run(&actor, again).await;
    settle().await;
    actor.send(Say::Note(1)).await.unwrap();
    settle().await;
    assert_eq!(log.take(), ["note 1"]);
    actor.stop();
    settle().await;
    assert!(actor.is_closed());
}

/// A number of an earlier incarnation, of another actor or of another system cancels nothing.
#[tokio::test(start_paused = true)]
async fn number_of_a_timer_cancels_no_other_timer() {
    let (_system, log, actor) = one(8).await;
    let (_other_system, _, other) = one(8).await;
    let set = |actor: ActorRef<Say>, note: u32| async move {
        run(&actor, move |context| context.send_after(SECOND, Say::Note(note))).await
    };
    let earlier = set(actor.clone(), 1).await;
    actor.send(Say::Fail).await.unwrap();
    sleep(SECOND / 2).await;
    let theirs = set(other, 2).await;
    let own = set(actor.clone(), 3).await;
    for timer in [earlier, theirs] {
        assert_ne!(timer, own);
        assert!(!run(&actor, move |context| context.cancel_timer(timer)).await);
    }
    sleep(60 * SECOND).await;
    assert_eq!(log.all(), ["note 3"]);
}
