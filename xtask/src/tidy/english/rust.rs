//! The comments and messages of a Rust file, and the names of its tests.

use std::ops::Range;

use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};

use super::super::Violation;
use super::comments::{Comment, join};
use super::passage::{CODE, Passage, passages};

/// Beginnings of names that say nothing of the behaviour.
const HEADLESS: [&str; 7] = ["what_", "who_", "whoever_", "of_", "none_", "nobody_", "so_that_"];

/// A string of fewer words is a part of something, and not a message.
const SHORTEST: usize = 3;

/// The texts of a file, and the tests with names that do not say what they test.
pub(super) fn read(path: &str, text: &str) -> (Vec<Passage>, Vec<Violation>) {
    let Ok(tokens) = text.parse::<TokenStream>() else { return (Vec::new(), Vec::new()) };
    let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
    let mut reader =
        Reader { path, text, at: 0, line: 1, comments: Vec::new(), messages: Vec::new(), names: Vec::new() };
    reader.tokens(tokens, is_test);
    reader.gap(text.len());
    proc_macro2::extra::invalidate_current_thread_spans();
    let mut texts = join(reader.comments);
    texts.append(&mut reader.messages);
    (texts, reader.names)
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    /// The end of the last token, in bytes, and its line.
    at: usize,
    line: usize,
    comments: Vec<Comment>,
    messages: Vec<Passage>,
    names: Vec<Violation>,
}

impl Reader<'_> {
    fn tokens(&mut self, tokens: TokenStream, in_tests: bool) {
        let (mut is_test, mut is_test_code) = (false, in_tests);
        let mut is_name = false;
        for token in tokens {
            let range = token.span().byte_range();
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = (group.span_open().byte_range(), group.span_close().byte_range());
                    // A doc comment is a `#` and a group that lie at the same place.
                    if range.start < self.at {
                        continue;
                    }
                    if group.delimiter() == Delimiter::Bracket {
                        let is = attribute(&group);
                        is_test |= is == Some(Attribute::Test);
                        is_test_code |= is.is_some();
                    }
                    self.gap(open.start);
                    self.skip(&open);
                    self.tokens(group.stream(), is_test_code);
                    self.gap(close.start);
                    self.skip(&close);
                    if group.delimiter() == Delimiter::Brace {
                        (is_test, is_test_code) = (false, in_tests);
                    }
                    continue;
                }
                TokenTree::Ident(ident) => {
                    let word = ident.to_string();
                    if is_name && is_test {
                        self.name(&word, ident.span().start().line);
                    }
                    is_name = word == "fn";
                }
                TokenTree::Punct(punct) => {
                    if punct.as_char() == ';' {
                        (is_test, is_test_code) = (false, in_tests);
                    }
                }
                TokenTree::Literal(literal) => {
                    if !is_test_code && range.start >= self.at {
                        self.message(&literal);
                    }
                }
            }
            self.gap(range.start);
            self.skip(&range);
        }
    }

    fn name(&mut self, name: &str, line: usize) {
        if let Some(opening) = HEADLESS.iter().find(|opening| name.starts_with(**opening)) {
            let what = format!("the name of the test `{name}` begins with `{opening}`");
            self.names.push(Violation::new(self.path, line, what, "name the behaviour that it tests"));
        }
    }

    /// Reads the comments up to the next token.
    fn gap(&mut self, end: usize) {
        while self.at < end {
            let rest = &self.text[self.at..end];
            let Some(start) = rest.find('/') else { break };
            let start = self.at + start;
            let length = match self.text[start..end].starts_with("/*") {
                true => self.text[start..end].find("*/").map_or(end - start, |length| length + 2),
                false => self.text[start..end].find('\n').unwrap_or(end - start),
            };
            self.advance(start);
            self.comment(start..start + length);
        }
        self.advance(end);
    }

    /// Goes behind a token. One of a doc comment is a comment itself.
    fn skip(&mut self, token: &Range<usize>) {
        if token.start < self.at {
            return;
        }
        let is_comment = self.text[token.clone()].starts_with('/') && token.len() > 1;
        match is_comment {
            true => self.comment(token.clone()),
            false => self.advance(token.end),
        }
    }

    fn comment(&mut self, range: Range<usize>) {
        let own = &self.text[range.clone()];
        let is_block = own.starts_with("/*");
        let inside =
            own.trim_start_matches(['/', '*', '!']).trim_end_matches(if is_block { "*/" } else { "" });
        // A comment continues the line before at the same column, unless it is of another kind.
        let kind = own.bytes().take_while(|byte| b"/*!".contains(byte)).count() * 1000;
        let before = self.text[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let column = kind + range.start - before;
        for (line, number) in inside.split('\n').zip(self.line..) {
            let text = if is_block { line.trim_start().trim_start_matches("* ") } else { line };
            let text = text.strip_prefix(' ').unwrap_or(text).to_owned();
            self.comments.push(Comment { line: number, column, text });
        }
        self.advance(range.end);
    }

    fn advance(&mut self, to: usize) {
        if to > self.at {
            self.line += self.text[self.at..to].matches('\n').count();
            self.at = to;
        }
    }

    fn message(&mut self, literal: &Literal) {
        let source = literal.to_string();
        let lines = match source.strip_prefix('r') {
            Some(raw) => {
                let inside = raw.trim_matches('#').trim_matches('"');
                inside
                    .split('\n')
                    .zip(literal.span().start().line..)
                    .map(|(text, line)| (line, text.to_owned()))
                    .collect()
            }
            None => match source.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(inside) => unescaped(inside, literal.span().start().line),
                None => return,
            },
        };
        let lines = lines.into_iter().map(|(line, text)| (line, last_column(&without_arguments(&text))));
        let is_long = |passage: &Passage| {
            passage.characters.split(|(c, _)| c.is_whitespace()).filter(|word| !word.is_empty()).count()
                >= SHORTEST
        };
        self.messages.extend(passages(lines).into_iter().filter(is_long));
    }
}

