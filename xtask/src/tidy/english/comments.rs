//! The comments of a source text that is not Rust.

use super::passage::{Passage, passages};

/// How comments and strings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// `//` and `/* */`: WIT, JavaScript, TypeScript.
    Slashes,
    /// `#`: TOML, shell.
    Hash,
    /// `#`, and strings that document.
    Python,
    /// A file without comments that this program reads.
    Other,
}

impl Language {
    pub(super) fn of(path: &str, ending: &str) -> Language {
        match ending {
            "wit" | "js" | "mjs" | "ts" => Language::Slashes,
            "toml" | "sh" => Language::Hash,
            "py" => Language::Python,
            _ if path == ".ci/run" => Language::Hash,
            _ => Language::Other,
        }
    }
}

/// One line of a comment.
#[derive(Debug)]
pub(super) struct Comment {
    pub(super) line: usize,
    /// The column of its first character, from 0.
    pub(super) column: usize,
    pub(super) text: String,
}

/// The passages of all comments.
pub(super) fn read(language: Language, text: &str) -> Vec<Passage> {
    if language == Language::Other {
        return Vec::new();
    }
    let mut reader = Reader { language, found: Vec::new(), open: None };
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.starts_with("#!")) {
        reader.line(number, line);
    }
    join(reader.found)
}

/// Joins lines that follow each other in the same column.
pub(super) fn join(comments: Vec<Comment>) -> Vec<Passage> {
    let mut all = Vec::new();
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut before: Option<(usize, usize)> = None;
    for Comment { line, column, text } in comments {
        if before.is_some_and(|before| before != (line.saturating_sub(1), column)) {
            all.extend(passages(std::mem::take(&mut lines).into_iter()));
        }
        before = Some((line, column));
        lines.push((line, text));
    }
    all.extend(passages(lines.into_iter()));
    all
}

struct Reader {
    language: Language,
    found: Vec<Comment>,
    /// The end of a comment or string that began in a line before, and its column if it is read.
    open: Option<(&'static str, Option<usize>)>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let mut rest = line;
        if let Some((end, column)) = self.open {
            let text = rest.split(end).next().unwrap_or_default();
            if let Some(column) = column {
                self.comment(number, column, text.trim_start().trim_start_matches("* "));
            }
            let Some((_, behind)) = rest.split_once(end) else { return };
            self.open = None;
            rest = behind;
        }
        if self.language == Language::Hash
            && let Some(description) = line.strip_prefix("description = \"")
        {
            self.comment(number, 0, description.trim_end_matches('"'));
            return;
        }
        while let Some(first) = rest.chars().next() {
            let column = line.len() - rest.len();
            let is_start = line[..column].trim().is_empty();
            match self.begin(rest, line[..column].chars().next_back(), is_start) {
                Begin::Comment(mark) => return self.comment(number, column, &rest[mark..]),
                Begin::Until(end, mark, is_read) => {
                    let body = &rest[mark..];
                    if is_read {
                        self.comment(number, column, body.split(end).next().unwrap_or_default());
                    }
                    let Some((_, behind)) = body.split_once(end) else {
                        self.open = Some((end, is_read.then_some(column)));
                        return;
                    };
                    rest = behind;
                }
                Begin::String(quote) => rest = behind_string(&rest[1..], quote),
                Begin::Code => rest = &rest[first.len_utf8()..],
            }
        }
    }

    fn begin(&self, rest: &str, before: Option<char>, is_start: bool) -> Begin {
        let first = rest.chars().next().unwrap_or_default();
        let is_apart = before.is_none_or(char::is_whitespace);
        match self.language {
            Language::Slashes if rest.starts_with("//") => {
                Begin::Comment(rest.bytes().take_while(|byte| *byte == b'/').count())
            }
            Language::Slashes if rest.starts_with("/*") => {
                Begin::Until("*/", 1 + rest[1..].bytes().take_while(|byte| *byte == b'*').count(), true)
            }
            Language::Slashes if first == '`' => Begin::Until("`", 1, false),
            Language::Python if rest.starts_with("\"\"\"") => Begin::Until("\"\"\"", 3, is_start),
            Language::Hash if rest.starts_with("\"\"\"") => Begin::Until("\"\"\"", 3, false),
            Language::Hash if rest.starts_with("'''") => Begin::Until("'''", 3, false),
            Language::Hash | Language::Python if first == '#' && is_apart => Begin::Comment(1),
            _ if matches!(first, '"' | '\'') => Begin::String(first),
            _ => Begin::Code,
        }
    }

    fn comment(&mut self, line: usize, column: usize, text: &str) {
        let text = text.strip_prefix(' ').unwrap_or(text).to_owned();
        self.found.push(Comment { line, column, text });
    }
}

enum Begin {
    /// To the end of the line, behind a mark of that length.
    Comment(usize),
    /// To a mark, behind one of that length; true for what is read.
    Until(&'static str, usize, bool),
    String(char),
    Code,
}

/// The rest of a line behind a string. One that does not end in its line ends with it.
fn behind_string(text: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return &text[at + quote.len_utf8()..],
            _ => {}
        }
    }
    ""
}
