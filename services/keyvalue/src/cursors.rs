//! The cursors of an instance that the interface gives as numbers.

use std::collections::VecDeque;

/// The most cursors in numbers that an instance has. The oldest is forgotten.
const MAX_CURSORS: usize = 64;

/// The cursors of all buckets of an instance, the last used one first. One bound for all of them, because a
/// guest can hold thousands of buckets.
#[derive(Debug, Default)]
pub struct Cursors {
    known: VecDeque<Cursor>,
    last: u64,
}

#[derive(Debug)]
struct Cursor {
    number: u64,
    label: String,
    text: String,
}

impl Cursors {
    /// Returns a number that stands for a cursor of a label. A known cursor keeps its number.
    pub(crate) fn number(&mut self, label: &str, text: String) -> u64 {
        if let Some(at) = self.known.iter().position(|known| known.label == label && known.text == text) {
            return self.used(at).map_or(0, |cursor| cursor.number);
        }
        self.last += 1;
        self.known.truncate(MAX_CURSORS - 1);
        self.known.push_front(Cursor { number: self.last, label: label.to_owned(), text });
        self.last
    }

    /// Returns the cursor of a label that a number stands for.
    pub(crate) fn text(&mut self, label: &str, number: u64) -> Option<String> {
        let at = self.known.iter().position(|known| known.number == number && known.label == label)?;
        self.used(at).map(|cursor| cursor.text.clone())
    }

    /// Puts a cursor to the front.
    fn used(&mut self, at: usize) -> Option<&Cursor> {
        let cursor = self.known.remove(at)?;
        self.known.push_front(cursor);
        self.known.front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_remembers_its_last_cursors() {
        let mut cursors = Cursors::default();
        let first = cursors.number("a", "first".to_owned());
        assert_eq!(cursors.number("a", "first".to_owned()), first);
        assert_eq!(cursors.text("b", first), None, "it is a cursor of another label");
        for at in 0..10 * MAX_CURSORS {
            let number = cursors.number("b", at.to_string());
            assert_eq!(cursors.text("b", number), Some(at.to_string()));
            // A cursor in use is not the oldest.
            assert_eq!(cursors.text("a", first).as_deref(), Some("first"));
        }
        assert_eq!(cursors.known.len(), MAX_CURSORS);
        assert_eq!(cursors.text("b", first + 1), None);
    }
}
