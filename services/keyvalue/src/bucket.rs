//! An open label, as a guest holds it.

use std::collections::VecDeque;

use airssys_wasm::OpenLabel;

use crate::store::Store;

/// The most cursors in numbers that a bucket remembers; the oldest is forgotten. A guest can hold
/// thousands of buckets, and a cursor can be as long as a key.
const MAX_CURSORS: usize = 8;

/// A label that an instance has opened, with the cursors that stand for numbers.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct Bucket {
    pub(crate) label: OpenLabel<dyn Store>,
    cursors: VecDeque<(u64, String)>,
    last_cursor: u64,
}

impl Bucket {
    pub(crate) fn new(label: OpenLabel<dyn Store>) -> Bucket {
        Bucket { label, cursors: VecDeque::new(), last_cursor: 0 }
    }

    /// Returns a number that stands for a cursor.
    pub(crate) fn number(&mut self, cursor: String) -> u64 {
        if let Some((number, _)) = self.cursors.iter().find(|(_, known)| *known == cursor) {
            return *number;
        }
        self.last_cursor += 1;
        self.cursors.truncate(MAX_CURSORS - 1);
        self.cursors.push_front((self.last_cursor, cursor));
        self.last_cursor
    }

    /// Returns the cursor that a number stands for.
    pub(crate) fn cursor(&self, number: u64) -> Option<String> {
        self.cursors.iter().find(|(known, _)| *known == number).map(|(_, cursor)| cursor.clone())
    }
}

/// A handle of one key, with the version that it has read last. It keeps no value, because a guest can
/// hold thousands of handles.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct Cas {
    pub(crate) label: OpenLabel<dyn Store>,
    pub(crate) key: String,
    /// `None` if the key was absent.
    pub(crate) version: Option<String>,
}
