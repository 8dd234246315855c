//! Applies what the help of a diagnostic tells to paste.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use airssys_spec::manifest::{Diagnostic, Disk, Files};

/// The files on the disk, one of which has another text.
pub(crate) struct Pasted {
    pub(crate) file: PathBuf,
    pub(crate) text: String,
}

impl Files for Pasted {
    fn read(&self, file: &Path) -> io::Result<String> {
        if file == self.file { Ok(self.text.clone()) } else { Disk.read(file) }
    }

    fn is_file(&self, path: &Path) -> bool {
        Disk.is_file(path)
    }

    fn is_folder(&self, path: &Path) -> bool {
        Disk.is_folder(path)
    }
}

/// Returns the files after each alternative of a help.
///
/// Code between backquotes replaces the marked value, its assignment or its table. It is added or
/// removed if the help says so. Lines after the first are a table: they replace the one at the place
/// that the first line names, or are added at the end.
pub(crate) fn alternatives(
    diagnostic: &Diagnostic,
    texts: &dyn Fn(&Path) -> io::Result<String>,
) -> Vec<Pasted> {
    let help = &diagnostic.help;
    let (sentence, table) = help.split_once('\n').unwrap_or((help, ""));
    let mut results = Vec::new();
    let span = diagnostic.span.clone().unwrap_or(0..0);
    let mut verb = "";
    for (index, part) in sentence.split('`').enumerate() {
        if index % 2 == 0 {
            let verbs = ["write", "add", "remove", "mean", "such as"];
            let said = verbs.into_iter().filter_map(|verb| Some((part.rfind(verb)?, verb))).max();
            verb = said.map_or(verb, |(_, verb)| verb);
            continue;
        }
        let after = sentence.split('`').nth(index + 1).unwrap_or_default();
        let (file, place) = place(diagnostic, after, texts);
        let text = texts(&file).unwrap();
        let text = match verb {
            "remove" => remove(&text, place.clone().unwrap_or_else(|| span.clone()), part),
            _ => write(&text, place.unwrap_or_else(|| span.clone()), part),
        };
        results.push(Pasted { file, text });
    }
    if !table.is_empty() {
        let place = sentence.trim_end_matches(':').trim_end_matches(" with").rsplit(' ').next().unwrap();
        let (file, line) = match place.rsplit_once(':').map(|(file, line)| (file, line.parse::<usize>())) {
            Some((file, Ok(line))) => (PathBuf::from(file), Some(line)),
            _ if Disk.is_file(Path::new(place)) => (PathBuf::from(place), None),
            _ => (diagnostic.file.clone(), None),
        };
        let mut text = texts(&file).unwrap();
        match line {
            Some(line) => {
                let start = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
                let region = region(&text, start);
                text.replace_range(region, &format!("{table}\n\n"));
            }
            None => text.push_str(&format!("\n{table}\n")),
        }
        results.push(Pasted { file, text });
    }
    results
}

/// The file and the place that words after some code name, if they do.
fn place(
    diagnostic: &Diagnostic,
    after: &str,
    texts: &dyn Fn(&Path) -> io::Result<String>,
) -> (PathBuf, Option<Range<usize>>) {
    let words = after.trim().trim_end_matches(':');
    let file = match words.rsplit_once(" of ") {
        Some((_, file)) if Disk.is_file(Path::new(file)) => PathBuf::from(file),
        _ => diagnostic.file.clone(),
    };
    let text = texts(&file).unwrap();
    let header = |header: &str| text.find(&format!("{header}\n")).map(|at| at..at + header.len());
    let named = words.strip_prefix("under ").or(words.strip_prefix("in its "));
    let table = named.and_then(|rest| header(rest.split(' ').next().unwrap_or_default()));
    (file, table)
}

/// The bytes of the table that a place is in: from its header to the next one.
fn region(text: &str, at: usize) -> Range<usize> {
    let headers = text.match_indices('[').map(|(at, _)| at);
    let headers: Vec<usize> =
        headers.filter(|at| text[..*at].is_empty() || text[..*at].ends_with('\n')).collect();
    let start = headers.iter().rfind(|start| **start <= at).copied().unwrap_or(0);
    let end = headers.iter().find(|end| **end > at).copied().unwrap_or(text.len());
    start..end
}

/// The bytes of a value that begins here.
fn value(text: &str, start: usize) -> Range<usize> {
    let rest = &text[start..];
    let closed = |open: char, close: char| {
        let mut depth = 0;
        rest.char_indices().find_map(|(at, c)| {
            depth += i32::from(c == open) - i32::from(c == close);
            (depth == 0).then_some(at + 1)
        })
    };
    let length = match rest.chars().next() {
        Some('"') => rest[1..].find('"').map(|at| at + 2),
        Some('[') => closed('[', ']'),
        Some('{') => closed('{', '}'),
        _ => rest.find([',', '}', '\n']),
    };
    start..start + length.unwrap_or(rest.len())
}

/// The bytes of the assignment of a key nearest before a place, or else the first in its table.
fn assignment(text: &str, at: &Range<usize>, key: &str) -> Option<Range<usize>> {
    let region = region(text, at.start);
    let found = text[region.clone()].match_indices(key).map(|(found, _)| region.start + found);
    let is_whole = |found: &usize| {
        let before = text[..*found].chars().next_back();
        let rest = text[found + key.len()..].trim_start_matches(' ');
        before.is_none_or(|c| " \n{,".contains(c)) && rest.starts_with('=')
    };
    let found: Vec<usize> = found.filter(is_whole).collect();
    let start = *found.iter().rfind(|start| **start <= at.end).or(found.first())?;
    let equals = start + text[start..].find('=')?;
    let written = equals + 1 + text[equals + 1..].len() - text[equals + 1..].trim_start_matches(' ').len();
    Some(start..value(text, written).end)
}

fn write(text: &str, span: Range<usize>, code: &str) -> String {
    let mut text = text.to_owned();
    if code.starts_with('[') {
        let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[line_start..].find('\n').map_or(text.len(), |at| line_start + at);
        if text[line_start..].starts_with('[') {
            text.replace_range(line_start..line_end, code);
        } else if text[span.clone()].contains('=') || !text[line_start..span.start].contains('=') {
            text.insert_str(line_start, &format!("{code}\n"));
        } else {
            text.replace_range(line_start..line_end, "");
            text.push_str(&format!("\n{code}\n"));
        }
    } else if let Some((key, _)) = code.split_once(" = ").filter(|(key, _)| !key.contains(['{', '"'])) {
        match assignment(&text, &span, key) {
            Some(found) => text.replace_range(found, code),
            None => {
                let header = region(&text, span.start).start;
                let line = text[header..].find('\n').map_or(text.len(), |at| header + at + 1);
                text.insert_str(line, &format!("{code}\n"));
            }
        }
    } else if text[span.clone()].starts_with('"') && !code.starts_with(['"', '{']) {
        text.replace_range(span, &format!("{code:?}"));
    } else {
        text.replace_range(span, code);
    }
    text
}

fn remove(text: &str, span: Range<usize>, code: &str) -> String {
    let mut text = text.to_owned();
    let found = match code.starts_with('"') {
        true => span,
        false => assignment(&text, &span, code).unwrap(),
    };
    let end = found.end + usize::from(text[found.end..].starts_with(','));
    text.replace_range(found.start..end, "");
    text
}
