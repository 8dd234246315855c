//! What is printed: tables and JSON on the standard output, errors on the standard error.

use std::error::Error;

use airssys_message::report::{Cell as ReportCell, Table as ReportTable};
use airssys_wasm::manifest::Diagnostics;
use airssys_wasm::{ComponentSummary, DeadLetterCount};
use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};
use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const TITLE: Style = Style::new().bold();

/// Prints an error and what led to it.
pub(crate) fn show_error(error: &dyn Error) {
    anstream::eprintln!("{ERROR}error:{ERROR:#} {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string().replace('\n', "\n    ");
        anstream::eprintln!("  because {text}");
        source = cause.source();
    }
}

/// Prints every mistake of the manifests, with the lines they are in.
pub(crate) fn show_diagnostics(diagnostics: &Diagnostics) {
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

/// Prints a table under its title.
pub(crate) fn print_table(title: &str, table: &Table) {
    anstream::println!("{TITLE}{title}{TITLE:#}\n{}\n", table.trim_fmt());
}

/// A table that a component reported.
pub(crate) fn report_table(report: &ReportTable) -> Table {
    let mut table = empty(&report.columns);
    for row in &report.rows {
        table.add_row(row.iter().map(|cell| match cell {
            ReportCell::Text(text) => Cell::new(text),
            ReportCell::Count(count) => number(&thousands(*count)),
            ReportCell::Number(value) => number(&format!("{value:?}")),
        }));
    }
    table
}

/// What each component did.
pub(crate) fn components_table(components: &[ComponentSummary]) -> Table {
    let columns = ["component", "in", "handled", "refused", "dead", "restarts", "p50", "p99"];
    let mut table = empty(&columns.map(str::to_owned));
    for component in components {
        let name = match component.instances {
            1 => component.name.clone(),
            instances => format!("{} ×{instances}", component.name),
        };
        let count = |count| number(&thousands(count));
        table.add_row([
            Cell::new(name),
            count(component.received),
            count(component.handled),
            count(component.refused_total()),
            count(component.dead_lettered),
            count(component.restarts),
            number(&component.p50_ns.map_or_else(|| "–".to_owned(), duration)),
            number(&component.p99_ns.map_or_else(|| "–".to_owned(), duration)),
        ]);
    }
    table
}

/// Messages that did not reach their handler or were rejected by it, by reason.
pub(crate) fn lost_table(components: &[ComponentSummary], dead: &[DeadLetterCount]) -> Table {
    let mut table = empty(&["component", "messages", "what became of them"].map(str::to_owned));
    for component in components {
        for (reason, count) in &component.refused {
            let what = format!("refused to the sender: {reason}");
            table.add_row([Cell::new(&component.name), number(&thousands(*count)), Cell::new(what)]);
        }
    }
    for letter in dead {
        let what = format!("dead letter: {}", letter.reason);
        table.add_row([Cell::new(&letter.receiver), number(&thousands(letter.count)), Cell::new(what)]);
    }
    table
}

fn empty(columns: &[String]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(columns);
    table
}

fn number(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A count with its digits in groups of three.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
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
