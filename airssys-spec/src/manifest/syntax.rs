//! Syntax errors of a manifest, and what is written twice.

use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::Document;
use crate::file::MAX_MANIFEST_BYTES;

/// Parses a manifest. Returns `None`, with the reasons in the document, if it is too large or not TOML.
pub(super) fn parse<'text>(document: &Document, text: &'text str) -> Option<Spanned<DeTable<'text>>> {
    if text.len() as u64 > MAX_MANIFEST_BYTES {
        let message = format!("the file has {} bytes: {MAX_MANIFEST_BYTES} are allowed", text.len());
        document.report(None, message, "check the path; a manifest has at most 1 MiB".to_owned());
        return None;
    }
    let (parsed, errors) = DeTable::parse_recoverable(text);
    (!syntax(document, text, &errors)).then_some(parsed)
}

/// Reports syntax errors, one per line, because further errors on a line mostly follow from the
/// first. A table that is written twice is one error, however many of its keys are written twice.
/// Returns true if there was any.
fn syntax(document: &Document, text: &str, errors: &[toml::de::Error]) -> bool {
    let line_ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut lines = HashSet::new();
    // The end of a table that was reported as a duplicate.
    let mut reported = 0;
    for error in errors {
        let span = error.span().unwrap_or_default();
        let line = line_ends.partition_point(|end| *end < span.start);
        if (span.start < reported && is_duplicate(error)) || !lines.insert(line) {
            continue;
        }
        if document.is_full() {
            document.count_more();
            continue;
        }
        let (message, help) = match is_duplicate(error) {
            true => {
                if header(line_at(text, span.start)).is_some() {
                    reported = end_of_table(text, span.start);
                }
                duplicate(text, &span)
            }
            false => (
                format!("this is not TOML: {}", error.message()),
                "write key = value, each on a line of its own, and strings in double quotes".to_owned(),
            ),
        };
        document.report(error.span(), message, help);
    }
    !errors.is_empty()
}

fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message().contains("duplicate key")
}

/// Describes a table or a key that is written twice.
fn duplicate(text: &str, span: &Range<usize>) -> (String, String) {
    let before = &text[..text.len().min(span.start)];
    match header(line_at(text, span.start)) {
        Some(name) => {
            let first = before.lines().position(|line| header(line) == Some(name));
            match first {
                Some(first) => (
                    format!("{name} is written twice: the first is on line {}", first + 1),
                    format!("move the keys of this one below line {}, and remove this header", first + 1),
                ),
                None => {
                    let bare = name.trim_matches(['[', ']']);
                    let message = format!("`{bare}` is written twice: here as {name}, above in another form");
                    (message, "write all of it in one form".to_owned())
                }
            }
        }
        None => {
            let key = text.get(span.clone()).unwrap_or_default();
            let mut first = None;
            for (number, line) in before.lines().enumerate() {
                if header(line).is_some() {
                    first = None;
                } else if first.is_none() && is_key(line, key) {
                    first = Some(number);
                }
            }
            let place = first.map(|line| format!(": the first is on line {}", line + 1));
            (
                format!("`{key}` is written twice in one table{}", place.unwrap_or_default()),
                format!("remove `{key}` here, or there"),
            )
        }
    }
}

/// Returns the header of a table that a line consists of: `[app]` or `[[component]]`.
fn header(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or_default().trim();
    (line.starts_with('[') && line.ends_with(']')).then_some(line)
}

/// Returns true if a line is an assignment of this key.
fn is_key(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(found, _)| found.trim() == key)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(0, |before| before.matches('\n').count())
}

fn line_at(text: &str, offset: usize) -> &str {
    text.lines().nth(line_of(text, offset)).unwrap_or_default()
}

/// Returns the offset of the next header after this place, or of the end of the text.
fn end_of_table(text: &str, offset: usize) -> usize {
    let (mut end, header_line) = (0, line_of(text, offset));
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if number > header_line && header(line).is_some() {
            return end;
        }
        end += line.len();
    }
    end
}
