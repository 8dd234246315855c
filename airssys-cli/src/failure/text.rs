//! The texts of failures.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write;
use std::ops::Range;

use airssys_wasm::manifest::Diagnostics;
use anstyle::AnsiColor;
use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};

use crate::failure::Failure;
use crate::output::{self, Paint};
use crate::plain::{is_unsafe, plain, plain_lines};
use crate::units::counted;

/// The most bytes of a line of a manifest that is shown.
const MAX_LINE_BYTES: usize = 2_000;

/// The most bytes of a line of an error that is shown. Names of components and files can be much longer.
const MAX_ERROR_LINE_BYTES: usize = 4 << 10;

const ERROR: Paint = Paint(AnsiColor::Red.on_default().bold());

impl Failure {
    /// The failure and its causes, in lines for the standard error.
    pub(crate) fn text(&self) -> String {
        match self {
            Failure::Manifest(diagnostics) => diagnostics_text(diagnostics),
            // A stop that was asked for is not an error.
            stopped @ Failure::Stopped { .. } => stopped.to_string(),
            other => error_text(other),
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// An error, with a line for each of its causes.
fn error_text(error: &dyn Error) -> String {
    let mut text = format!("{ERROR}error:{ERROR:#} {}", plain_lines(&cut(&error.to_string())));
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}\n  because {}", plain_lines(&cut(&cause.to_string())));
        source = cause.source();
    }
    text
}

/// Cuts the long lines of a text, and says how much is missing.
fn cut(text: &str) -> Cow<'_, str> {
    if text.lines().all(|line| line.len() <= MAX_ERROR_LINE_BYTES) {
        return Cow::Borrowed(text);
    }
    let cut = text.lines().map(|line| match line.floor_char_boundary(MAX_ERROR_LINE_BYTES) {
        end if end < line.len() => Cow::Owned(format!("{}… ({} bytes more)", &line[..end], line.len() - end)),
        _ => Cow::Borrowed(line),
    });
    Cow::Owned(cut.collect::<Vec<_>>().join("\n"))
}

/// Every mistake in the manifests with its lines.
fn diagnostics_text(diagnostics: &Diagnostics) -> String {
    set_layout();
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        let file = plain(&diagnostic.file.display().to_string()).into_owned();
        let message = plain_lines(&diagnostic.message).into_owned();
        let help = multiline(&diagnostic.help);
        let mut report = MietteDiagnostic::new(message).with_help(help);
        let report = match (&diagnostic.span, diagnostics.text(&diagnostic.file)) {
            (Some(span), Some(text)) if is_shown(text, span) => {
                let (text, span) = plain_source(text, span.clone());
                report = report.with_label(LabeledSpan::underline(span));
                Report::new(report).with_source_code(NamedSource::new(&file, text))
            }
            (Some(_), _) => Report::new(report).wrap_err(format!("{file}:{}", diagnostic.line)),
            (None, _) => Report::new(report).wrap_err(file),
        };
        // All parts of the report are plain, so its sequences are its own styles.
        let report = output::painted(&format!("{report:?}"));
        // Writing to a string cannot fail.
        writeln!(text, "{report}").unwrap_or_default();
    }
    let mistakes = counted(diagnostics.iter().count() as u64, "mistake");
    text + &format!("{ERROR}error:{ERROR:#} {mistakes} in the manifests")
}

/// Returns true if the lines of a mistake, with those around it, are short enough to be shown.
fn is_shown(text: &str, span: &Range<usize>) -> bool {
    let line = text.get(..span.start).map_or(0, |before| before.lines().count().saturating_sub(2));
    let is_short = |line: &str| line.len() <= MAX_LINE_BYTES;
    span.len() <= MAX_LINE_BYTES && text.lines().skip(line).take(5).all(is_short)
}

/// Wraps diagnostics at the width of the terminal. Elsewhere their lines are not wrapped.
fn set_layout() {
    let width = output::errors_width();
    let layout = move || match width {
        Some(width) => MietteHandlerOpts::new().width(width).break_words(false),
        None => MietteHandlerOpts::new().wrap_lines(false),
    };
    // It fails if a layout is set already, but the program sets it only once.
    let set = miette::set_hook(Box::new(move |_| Box::new(layout().build())));
    debug_assert!(set.is_ok(), "the layout is set once");
}

/// Makes each line of a text plain.
fn multiline(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
}

/// Makes the text of a file plain, except its line ends and tabs. Returns it with the span of the same
/// characters.
fn plain_source(text: &str, span: Range<usize>) -> (String, Range<usize>) {
    let mut safe = String::with_capacity(text.len());
    let mut moved = span.clone();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if at == span.start {
            moved.start = safe.len();
        }
        if at == span.end {
            moved.end = safe.len();
        }
        let ends_line = character == '\r' && characters.peek().is_some_and(|(_, next)| *next == '\n');
        match character {
            '\n' | '\t' => safe.push(character),
            character if is_unsafe(character) && !ends_line => safe.extend(character.escape_default()),
            character => safe.push(character),
        }
    }
    if span.start >= text.len() {
        moved.start = safe.len();
    }
    if span.end >= text.len() {
        moved.end = safe.len();
    }
    (safe, moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_of_an_error_are_cut_and_its_other_lines_are_whole() {
        let name = "é".repeat(50_000);
        let cause = std::io::Error::other(format!("{name}\nis unknown"));
        let text = error_text(&Failure::misfit(format!("`{name}` does not fit"), cause));
        assert!(text.len() < 3 * MAX_ERROR_LINE_BYTES, "{}", text.len());
        assert_eq!(text.matches("… (").count(), 2, "{text}");
        assert!(text.ends_with("\n    is unknown"), "{text}");
        assert_eq!(cut("short\n\nlines\n"), "short\n\nlines\n");
    }

    #[test]
    fn span_of_a_source_with_escaped_characters_covers_the_same_text() {
        let source = "a\u{1b}[2J = \"\u{202e}x\"\r\n# b\u{9b}\tc";
        for (start, _) in source.char_indices() {
            for end in (start..=source.len()).filter(|end| source.is_char_boundary(*end)) {
                let (safe, moved) = plain_source(source, start..end);
                assert_eq!(safe, "a\\u{1b}[2J = \"\\u{202e}x\"\r\n# b\\u{9b}\tc");
                let (expected, _) = plain_source(&source[start..end], 0..0);
                // A lone `\r` at the end of the piece is escaped there only.
                assert_eq!(safe[moved].trim_end_matches('\r'), expected.trim_end_matches("\\r"));
            }
        }
    }
}
