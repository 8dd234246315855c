//! Text that is not the program's own, made safe for a terminal and for a reader of JSON.

use std::borrow::Cow;
use std::fmt::Write;

use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory, GeneralCategoryGroup,
    PrependedConcatenationMark,
};

/// Escapes the characters that a terminal obeys or hides.
///
/// Logs, reports and errors of a component then neither control the terminal nor fake a line.
pub fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Like [`plain`], but keeps line ends and indents all lines but the first.
pub fn plain_lines(text: &str) -> Cow<'_, str> {
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

/// Escapes these characters in the text of a JSON document, in the notation of JSON.
///
/// Outside of its strings, a document has only visible characters and line ends.
pub fn plain_json(text: String) -> String {
    if !text.contains(|character| character != '\n' && is_unsafe(character)) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 64);
    for character in text.chars() {
        if character == '\n' || !is_unsafe(character) {
            safe.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            write!(safe, "\\u{unit:04x}").unwrap_or_default();
        }
    }
    safe
}

fn escaped(text: &str, keep: fn(char) -> bool) -> Cow<'_, str> {
    let changes = |character: char| is_unsafe(character) && !keep(character);
    if !text.contains(changes) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\t' => safe.push(' '),
            character if changes(character) => safe.extend(character.escape_default()),
            character => safe.push(character),
        }
    }
    Cow::Owned(safe)
}

/// Returns true if a terminal obeys a character or shows nothing for it: control characters, those that
/// change the direction of text or end a line, and those without a width.
///
/// Unicode's properties decide, so that characters of new scripts are covered. Selectors of the look of the
/// character before them, as in many emoji, pass.
pub fn is_unsafe(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    let format = GeneralCategoryGroup::Control
        .union(GeneralCategoryGroup::Format)
        .union(GeneralCategoryGroup::LineSeparator)
        .union(GeneralCategoryGroup::ParagraphSeparator);
    let is_format = format.contains(GeneralCategory::for_char(character));
    // Number signs of Arabic and their like are format characters with a shape.
    (is_format && !PrependedConcatenationMark::for_char(character))
        || (DefaultIgnorableCodePoint::for_char(character) && !matches!(character, '\u{fe00}'..='\u{fe0f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A character of each kind that a terminal obeys or hides.
    const UNSAFE: &str = "\u{7}\u{8}\r\u{b}\u{1b}\u{7f}\u{85}\u{90}\u{9b}\u{9d}\u{ad}\u{61c}\u{200b}\u{200d}\u{200f}\
                          \u{2028}\u{2029}\u{202a}\u{202e}\u{2060}\u{2066}\u{2069}\u{feff}\u{e0041}\
                          \u{34f}\u{115f}\u{1160}\u{17b4}\u{180b}\u{180f}\u{206f}\u{3164}\u{ffa0}\u{fff0}\
                          \u{fffb}\u{13430}\u{1343f}\u{1bca0}\u{1d173}\u{1d17a}\u{e0000}\u{e0fff}";

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(plain("22km NNE of Hualian, Taiwan – 花蓮 🦀"), "22km NNE of Hualian, Taiwan – 花蓮 🦀");
        assert_eq!(plain("a\tb\u{1b}[2Jc\r\nd\u{202e}e"), "a b\\u{1b}[2Jc\\r\\nd\\u{202e}e");
    }

    #[test]
    fn each_character_that_a_terminal_obeys_or_hides_is_escaped() {
        for character in UNSAFE.chars() {
            let text = format!("a{character}b");
            assert!(plain(&text).is_ascii(), "{character:?}");
            assert!(plain_lines(&text).is_ascii(), "{character:?}");
            let json = plain_json(serde_json::to_string(&text).unwrap());
            assert!(json.is_ascii(), "{json}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }

    #[test]
    fn visible_characters_of_every_script_pass() {
        for text in
            ["❤\u{fe0f} 🦀 e\u{301}", "مرحبا \u{600}١ \u{6dd}", "עברית", "नमस्ते", "\u{13000}", "\u{e000}"]
        {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn all_lines_but_the_first_are_indented() {
        assert_eq!(plain_lines("one\ntwo\u{7}\n\nthree\n"), "one\n    two\\u{7}\n\n    three");
        assert_eq!(plain_lines("one"), "one");
    }
}
