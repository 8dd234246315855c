//! The dead letters that are kept: the newest of each receiver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::letter::DeadLetter;

/// The most dead letters that are kept. Older ones are only counted.
pub const MAX_KEPT: usize = 10_000;

/// The most bytes of message bodies and reasons that are kept, for all dead letters together.
pub const MAX_KEPT_BYTES: usize = 64 << 20;

/// The dead letters that are kept. When there are too many, the oldest of the receiver with the most
/// is removed, so that a receiver with many does not evict the letters of others.
#[derive(Debug, Default)]
pub(super) struct KeptLetters {
    by_id: BTreeMap<u64, DeadLetter>,
    shares: BTreeMap<Arc<str>, Share>,
    bytes: usize,
}

/// The part that belongs to one receiver.
#[derive(Debug, Default)]
struct Share {
    ids: BTreeSet<u64>,
    bytes: usize,
}

impl KeptLetters {
    /// Adds a letter. Removes others if there are too many.
    pub(super) fn add(&mut self, letter: DeadLetter) {
        let (id, bytes) = (letter.id, letter.kept_bytes());
        let share = self.shares.entry(Arc::clone(&letter.receiver)).or_default();
        share.ids.insert(id);
        share.bytes += bytes;
        self.bytes += bytes;
        self.by_id.insert(id, letter);
        while self.by_id.len() > MAX_KEPT {
            self.drop_oldest_of_most(|share| share.ids.len());
        }
        while self.bytes > MAX_KEPT_BYTES && self.by_id.len() > 1 {
            self.drop_oldest_of_most(|share| share.bytes);
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<&DeadLetter> {
        self.by_id.get(&id)
    }

    pub(super) fn take(&mut self, id: u64) -> Option<DeadLetter> {
        let letter = self.by_id.remove(&id)?;
        let bytes = letter.kept_bytes();
        self.bytes -= bytes;
        if let Some(share) = self.shares.get_mut(&letter.receiver) {
            share.ids.remove(&id);
            share.bytes -= bytes;
            if share.ids.is_empty() {
                self.shares.remove(&letter.receiver);
            }
        }
        Some(letter)
    }

    /// Returns the bytes of a receiver's letters.
    pub(super) fn bytes_of(&self, receiver: &str) -> usize {
        self.shares.get(receiver).map_or(0, |share| share.bytes)
    }

    /// Returns all letters, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &DeadLetter> {
        self.by_id.values()
    }

    fn drop_oldest_of_most(&mut self, most: impl Fn(&Share) -> usize) {
        let fullest = self.shares.values().max_by_key(|share| most(share));
        if let Some(oldest) = fullest.and_then(|share| share.ids.first().copied()) {
            self.take(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;

    use super::*;
    use crate::observe::dead_letters::DeadLetterReason;

    fn letter(id: u64, receiver: &str, bytes: usize) -> DeadLetter {
        DeadLetter {
            id,
            receiver: Arc::from(receiver),
            instance: None,
            sender: Arc::from("sender"),
            topic: None,
            trace: None,
            message: Bytes::from(vec![0; bytes]),
            reason: DeadLetterReason::Abandoned,
            attempts: 1,
            at: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn receiver_with_many_letters_does_not_evict_those_of_others() {
        let mut kept = KeptLetters::default();
        for id in 0..10 {
            kept.add(letter(id, "quiet", 1));
        }
        let flood = 10..(2 * MAX_KEPT as u64);
        flood.clone().for_each(|id| kept.add(letter(id, "noisy", 1)));
        assert_eq!(kept.iter().count(), MAX_KEPT);
        assert!((0..10).all(|id| kept.get(id).is_some()));
        assert!(
            kept.get(10).is_none() && kept.get(flood.end - 1).is_some(),
            "its own oldest letters are removed"
        );
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut kept = KeptLetters::default();
        kept.add(letter(0, "small", 1));
        for id in 1..=3 {
            kept.add(letter(id, "large", MAX_KEPT_BYTES / 2));
        }
        let ids: Vec<_> = kept.iter().map(|letter| letter.id).collect();
        assert_eq!(ids, [0, 3]);
        assert!(kept.take(1).is_none());
        for id in ids {
            kept.take(id).unwrap();
        }
        assert_eq!((kept.bytes, kept.shares.len()), (0, 0));
    }
}
