//! The kind of a dead letter: its reason without the parts that differ from message to message.

use std::collections::BTreeMap;

use super::letter::DeadLetterReason;

/// The longest kind, in bytes.
const MAX_KIND_BYTES: usize = 256;

/// The mark in place of a part that differs.
const MARK: char = '…';

/// The pairs of characters around a piece of a message's content.
const QUOTES: [(char, char); 8] =
    [('"', '"'), ('`', '`'), ('“', '”'), ('„', '“'), ('«', '»'), ('{', '}'), ('[', ']'), ('‹', '›')];

/// The reasons of one kind, counted together.
#[derive(Debug)]
pub(super) struct KindCount {
    pub(super) count: u64,
    /// The first reason, in full.
    pub(super) first: String,
    /// True if another reason of the kind had another text.
    pub(super) differ: bool,
}

/// The dead letters of a receiver by the kind of their reasons.
pub(super) type KindCounts = BTreeMap<String, KindCount>;

/// Returns the kind of a reason. Reasons without a text of the guest are kinds by themselves.
pub(super) fn kind(reason: &DeadLetterReason) -> String {
    match reason {
        DeadLetterReason::Rejected(_)
        | DeadLetterReason::RetryAsked(_)
        | DeadLetterReason::HandlerFailed(_)
        | DeadLetterReason::CodecRefused(_) => without_content(&reason.to_string()),
        DeadLetterReason::TooLarge { .. } => "larger than the subscriber's limit".to_owned(),
        _ => reason.to_string(),
    }
}

/// Returns the line of a reason that says most: the first, or the last of a traceback of Python.
pub(crate) fn headline(reason: &str) -> String {
    let mut lines = reason.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    match (first.strip_suffix("Traceback (most recent call last):"), lines.next_back()) {
        (Some(before), Some(error)) => format!("{before}{}", error.trim()),
        _ => first.to_owned(),
    }
}

/// Returns the headline of a text without numbers, ids and quoted pieces.
fn without_content(text: &str) -> String {
    let line = headline(text);
    let mut kind = String::new();
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        if kind.len() >= MAX_KIND_BYTES {
            push_mark(&mut kind);
            break;
        }
        rest = match quoted(rest, first, &kind).or_else(|| word(rest)) {
            Some((part, after)) => {
                if is_content(part) {
                    push_mark(&mut kind);
                } else {
                    kind.push_str(&part[..part.floor_char_boundary(MAX_KIND_BYTES)]);
                }
                after
            }
            None => {
                kind.push(first);
                &rest[first.len_utf8()..]
            }
        };
    }
    kind
}

/// Adds the mark, unless the text ends with one and separators: a list of numbers is one mark.
fn push_mark(kind: &mut String) {
    let end = kind.trim_end_matches([',', ' ', ';', '/', ':', '-', '+']).len();
    match kind[..end].ends_with(MARK) {
        true => kind.truncate(end),
        false => kind.push(MARK),
    }
}

/// Splits off a quoted piece. Apostrophes quote only if they do not follow a letter.
fn quoted<'a>(text: &'a str, first: char, before: &str) -> Option<(&'a str, &'a str)> {
    let is_apostrophe = first == '\'' && !before.ends_with(char::is_alphanumeric);
    let close = match QUOTES.iter().find(|(open, _)| *open == first) {
        Some((_, close)) => *close,
        None if is_apostrophe => '\'',
        None => return None,
    };
    let mut depth = 1;
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == close {
            depth -= 1;
        } else if c == first {
            depth += 1;
        }
        if depth == 0 {
            return Some(text.split_at(at + c.len_utf8()));
        }
    }
    // A piece that was cut off has no end.
    (first != '\'').then_some((text, ""))
}

/// Splits off a word: letters and digits, and what joins them in numbers and ids.
fn word(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || "_-.:@%#$/+".contains(c);
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    // Punctuation after a word is not a part of it.
    let end = text[..end].trim_end_matches(['.', ':', '-', '/', '+']).len();
    (end > 0).then(|| text.split_at(end))
}

/// Returns true if a piece belongs to one message: it is quoted, a number, or an id.
///
/// A word such as `UTF-8` or `i32` stays, because it has a letter first and few digits.
fn is_content(piece: &str) -> bool {
    let digits = piece.chars().filter(char::is_ascii_digit).count();
    let first = piece.chars().find(|c| !"-+#$.".contains(*c)).unwrap_or(' ');
    let is_quoted = !first.is_alphanumeric();
    is_quoted || first.is_ascii_digit() || digits >= 3 || (digits > 0 && piece.len() >= 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ids_and_quoted_pieces_are_not_part_of_a_kind() {
        for (reason, kind) in [
            ("not JSON: EOF while parsing at column 377", "not JSON: EOF while parsing at column …"),
            ("latitude 95.2 is outside -90 to 90", "latitude … is outside … to …"),
            ("magnitude is a string: \"4.1\"", "magnitude is a string: …"),
            ("unknown event `us7000abcd`", "unknown event …"),
            ("event us7000abcd came twice", "event … came twice"),
            ("no order 018f2c4e-7d1a-7b3c-9f00-5a5a5a5a5a5a", "no order …"),
            ("id 0xff, 12, 13, 14 and 15", "id … and …"),
            ("bad event {\"id\": 7, \"of\": {\"x\": 1}} here", "bad event … here"),
            ("it's 'a' or 'b'", "it's … or …"),
            ("cut off: \"abc", "cut off: …"),
            ("\n\nfirst line 1\n  at handler.js:12:3", "first line …"),
            (
                "failed: Traceback (most recent call last):\n  File \"a.py\", line 3\nValueError: 7",
                "failed: ValueError: …",
            ),
            ("took 12ms, 40% of 3/4", "took … of …"),
        ] {
            assert_eq!(without_content(reason), kind, "{reason}");
        }
    }

    #[test]
    fn words_with_few_digits_stay() {
        for reason in ["not UTF-8", "an i32 is missing", "version v2 of the H2 header", "the line is empty"] {
            assert_eq!(without_content(reason), reason);
        }
    }

    #[test]
    fn kinds_are_bounded() {
        let long = "word ".repeat(1_000);
        assert!(without_content(&long).len() <= MAX_KIND_BYTES + 8);
        assert!(without_content(&"é".repeat(1_000)).len() <= MAX_KIND_BYTES + 8);
    }

    #[test]
    fn sizes_are_not_part_of_a_kind() {
        let too_large = |size| kind(&DeadLetterReason::TooLarge { size, limit: 10 });
        assert_eq!(too_large(11), too_large(12));
    }
}
