//! Messages that an actor handles together.

use std::sync::{Arc, Mutex};

use airssys_rt::{Actor, ActorContext, ActorSystem, Behind, Child, ChildSpec, ExitReason, Overflow};

/// The handler that gets to it fails.
const BAD: u32 = 1_000;
/// Its handler stops the incarnation before it takes more messages.
const STOP: u32 = 2_000;

#[derive(Debug, thiserror::Error)]
#[error("a bad message")]
struct Bad;

/// The log of the handlers, over all incarnations.
#[derive(Default)]
struct Done {
    /// The messages of each handler.
    runs: Vec<Vec<u32>>,
    /// The messages that were taken and not handled.
    left: Vec<u32>,
}

/// Handles up to `most` messages at once.
struct Taker {
    most: usize,
    done: Arc<Mutex<Done>>,
}

impl Child for Taker {}

impl Actor for Taker {
    type Message = u32;
    type Error = Bad;

    async fn handle_message(&mut self, message: u32, _: &ActorContext<u32>) -> Result<(), Bad> {
        panic!("{message} came without those behind it")
    }

    async fn handle_batch(
        &mut self,
        first: u32,
        behind: &mut Behind<'_, u32>,
        context: &ActorContext<u32>,
    ) -> Result<(), Bad> {
        if first == STOP {
            context.stop_self();
        }
        let mut run = vec![first];
        while run.len() < self.most
            && let Some(next) = behind.next_if(|next| *next != STOP)
        {
            run.push(next);
        }
        let good = run.iter().position(|message| *message == BAD).unwrap_or(run.len());
        let mut done = self.done.lock().unwrap();
        done.left.extend(run.iter().skip(good + 1));
        let failed = good < run.len();
        run.truncate(good);
        done.runs.push(run);
        if failed { Err(Bad) } else { Ok(()) }
    }
}

/// Handles messages that are all in the mailbox before the first is handled, with at most `most` in one
/// handler.
async fn handled(most: usize, overflow: Overflow, messages: impl IntoIterator<Item = u32>) -> Done {
    let system = ActorSystem::new("test");
    let prepared = system.prepare(ChildSpec::new("taker").capacity(500).overflow(overflow)).unwrap();
    let actor = prepared.actor_ref();
    for message in messages {
        actor.try_send(message).unwrap();
    }
    actor.drain();
    let done = Arc::new(Mutex::new(Done::default()));
    let theirs = Arc::clone(&done);
    system.start(prepared, move || Taker { most, done: Arc::clone(&theirs) }).await.unwrap();
    assert!(matches!(actor.closed().await, ExitReason::Shutdown));
    let stats = actor.stats();
    assert_eq!((stats.accepted, stats.depth), (stats.handled + stats.failed, 0), "{stats:?}");
    assert_eq!(stats.failed, stats.restarts - u64::from(done.lock().unwrap().runs.contains(&vec![STOP])));
    std::mem::take(&mut *done.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn messages_behind_are_taken_in_order_and_only_if_wanted() {
    let done = handled(3, Overflow::Wait, 0..8).await;
    assert_eq!(done.runs, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
}

#[tokio::test(start_paused = true)]
async fn batch_ends_when_the_coop_budget_is_spent() {
    let done = handled(500, Overflow::Wait, 0..200).await;
    assert_eq!(done.runs.concat(), (0..200).collect::<Vec<_>>());
    let lengths: Vec<_> = done.runs.iter().map(Vec::len).collect();
    assert_eq!(lengths, [64, 64, 64, 8]);
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_hands_messages_out_one_by_one() {
    let done = handled(500, Overflow::DropOldest, 0..3).await;
    assert_eq!(done.runs, [[0], [1], [2]]);
}

#[tokio::test(start_paused = true)]
async fn stop_overtakes_the_messages_behind() {
    let done = handled(500, Overflow::Wait, [1, STOP, 2, 3]).await;
    assert_eq!(done.runs, [vec![1], vec![STOP], vec![2, 3]]);
}

#[tokio::test(start_paused = true)]
async fn messages_not_taken_go_to_the_next_incarnation() {
    let done = handled(4, Overflow::Wait, [1, 2, BAD, 3, 4, 5]).await;
    assert_eq!(done.runs, [vec![1, 2], vec![4, 5]]);
    assert_eq!(done.left, [3]);
}
