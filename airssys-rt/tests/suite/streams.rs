//! Streams attached to an actor: their order, their turns, and their end.

use std::pin::Pin;
use std::task::{Context, Poll};

use airssys_rt::{ActorRef, ActorSystem, ChildSpec, DeadLetterCause, Event, ExitReason, RestartPolicy};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc;

use crate::support::script::{Log, MILLI, SECOND, Say, run, settle, start};

async fn actor(log: &Log) -> (ActorSystem, ActorRef<Say>) {
    let system = ActorSystem::new("test");
    let actor = start(&system, log, ChildSpec::new("actor")).await;
    (system, actor)
}

async fn attach(actor: &ActorRef<Say>, stream: impl Stream<Item = Say> + Send + 'static) {
    run(actor, move |context| context.attach(stream)).await;
}

/// The items of a channel, whose sender tells that the stream was dropped.
fn channel() -> (mpsc::Sender<u32>, impl Stream<Item = Say> + Send) {
    let (sender, receiver) = mpsc::channel(1);
    let items = stream::unfold(receiver, async |mut receiver: mpsc::Receiver<u32>| {
        Some((receiver.recv().await?, receiver))
    });
    (sender, items.map(Say::Note))
}

#[tokio::test(start_paused = true)]
async fn items_are_handled_in_order_until_the_stream_ends() {
    let log = Log::default();
    let (_system, actor) = actor(&log).await;
    attach(&actor, stream::iter(1..4).map(Say::Note).chain(stream::iter([Say::Note(99)]))).await;
    settle().await;
    assert_eq!(log.take(), ["note 1", "note 2", "note 3", "note 99"]);
    assert_eq!((actor.stats().ticks, actor.stats().accepted), (4, 1));

    // Another can follow, and an actor that sleeps is woken by it.
    let (sender, items) = channel();
    attach(&actor, items).await;
    settle().await;
    sender.send(5).await.unwrap();
    settle().await;
    assert_eq!(log.take(), ["note 5"]);
    drop(sender);
    assert_eq!(actor.request(Say::Ask, SECOND).await.unwrap(), 0, "its end is no failure");
}

#[tokio::test(start_paused = true)]
async fn nothing_queues_up_between_a_stream_and_its_actor() {
    let log = Log::default();
    let (_system, actor) = actor(&log).await;
    let (sender, items) = channel();
    attach(&actor, items).await;
    actor.send(Say::Take(SECOND)).await.unwrap();
    settle().await;
    sender.try_send(1).unwrap();
    settle().await;
    assert!(sender.try_send(2).is_err(), "the item waits in the stream while the actor is busy");
    tokio::time::sleep(2 * SECOND).await;
    sender.try_send(2).unwrap();
    settle().await;
    assert_eq!(log.take(), ["note 1", "note 2"]);
}

#[tokio::test(start_paused = true)]
async fn endless_streams_starve_neither_messages_nor_timers_nor_each_other() {
    let log = Log::default();
    let (_system, actor) = actor(&log).await;
    let endless = |number| stream::repeat(()).map(move |()| Say::Note(number));
    run(&actor, move |context| {
        context.attach(endless(1));
        context.attach(endless(2));
        context.send_after(MILLI, Say::Note(3));
    })
    .await;
    tokio::time::advance(MILLI).await;
    for _ in 0..3 {
        actor.request(Say::Ask, SECOND).await.unwrap();
    }
    let lines = log.take();
    for line in ["note 1", "note 2", "note 3"] {
        assert!(lines.iter().any(|noted| noted == line), "{line} in {} lines", lines.len());
    }
    actor.stop();
    assert!(matches!(actor.closed().await, ExitReason::Shutdown), "a stop overtakes them");
}

#[tokio::test(start_paused = true)]
async fn timer_that_is_always_due_starves_no_stream() {
    let log = Log::default();
    let (_system, actor) = actor(&log).await;
    run(&actor, |context| {
        context.send_interval(MILLI, || Say::Take(2 * MILLI));
        context.attach(stream::iter(1..3).map(Say::Note));
    })
    .await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(log.take(), ["note 1", "note 2"]);
}

#[tokio::test(start_paused = true)]
async fn streams_end_with_their_incarnation() {
    let log = Log::default();
    let (_system, actor) = actor(&log).await;
    let ends: [fn(&ActorRef<Say>); 3] =
        [ActorRef::restart, ActorRef::kill, |actor| actor.try_send(Say::Fail).unwrap()];
    for end in ends {
        let (sender, items) = channel();
        attach(&actor, items).await;
        end(&actor);
        sender.closed().await;
        actor.request(Say::Ask, SECOND).await.unwrap();
    }
    assert_eq!(actor.stats().restarts, 3);
    assert!(log.take().is_empty());
}

/// Panics when it is polled, or when it is dropped.
struct Brittle {
    in_poll: bool,
}

impl Stream for Brittle {
    type Item = Say;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Say>> {
        assert!(!self.in_poll, "in its poll");
        Poll::Pending
    }
}

impl Drop for Brittle {
    fn drop(&mut self) {
        assert!(self.in_poll, "in its drop");
    }
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_stream_is_a_failure_of_the_incarnation() {
    let system = ActorSystem::new("test");
    let mut events = system.events();
    for (in_poll, expected) in [(true, "panicked: in its poll"), (false, "panicked: in its drop")] {
        let spec = ChildSpec::new("actor").restart(RestartPolicy::Temporary);
        let actor = start(&system, &Log::default(), spec).await;
        let (sender, items) = channel();
        attach(&actor, items).await;
        attach(&actor, Brittle { in_poll }).await;
        if !in_poll {
            actor.stop();
        }
        assert_eq!(actor.closed().await.to_string(), expected);
        assert!(sender.is_closed(), "the other stream is dropped too");
    }
    while let Some(Ok(Some(event))) = futures_util::FutureExt::now_or_never(events.next()) {
        assert!(
            !matches!(event, Event::DeadLetter { cause: DeadLetterCause::HandlerFailed, .. }),
            "{event:?}"
        );
    }
}
