//! Text from components, made safe for a terminal.

use std::borrow::Cow;

/// Escapes the control characters of a text.
///
/// Logs, reports and errors of a component then neither control the terminal nor fake a line.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Like [`plain`], but keeps line ends and indents all lines but the first.
pub(crate) fn plain_lines(text: &str) -> Cow<'_, str> {
    match escaped(text, |character| character == '\n') {
        text if text.contains('\n') => {
            let indent = |line: &str| if line.is_empty() { String::new() } else { format!("    {line}") };
            let lines = text.trim_end().lines().enumerate();
            let lines = lines.map(|(number, line)| if number == 0 { line.to_owned() } else { indent(line) });
            Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
        }
        text => text,
    }
}

fn escaped(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    let is_unsafe = |character: char| (character.is_control() && !keep(character)) || is_direction(character);
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\t' => safe.push(' '),
            character if is_unsafe(character) => safe.extend(character.escape_default()),
            character => safe.push(character),
        }
    }
    Cow::Owned(safe)
}

/// Returns true if a character changes the direction of text.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain("22km NNE of Hualian, Taiwan – 花蓮"), "22km NNE of Hualian, Taiwan – 花蓮");
        assert_eq!(plain("a\tb\u{1b}[2Jc\r\nd\u{202e}e"), "a b\\u{1b}[2Jc\\r\\nd\\u{202e}e");
    }

    #[test]
    fn all_lines_but_the_first_are_indented() {
        assert_eq!(plain_lines("one\ntwo\u{7}\n\nthree\n"), "one\n    two\\u{7}\n\n    three");
        assert_eq!(plain_lines("one"), "one");
    }
}
