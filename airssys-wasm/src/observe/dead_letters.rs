//! Messages that were accepted and could not be handled, with the reason.

mod kept;
mod lines;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use crate::observe::trace::TraceContext;
use kept::Kept;
use lines::Lines;

/// Most dead letters that are kept; of older ones only the count is.
pub const MAX_KEPT: usize = 10_000;

/// Most bytes of bodies that are kept, together.
pub const MAX_KEPT_BYTES: usize = 64 << 20;

/// Why a message was not handled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLetterReason {
    /// Its handler rejected it.
    #[error("rejected: {0}")]
    Rejected(String),
    /// Its handler asked for another attempt, and there was none.
    #[error("asked for another attempt: {0}")]
    RetryAsked(String),
    /// Its handler failed: it trapped, or reached a limit.
    #[error("failed: {0}")]
    HandlerFailed(String),
    /// Its handler deferred it, and then waited for nothing that could still happen.
    #[error("abandoned: the handler deferred the message and waits for nothing")]
    Abandoned,
    /// Its receiver was ended while it handled the message: it did not stop in time.
    #[error("the receiver was ended while it handled the message")]
    Interrupted,
    /// Its receiver ended for good before it came to the message.
    #[error("the receiver stopped before it came to the message")]
    TargetStopped,
    /// Its receiver's mailbox was full, and does not make senders wait (`reject` for publications,
    /// `drop-newest`).
    #[error("the receiver's mailbox was full")]
    MailboxFull,
    /// Its receiver's mailbox was full, and drops the oldest for a newer one (`drop-oldest`).
    #[error("made way for a newer message: the mailbox was full")]
    MadeWay,
    /// A subscriber does not accept the publication's codec.
    #[error("the subscriber does not accept the codec: {0}")]
    CodecRefused(String),
    /// A publication was larger than a subscriber takes.
    #[error("{size} bytes are more than the subscriber's limit of {limit}")]
    TooLarge {
        /// What it was, in bytes.
        size: u64,
        /// What the subscriber takes, in bytes.
        limit: u64,
    },
}

/// A message that was accepted and could not be handled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its number: later ones have greater ones.
    pub id: u64,
    /// The component that it was for.
    pub receiver: Arc<str>,
    /// The instance that had it, in its mailbox or its handler; none if it never came that far.
    pub instance: Option<Arc<str>>,
    /// The instance that sent it.
    pub sender: Arc<str>,
    /// The topic it was published on, if it was.
    pub topic: Option<Arc<str>>,
    /// The place in a trace where it was sent, if it belongs to one.
    pub trace: Option<TraceContext>,
    /// The message: codec prefix and body.
    pub message: Bytes,
    /// Why it was not handled.
    pub reason: DeadLetterReason,
    /// How often its handler got it: 0 if it never came to that.
    pub attempts: u32,
    /// When it was given up.
    pub at: SystemTime,
}

/// The dead letters of an app: the newest of each receiver, within [`MAX_KEPT`] and
/// [`MAX_KEPT_BYTES`] for all together, and the number of all by receiver and reason. When there are
/// too many, the oldest of the receiver that has most goes.
#[derive(Debug, Default)]
pub struct DeadLetters {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: Kept,
    counts: BTreeMap<(Arc<str>, String), u64>,
    total: u64,
    lines: Lines,
}

/// How many dead letters a receiver has for one reason.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct DeadLetterCount {
    /// The component that the messages were for.
    pub receiver: String,
    /// Why they were not handled.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// Why a dead letter was not handed to its receiver again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// There is no such letter.
    #[error("there is no dead letter {id}: it was retried, dropped, or made way for newer ones")]
    Unknown {
        /// The id.
        id: u64,
    },
    /// Its receiver does not take it.
    #[error("`{receiver}` did not take dead letter {id}: {reason}")]
    Refused {
        /// The letter, which is kept.
        id: u64,
        /// The component that it is for.
        receiver: String,
        /// Why not.
        reason: String,
    },
}

/// Most different reasons that are counted apart; further ones are counted as one.
const MAX_REASONS: usize = 1_000;

impl DeadLetters {
    /// Adds one, and gives it its number.
    pub(crate) fn add(&self, letter: DeadLetter) {
        let mut state = self.state();
        state.count(&letter.receiver, &letter.reason);
        let id = state.total;
        let line = state.lines.pass(&letter.receiver, &letter.reason);
        let said = line.map(|line| (line, letter.clone()));
        state.kept.add(DeadLetter { id, ..letter });
        drop(state);
        if let Some((line, letter)) = said {
            let DeadLetter { receiver, sender, topic, reason, attempts, .. } = letter;
            tracing::warn!(
                target: "airssys::dead_letter",
                %receiver, %sender, topic = topic.as_deref(), attempts, "{reason}{}", line.more()
            );
        }
    }

    /// Says what the log has held back about a receiver, which is gone, or about all.
    pub(crate) fn say_rest(&self, of: Option<&str>) {
        let held = self.state().lines.take(of);
        held.iter().for_each(lines::Held::log);
    }

    /// The dead letters that are kept, oldest first.
    pub fn kept(&self) -> Vec<DeadLetter> {
        self.lock(|state| state.kept.iter().cloned().collect())
    }

    /// The dead letter with this id, if it is kept.
    pub fn get(&self, id: u64) -> Option<DeadLetter> {
        self.lock(|state| state.kept.get(id).cloned())
    }

    /// Takes a dead letter out, if it is kept. The counts stay: they tell what there was.
    pub(crate) fn discard(&self, id: u64) -> Option<DeadLetter> {
        self.state().kept.take(id)
    }

    /// Puts one back that was taken out.
    pub(crate) fn put_back(&self, letter: DeadLetter) {
        self.state().kept.add(letter);
    }

    /// How many dead letters there were, kept or not.
    pub fn total(&self) -> u64 {
        self.lock(|state| state.total)
    }

    /// How many dead letters there were, kept or not, by receiver and reason.
    pub fn counts(&self) -> Vec<DeadLetterCount> {
        let count = |((receiver, reason), count): (&(Arc<str>, String), &u64)| DeadLetterCount {
            receiver: receiver.to_string(),
            reason: reason.clone(),
            count: *count,
        };
        self.lock(|state| state.counts.iter().map(count).collect())
    }

    fn lock<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, receiver: &Arc<str>, reason: &DeadLetterReason) {
        let mut key = (Arc::clone(receiver), reason.to_string());
        if self.counts.len() >= MAX_REASONS && !self.counts.contains_key(&key) {
            key.1 = "other reasons".to_owned();
        }
        *self.counts.entry(key).or_default() += 1;
        self.total += 1;
    }
}