/// The lines of a string as it is shown, each with its line in the source.
fn unescaped(source: &str, first: usize) -> Vec<(usize, String)> {
    let mut lines = vec![(first, String::new())];
    let mut line = first;
    let mut characters = source.chars().peekable();
    while let Some(character) = characters.next() {
        let shown = match character {
            '\n' => {
                line += 1;
                '\n'
            }
            '\\' => match characters.next() {
                Some('\n') => {
                    line += 1;
                    while characters.next_if(|next| next.is_whitespace()).is_some_and(|next| {
                        line += usize::from(next == '\n');
                        true
                    }) {}
                    continue;
                }
                Some('n') => '\n',
                Some('t') => ' ',
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        match (shown, lines.last_mut()) {
            ('\n', _) => lines.push((line, String::new())),
            (shown, Some((_, text))) => {
                if text.is_empty() {
                    // A line that begins behind a `\` is where its text is.
                    lines.pop();
                    lines.push((line, shown.to_string()));
                } else {
                    text.push(shown);
                }
            }
            _ => {}
        }
    }
    lines
}

/// The last column of a help text's line, which begins like a list item.
fn last_column(line: &str) -> String {
    match line.trim_start().rsplit_once("   ") {
        Some((_, column)) => format!("- {}", column.trim_start()),
        None => line.to_owned(),
    }
}

/// A format string with placeholders for its arguments.
fn without_arguments(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        shown += before;
        rest = match behind.split_once('}') {
            Some((_, behind)) => {
                shown.push(CODE);
                behind
            }
            None => behind,
        };
    }
    shown + rest
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attribute {
    /// `#[test]`, `#[tokio::test]`.
    Test,
    /// `#[cfg(test)]`.
    TestCode,
}

fn attribute(group: &Group) -> Option<Attribute> {
    let words: Vec<TokenTree> = group.stream().into_iter().collect();
    let path = words.iter().take_while(|token| !matches!(token, TokenTree::Group(_) | TokenTree::Literal(_)));
    let path: Vec<String> = path.map(ToString::to_string).collect();
    let condition = words.last().map(ToString::to_string).unwrap_or_default();
    let is_condition = condition == "(test)" || condition.starts_with("(all(test");
    match path.last().map(String::as_str) {
        Some("test") => Some(Attribute::Test),
        Some("cfg") if is_condition => Some(Attribute::TestCode),
        _ => None,
    }
}
