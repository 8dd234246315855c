//! Dead letters: messages that were accepted and could not be handled, with the reason.

mod kept_letters;
mod letter;
mod log;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::sync::lock;
use kept_letters::KeptLetters;
use log::{LetterLog, SuppressedLines};

pub use kept_letters::{MAX_KEPT, MAX_KEPT_BYTES};
pub use letter::{DeadLetter, DeadLetterReason};

/// The most pairs of receiver and reason that are counted apart. Further reasons are counted as one.
const MAX_REASONS: usize = 1_000;

/// The dead letters of an app.
///
/// The newest of each receiver are kept, within [`MAX_KEPT`] and [`MAX_KEPT_BYTES`] for all receivers
/// together. When there are too many, the oldest of the receiver with the most is removed. All dead
/// letters are counted by receiver and reason.
#[derive(Debug, Default)]
pub struct DeadLetters {
    state: Mutex<LettersState>,
}

#[derive(Debug, Default)]
struct LettersState {
    kept: KeptLetters,
    counts: BTreeMap<(Arc<str>, String), u64>,
    total: u64,
    log: LetterLog,
}

/// The number of dead letters of a receiver for one reason.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct DeadLetterCount {
    /// The component that the messages were sent to.
    pub receiver: String,
    /// The reason for which they were not handled.
    pub reason: String,
    /// The number of dead letters.
    pub count: u64,
}

/// A dead letter was not handed to its receiver again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// No dead letter with this id is kept.
    #[error("dead letter {id} is not kept: it was retried, dropped, or removed for newer ones")]
    Unknown {
        /// The id.
        id: u64,
    },
    /// The receiver refused it.
    #[error("`{receiver}` did not take dead letter {id}: {reason}")]
    Refused {
        /// The id of the dead letter, which is kept.
        id: u64,
        /// The component that it was sent to.
        receiver: String,
        /// The reason of the refusal.
        reason: String,
    },
}

impl DeadLetters {
    /// Adds a dead letter under the next id.
    pub(crate) fn add(&self, letter: DeadLetter) {
        let mut state = lock(&self.state);
        state.count(&letter.receiver, &letter.reason);
        let id = state.total;
        let line = state.log.pass(&letter.receiver, &letter.reason);
        let logged = line.map(|line| (line, letter.clone()));
        state.kept.add(DeadLetter { id, ..letter });
        drop(state);
        if let Some((line, letter)) = logged {
            let DeadLetter { receiver, sender, topic, reason, attempts, .. } = letter;
            tracing::warn!(
                target: "airssys::dead_letter",
                %receiver, %sender, topic = topic.as_deref(), attempts, "{reason}{}", line.more()
            );
        }
    }

    /// Logs the number of suppressed lines about a receiver, or about all receivers.
    pub(crate) fn log_suppressed(&self, receiver: Option<&str>) {
        let suppressed = lock(&self.state).log.take_suppressed(receiver);
        suppressed.iter().for_each(SuppressedLines::log);
    }

    /// Returns the dead letters that are kept, oldest first.
    pub fn kept(&self) -> Vec<DeadLetter> {
        lock(&self.state).kept.iter().cloned().collect()
    }

    /// Returns the dead letter with this id. Returns `None` if it is not kept.
    pub fn get(&self, id: u64) -> Option<DeadLetter> {
        lock(&self.state).kept.get(id).cloned()
    }

    /// Removes a dead letter and returns it. The counts stay, because they are of all dead letters.
    pub(crate) fn discard(&self, id: u64) -> Option<DeadLetter> {
        lock(&self.state).kept.take(id)
    }

    /// Puts a removed dead letter back.
    pub(crate) fn put_back(&self, letter: DeadLetter) {
        lock(&self.state).kept.add(letter);
    }

    /// Returns the number of dead letters, kept or not.
    pub fn total(&self) -> u64 {
        lock(&self.state).total
    }

    /// Returns the number of dead letters, kept or not, by receiver and reason.
    pub fn counts(&self) -> Vec<DeadLetterCount> {
        let count = |((receiver, reason), count): (&(Arc<str>, String), &u64)| DeadLetterCount {
            receiver: receiver.to_string(),
            reason: reason.clone(),
            count: *count,
        };
        lock(&self.state).counts.iter().map(count).collect()
    }
}

impl LettersState {
    fn count(&mut self, receiver: &Arc<str>, reason: &DeadLetterReason) {
        let mut key = (Arc::clone(receiver), reason.to_string());
        if self.counts.len() >= MAX_REASONS && !self.counts.contains_key(&key) {
            key.1 = "other reasons".to_owned();
        }
        *self.counts.entry(key).or_default() += 1;
        self.total += 1;
    }
}
