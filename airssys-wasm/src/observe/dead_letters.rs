//! Dead letters: messages that were accepted and could not be handled, with the reason.

mod kept_letters;
mod kind;
mod letter;
mod log;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::sync::lock;
use kept_letters::KeptLetters;
pub(crate) use kind::headline;
use kind::{KindCount, KindCounts};
use log::{LetterLog, SuppressedLines};

pub use kept_letters::{MAX_KEPT, MAX_KEPT_BYTES};
pub use letter::{DeadLetter, DeadLetterReason};

/// The most kinds of reasons that are counted apart for one receiver. Its further kinds are counted as
/// one, so that its reasons leave room for those of others.
const MAX_KINDS: usize = 100;

/// The kind of the reasons beyond [`MAX_KINDS`].
const OTHER_REASONS: &str = "other reasons";

/// The dead letters of an app.
///
/// The newest of each receiver are kept, within [`MAX_KEPT`] and [`MAX_KEPT_BYTES`] for all receivers
/// together. When there are too many, the oldest of the receiver with the most is removed. All dead
/// letters are counted by receiver and kind of reason.
#[derive(Debug, Default)]
pub struct DeadLetters {
    state: Mutex<LettersState>,
}

#[derive(Debug, Default)]
struct LettersState {
    kept: KeptLetters,
    counts: BTreeMap<Arc<str>, KindCounts>,
    total: u64,
    log: LetterLog,
}

/// The number of dead letters of a receiver for reasons of one kind.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct DeadLetterCount {
    /// The component that the messages were sent to.
    pub receiver: String,
    /// The kind of reason: the reason, with `…` in place of numbers, ids and quoted pieces if these
    /// differ from letter to letter.
    pub kind: String,
    /// The reason of the first of them, in full. It can have several lines, such as a stack trace.
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
        /// True if the receiver had no room, so that it may take the letter later.
        no_room: bool,
    },
}

impl DeadLetters {
    /// Adds a dead letter under the next id.
    pub(crate) fn add(&self, letter: DeadLetter) {
        let (kind, reason) = (kind::kind(&letter.reason), letter.reason.to_string());
        let mut state = lock(&self.state);
        state.count(&letter.receiver, kind, reason);
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

    /// Returns the bytes of the kept dead letters of a receiver.
    pub(crate) fn kept_bytes_of(&self, receiver: &str) -> usize {
        lock(&self.state).kept.bytes_of(receiver)
    }

    /// Returns the number of dead letters, kept or not.
    pub fn total(&self) -> u64 {
        lock(&self.state).total
    }

    /// Returns the number of dead letters, kept or not, by receiver and kind of reason: the commonest
    /// first.
    pub fn counts(&self) -> Vec<DeadLetterCount> {
        let count = |receiver: &Arc<str>, kind: &String, count: &KindCount| DeadLetterCount {
            receiver: receiver.to_string(),
            kind: if count.differ { kind.clone() } else { headline(&count.first) },
            reason: count.first.clone(),
            count: count.count,
        };
        let mut counts = Vec::new();
        for (receiver, kinds) in &lock(&self.state).counts {
            counts.extend(kinds.iter().map(|(kind, counted)| count(receiver, kind, counted)));
        }
        // Those with equal counts stay ordered by receiver and kind.
        counts.sort_by_key(|count| Reverse(count.count));
        counts
    }
}

impl LettersState {
    fn count(&mut self, receiver: &Arc<str>, mut kind: String, mut reason: String) {
        let kinds = self.counts.entry(Arc::clone(receiver)).or_default();
        if kinds.len() >= MAX_KINDS && !kinds.contains_key(&kind) {
            reason = OTHER_REASONS.to_owned();
            kind.clone_from(&reason);
        }
        let counted =
            kinds.entry(kind).or_insert_with(|| KindCount { count: 0, first: reason.clone(), differ: false });
        counted.differ |= counted.first != reason;
        counted.count += 1;
        self.total += 1;
    }
}
