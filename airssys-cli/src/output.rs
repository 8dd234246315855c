//! What is printed: JSON and lines on the standard output, errors on the standard error.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use airssys_wasm::manifest::Diagnostics;
use anstyle::{AnsiColor, Style};
use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};

use crate::failure::Failure;
use crate::plain::plain_lines;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Prints a failure and its causes on the standard error.
pub(crate) fn show_failure(failure: &Failure) {
    match failure {
        Failure::Manifest(diagnostics) => show_diagnostics(diagnostics),
        other => show_error(other),
    }
}

/// Prints an error and what led to it.
fn show_error(error: &dyn Error) {
    anstream::eprintln!("{ERROR}error:{ERROR:#} {}", plain_lines(&error.to_string()));
    let mut source = error.source();
    while let Some(cause) = source {
        anstream::eprintln!("  because {}", plain_lines(&cause.to_string()));
        source = cause.source();
    }
}

/// An error and what led to it, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Prints every mistake of the manifests, with the lines they are in.
fn show_diagnostics(diagnostics: &Diagnostics) {
    set_layout();
    for diagnostic in diagnostics.iter() {
        let file = diagnostic.file.display().to_string();
        let mut report = MietteDiagnostic::new(diagnostic.message.clone()).with_help(diagnostic.help.clone());
        match (&diagnostic.span, diagnostics.text(&diagnostic.file)) {
            (Some(span), Some(text)) => {
                report = report.with_label(LabeledSpan::underline(span.clone()));
                let source = NamedSource::new(&file, text.to_owned());
                anstream::eprintln!("{:?}", Report::new(report).with_source_code(source));
            }
            _ => anstream::eprintln!("{:?}", Report::new(report).wrap_err(file)),
        }
    }
    let count = match diagnostics.iter().count() {
        1 => "1 mistake".to_owned(),
        count => format!("{count} mistakes"),
    };
    anstream::eprintln!("{ERROR}error:{ERROR:#} {count} in the manifests");
}

/// Lets diagnostics break their lines where the terminal ends, and elsewhere nowhere.
fn set_layout() {
    let stderr = io::stderr();
    let width = if stderr.is_terminal() { terminal_size::terminal_size_of(stderr) } else { None };
    let layout = move || match width {
        Some((width, _)) => MietteHandlerOpts::new().width(width.0.into()).break_words(false),
        None => MietteHandlerOpts::new().wrap_lines(false),
    };
    // It fails where a layout has been set already: this is called once.
    let set = miette::set_hook(Box::new(move |_| Box::new(layout().build())));
    debug_assert!(set.is_ok(), "the layout is set once");
}

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    anstream::println!("{}", text.map_err(|error| Failure::run("the outcome is no JSON", error))?);
    Ok(())
}

/// How long ago a time was, given in milliseconds since 1970.
pub(crate) fn ago(unix_ms: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms);
    let seconds = SystemTime::now().duration_since(at).unwrap_or_default().as_secs();
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A count with its digits in groups of three.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Nanoseconds in the unit that suits them.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} µs", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", value / 1e6),
        _ => format!("{:.2} s", value / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let grouped = [0, 7, 999, 1_000, 1_234_567].map(thousands);
        assert_eq!(grouped, ["0", "7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        let shown = [812, 1_500, 2_340_000, 1_500_000_000].map(duration);
        assert_eq!(shown, ["812 ns", "1.5 µs", "2.3 ms", "1.50 s"]);
    }
}
