//! Prints JSON on the standard output and failures on the standard error.

use std::error::Error;
use std::io::{self, IsTerminal};

use airssys_wasm::manifest::Diagnostics;
use anstyle::{AnsiColor, Style};
use miette::{LabeledSpan, MietteDiagnostic, MietteHandlerOpts, NamedSource, Report};

use crate::failure::Failure;
use crate::plain::plain_lines;
use crate::units::counted;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Prints a failure and its causes on the standard error.
pub(crate) fn show_failure(failure: &Failure) {
    match failure {
        Failure::Manifest(diagnostics) => show_diagnostics(diagnostics),
        other => show_error(other),
    }
}

/// Prints an error and its causes.
fn show_error(error: &dyn Error) {
    anstream::eprintln!("{ERROR}error:{ERROR:#} {}", plain_lines(&error.to_string()));
    let mut source = error.source();
    while let Some(cause) = source {
        anstream::eprintln!("  because {}", plain_lines(&cause.to_string()));
        source = cause.source();
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

/// Prints every mistake in the manifests with its lines.
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
    let mistakes = counted(diagnostics.iter().count() as u64, "mistake");
    anstream::eprintln!("{ERROR}error:{ERROR:#} {mistakes} in the manifests");
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

/// Prints a value as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value);
    anstream::println!(
        "{}",
        text.map_err(|error| Failure::run("the result cannot be written as JSON", error))?
    );
    Ok(())
}
