//! Texts of guests that the host keeps.

use std::fmt::{self, Write as _};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The mark at the end of a text that was cut.
const MARK: char = '…';

/// A text of a guest, or about one, that the host keeps: at most [`BoundedText::MAX_BYTES`] bytes.
///
/// A longer text is cut at a character, and ends with `…`. It is always a copy, so that it takes no
/// more memory than its bytes. The buffer of the guest's text is freed.
///
/// ```
/// use airssys_wasm::BoundedText;
///
/// assert_eq!(BoundedText::new("out of stock").as_str(), "out of stock");
/// let long = BoundedText::new(&"é".repeat(1_000_000));
/// assert!(long.len() < 1_100 && long.ends_with('…'));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoundedText(Arc<str>);

impl BoundedText {
    /// The most bytes of a text that are kept. The mark of a cut comes on top.
    pub const MAX_BYTES: usize = 1 << 10;

    /// Copies the beginning of a text.
    pub fn new(text: &str) -> BoundedText {
        BoundedText::of(&text)
    }

    /// Copies the beginning of the text of a value. Writes no more of it than is kept.
    pub fn of(value: &(impl fmt::Display + ?Sized)) -> BoundedText {
        let mut writer = BoundedWriter::default();
        // An error means that the text was cut, or that the value stopped by itself.
        match write!(writer, "{value}") {
            Ok(()) | Err(fmt::Error) => BoundedText(Arc::from(writer.text)),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes the beginning of a text, and then fails.
#[derive(Default)]
struct BoundedWriter {
    text: String,
}

impl fmt::Write for BoundedWriter {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = BoundedText::MAX_BYTES.saturating_sub(self.text.len());
        let end = piece.floor_char_boundary(room);
        self.text.push_str(&piece[..end]);
        if end == piece.len() {
            return Ok(());
        }
        self.text.push(MARK);
        Err(fmt::Error)
    }
}

impl Deref for BoundedText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BoundedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for BoundedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl From<&str> for BoundedText {
    fn from(text: &str) -> BoundedText {
        BoundedText::new(text)
    }
}

impl From<String> for BoundedText {
    /// Copies the text, and frees its buffer.
    fn from(text: String) -> BoundedText {
        BoundedText::new(&text)
    }
}

impl PartialEq<str> for BoundedText {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for BoundedText {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl Serialize for BoundedText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = BoundedText::MAX_BYTES;

    #[test]
    fn text_of_the_most_bytes_is_whole_and_a_longer_one_is_marked() {
        let whole = "a".repeat(MAX);
        assert_eq!(BoundedText::new(&whole), whole.as_str());
        assert_eq!(BoundedText::new(&format!("{whole}b")), format!("{whole}…").as_str());
        // A character of three bytes does not fit at the end, and is left out.
        let odd = format!("{}€", "a".repeat(MAX - 1));
        assert_eq!(BoundedText::new(&odd), format!("{}…", "a".repeat(MAX - 1)).as_str());
    }

    #[test]
    fn pieces_of_a_value_are_cut_as_one_text() {
        struct Pieces(usize);
        impl fmt::Display for Pieces {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (0..self.0).try_for_each(|_| f.write_str("aé"))
            }
        }
        for count in [0, 1, 341, 342, 1_000_000_000] {
            let whole = "aé".repeat(count.min(MAX));
            assert_eq!(BoundedText::of(&Pieces(count)), BoundedText::new(&whole), "{count}");
        }
    }

    #[test]
    fn buffer_of_a_long_text_is_not_kept() {
        let mut text = String::with_capacity(1 << 20);
        text.push_str("short");
        let kept = BoundedText::from(text);
        assert_eq!(size_of_val(&*kept.0), "short".len());
    }
}
