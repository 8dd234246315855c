//! Recipients: references to actors of any kind in one list.

use airssys_rt::{
    Actor, ActorContext, ActorRef, ActorStats, ActorSystem, Child, ChildSpec, DeadLetterCause, Event,
    Overflow, Prepared, Recipient, SendError,
};
use futures_util::FutureExt;

use crate::support::script::{Log, SECOND, Say, Script, run, settle, start};

/// Another kind of message that a number fits into.
struct Sum(u32);

impl From<u32> for Sum {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

struct Adder {
    log: Log,
    sum: u32,
}

impl Child for Adder {}

impl Actor for Adder {
    type Message = Sum;
    type Error = std::fmt::Error;

    async fn handle_message(&mut self, message: Sum, _: &ActorContext<Sum>) -> Result<(), std::fmt::Error> {
        self.sum += message.0;
        self.log.note(format!("sum {}", self.sum));
        Ok(())
    }
}

fn prepare(system: &ActorSystem, capacity: usize, overflow: Overflow) -> (Prepared<Say>, Recipient<u32>) {
    let prepared = system.prepare::<Say>(ChildSpec::new("a").capacity(capacity).overflow(overflow)).unwrap();
    let recipient = prepared.actor_ref().recipient();
    (prepared, recipient)
}

/// `accepted`, `rejected`, `waited`, `overflowed`.
fn figures(actor: &ActorRef<Say>) -> (u64, u64, u64, u64) {
    let ActorStats { accepted, rejected, waited, overflowed, .. } = actor.stats();
    (accepted, rejected, waited, overflowed)
}

#[tokio::test(start_paused = true)]
async fn actors_of_all_kinds_are_in_one_list() {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let notes = start(&system, &log, ChildSpec::new("notes")).await;
    let own = log.clone();
    let adder = system.spawn(ChildSpec::unnamed(), move || Adder { log: own.clone(), sum: 0 }).await.unwrap();
    let all: Vec<Recipient<u32>> = vec![notes.recipient(), adder.recipient(), adder.recipient().clone()];
    for number in 1..=2 {
        for recipient in &all {
            recipient.send(number).await.unwrap();
        }
        settle().await;
    }
    let mut noted = log.take();
    noted.sort_unstable();
    assert_eq!(noted, ["note 1", "note 2", "sum 1", "sum 2", "sum 4", "sum 6"]);
    assert_eq!((all[0].name(), all[0].id()), ("notes", notes.id()));
    assert_eq!((all[1].name(), all[1].id()), ("", adder.id()));
    assert_eq!(format!("{:?}", all[0]), format!("Recipient(\"notes\", {})", notes.id()));

    // It stays valid across a restart, like every reference.
    notes.send(Say::Fail).await.unwrap();
    all[0].try_send(3).unwrap();
    assert_eq!(notes.request(Say::Ask, SECOND).await.unwrap(), 1);
    assert_eq!(log.take(), ["note 3"]);
    system.shutdown(SECOND).await;
    assert!(all.iter().all(Recipient::is_closed));
}

/// An actor with a list of subscribers.
#[tokio::test(start_paused = true)]
async fn an_actor_can_hold_its_subscribers() {
    let (system, log) = (ActorSystem::new("test"), Log::default());
    let (source, sink) = (
        start(&system, &log, ChildSpec::new("source")).await,
        start(&system, &log, ChildSpec::new("sink")).await,
    );
    let subscribers: Vec<Recipient<u32>> = vec![sink.recipient(), sink.recipient()];
    run(&source, move |_| subscribers.iter().for_each(|one| one.try_send(7).unwrap())).await;
    settle().await;
    assert_eq!(log.take(), ["note 7", "note 7"]);
}

#[tokio::test(start_paused = true)]
async fn a_recipient_that_rejects_hands_the_message_back() {
    let system = ActorSystem::new("test");
    let (prepared, recipient) = prepare(&system, 1, Overflow::Reject);
    let actor = prepared.actor_ref();
    recipient.send(1).await.unwrap();
    assert!(matches!(recipient.send(2).await, Err(SendError::Full(2))));
    assert!(matches!(recipient.try_send(3), Err(SendError::Full(3))));
    assert_eq!(figures(&actor), (1, 2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_recipient_that_waits_is_waited_for_in_turn() {
    let system = ActorSystem::new("test");
    let (prepared, recipient) = prepare(&system, 1, Overflow::Wait);
    let actor = prepared.actor_ref();
    recipient.try_send(1).unwrap();
    assert!(matches!(recipient.try_send(2), Err(SendError::Full(2))));
    let mut waits: Vec<_> = (3..5).map(|number| Box::pin(recipient.send(number))).collect();
    waits.iter_mut().for_each(|wait| assert!(wait.as_mut().now_or_never().is_none()));
    // A send that is dropped before it resolves is not delivered.
    drop(waits.remove(0));
    let log = Log::default();
    let own = log.clone();
    system.start(prepared, move || Script { log: own.clone(), bad_starts: 0 }).await.unwrap();
    waits.remove(0).await.unwrap();
    settle().await;
    assert_eq!(log.take(), ["note 1", "note 4"]);
    assert_eq!(figures(&actor), (2, 1, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_recipient_that_drops_messages_counts_them_once() {
    for (overflow, left) in
        [(Overflow::DropOldest, ["note 3", "note 4"]), (Overflow::DropNewest, ["note 1", "note 2"])]
    {
        let system = ActorSystem::new("test");
        let (prepared, recipient) = prepare(&system, 2, overflow);
        let (actor, mut events) = (prepared.actor_ref(), system.events());
        recipient.send(1).await.unwrap();
        recipient.try_send(2).unwrap();
        recipient.send(3).await.unwrap();
        recipient.try_send(4).unwrap();
        assert_eq!(figures(&actor), (4, 0, 0, 2), "{overflow:?}");
        let mut lost = 0;
        while let Some(Ok(Some(event))) = events.next().now_or_never() {
            lost += match event {
                Event::DeadLetter { cause: DeadLetterCause::Overflow, count, .. } => count,
                _ => 0,
            };
        }
        assert_eq!(lost, 2);
        let log = Log::default();
        let own = log.clone();
        system.start(prepared, move || Script { log: own.clone(), bad_starts: 0 }).await.unwrap();
        settle().await;
        assert_eq!(log.take(), left);
    }
}

#[tokio::test(start_paused = true)]
async fn ended_actor_hands_messages_back_for_every_policy() {
    for overflow in [Overflow::Wait, Overflow::Reject, Overflow::DropOldest, Overflow::DropNewest] {
        let system = ActorSystem::new("test");
        let (prepared, recipient) = prepare(&system, 1, overflow);
        let actor = prepared.actor_ref();
        recipient.try_send(1).unwrap();
        let mut waits = Box::pin(recipient.send(2));
        let waiting = waits.as_mut().now_or_never().is_none();
        assert_eq!(waiting, overflow == Overflow::Wait);
        drop(prepared);
        assert!(recipient.is_closed());
        if waiting {
            assert!(matches!(waits.await, Err(SendError::Closed(2))));
        }
        assert!(matches!(recipient.send(3).await, Err(SendError::Closed(3))));
        assert!(matches!(recipient.try_send(4), Err(SendError::Closed(4))));
        let stats = actor.stats();
        assert_eq!(stats.accepted, stats.overflowed + stats.dropped, "{overflow:?}");
    }
}
