//! The program's own styles, told apart from the sequences in other texts.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use anstyle::Style;

use crate::plain::is_unsafe;

const ESCAPE: char = '\u{1b}';

/// A style of the program's own: `{TITLE}text{TITLE:#}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint(pub(crate) Style);

impl fmt::Display for Paint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequence = if f.alternate() { format!("{:#}", self.0) } else { self.0.to_string() };
        f.write_str(&painted(&sequence))
    }
}

/// Marks the sequences in a text as the program's own. All other text in it must be plain.
pub(crate) fn painted(text: &str) -> String {
    text.replace(ESCAPE, &format!("{}{ESCAPE}", mark()))
}

/// The mark of the program's own sequences: a number of this run that no other text can guess.
fn mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let random = || RandomState::new().hash_one(0_u8);
        format!("{ESCAPE}{:016x}{:016x}", random(), random())
    })
}

/// Escapes all that a terminal would obey or hide, but not line ends and the program's own styles.
pub(super) fn safe(text: &str) -> Cow<'_, str> {
    let changes = |character: char| character != '\n' && is_unsafe(character);
    if !text.contains(changes) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(changes) {
        safe.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((own, after)) = rest.strip_prefix(mark()).and_then(split_style) {
            safe.push_str(own);
            rest = after;
            continue;
        }
        let mut characters = rest.chars();
        match characters.next() {
            Some('\t') => safe.push('\t'),
            Some(character) => safe.extend(character.escape_default()),
            None => {}
        }
        rest = characters.as_str();
    }
    safe.push_str(rest);
    Cow::Owned(safe)
}

/// Splits the sequence of a style from the beginning of a text: `ESC [ numbers m`.
fn split_style(text: &str) -> Option<(&str, &str)> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|character: char| !matches!(character, '0'..='9' | ';' | ':'))?;
    let after = numbers[end..].strip_prefix('m')?;
    Some((&text[..text.len() - after.len()], after))
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    const RED: Paint = Paint(AnsiColor::Red.on_default().bold());

    #[test]
    fn only_the_own_styles_pass() {
        let text = format!("{RED}red{RED:#} \u{1b}[31mforeign\u{1b}[0m\u{7}\n");
        assert_eq!(safe(&text), "\u{1b}[1m\u{1b}[31mred\u{1b}[0m \\u{1b}[31mforeign\\u{1b}[0m\\u{7}\n");
        assert_eq!(safe("花蓮\tone\ntwo"), "花蓮\tone\ntwo");
    }

    #[test]
    fn mark_lets_nothing_pass_but_styles() {
        let text = format!("{}\u{1b}]0;title\u{7}{}", mark(), mark());
        assert!(!safe(&text).contains(is_unsafe), "{}", safe(&text));
    }
}
