//! The texts of failures.

use std::error::Error;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::ops::Range;

use airssys_wasm::manifest::Diagnostics;
use anstyle::{AnsiColor, Style};
use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};

use crate::failure::Failure;
use crate::plain::plain_lines;
use crate::units::counted;

/// The most bytes of a line of a manifest that is shown.
const MAX_LINE_BYTES: usize = 2_000;

const ERROR: Style = AnsiColor::Red.on_default().bold();

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
    let mut text = format!("{ERROR}error:{ERROR:#} {}", plain_lines(&error.to_string()));
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}\n  because {}", plain_lines(&cause.to_string()));
        source = cause.source();
    }
    text
}

/// Every mistake in the manifests with its lines.
fn diagnostics_text(diagnostics: &Diagnostics) -> String {
    set_layout();
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        let file = diagnostic.file.display().to_string();
        let mut report = MietteDiagnostic::new(diagnostic.message.clone()).with_help(diagnostic.help.clone());
        let report = match (&diagnostic.span, diagnostics.text(&diagnostic.file)) {
            (Some(span), Some(text)) if is_shown(text, span) => {
                report = report.with_label(LabeledSpan::underline(span.clone()));
                Report::new(report).with_source_code(NamedSource::new(&file, text.to_owned()))
            }
            (Some(_), _) => Report::new(report).wrap_err(format!("{file}:{}", diagnostic.line)),
            (None, _) => Report::new(report).wrap_err(file),
        };
        // Writing to a string cannot fail.
        writeln!(text, "{report:?}").unwrap_or_default();
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
    let stderr = io::stderr();
    let width = if stderr.is_terminal() { terminal_size::terminal_size_of(stderr) } else { None };
    let layout = move || match width {
        Some((width, _)) => MietteHandlerOpts::new().width(width.0.into()).break_words(false),
        None => MietteHandlerOpts::new().wrap_lines(false),
    };
    // It fails if a layout is set already, but the program sets it only once.
    let set = miette::set_hook(Box::new(move |_| Box::new(layout().build())));
    debug_assert!(set.is_ok(), "the layout is set once");
}
