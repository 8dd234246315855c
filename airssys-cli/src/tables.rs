//! The tables of the program, and those that a run prints.

use airssys_message::report::{Cell as ReportCell, Table as ReportTable};
use airssys_wasm::ComponentSnapshot;
use anstyle::Style;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableComponent, presets};

use crate::output::{Output, Paint};
use crate::plain::plain;
use crate::units::{duration, thousands};

const TITLE: Paint = Paint(Style::new().bold());

/// Prints a table under its title.
///
/// A terminal that is too narrow gets cells of several lines. Elsewhere a row is always one line.
pub(crate) fn print(output: &Output, title: &str, mut table: Table) {
    if let Some(width) = output.width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    output.line(format!("{TITLE}{}{TITLE:#}\n{}\n", plain(title), table.trim_fmt()));
}

/// A table that a component reported.
pub(crate) fn reported(report: &ReportTable) -> Table {
    let mut table = empty(report.columns.iter().map(|column| plain(column).into_owned()));
    let decimals: Vec<usize> = (0..report.columns.len()).map(|column| decimals(report, column)).collect();
    for row in &report.rows {
        table.add_row(row.iter().enumerate().map(|(column, cell)| match cell {
            ReportCell::Text(text) => plain(text).into_owned(),
            ReportCell::Count(count) => thousands(*count),
            ReportCell::Number(value) => aligned(*value, decimals.get(column).copied().unwrap_or(0)),
        }));
    }
    for column in 0..report.columns.len() {
        if is_numeric(report, column) {
            align_right(&mut table, column);
        }
    }
    table
}

fn is_numeric(report: &ReportTable, column: usize) -> bool {
    let mut cells = report.rows.iter().filter_map(|row| row.get(column)).peekable();
    cells.peek().is_some() && cells.all(|cell| !matches!(cell, ReportCell::Text(_)))
}

/// The largest number of decimals in the column.
fn decimals(report: &ReportTable, column: usize) -> usize {
    let digits = |cell: &ReportCell| match cell {
        ReportCell::Number(value) => fraction(&format!("{value:?}")),
        _ => 0,
    };
    report.rows.iter().filter_map(|row| row.get(column)).map(digits).max().unwrap_or(0)
}

fn fraction(number: &str) -> usize {
    number.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

/// A number padded on the right to `decimals`, which aligns the points of its column.
fn aligned(value: f64, decimals: usize) -> String {
    let number = format!("{value:?}");
    let room = decimals.saturating_sub(fraction(&number));
    // The table trims plain spaces, but not no-break spaces.
    number + &"\u{a0}".repeat(room)
}

/// The meaning of the times in the tables of components.
pub(crate) const TIMES: &str = "p50, p99: time in the guest. waits, queued: time waiting for others \
                                and in the mailbox, at p99.";

/// The stats of each component.
pub(crate) fn components(components: &[ComponentSnapshot]) -> Table {
    const COLUMNS: [&str; 10] =
        ["component", "in", "handled", "refused", "dead", "restarts", "p50", "p99", "waits", "queued"];
    let mut table = empty(COLUMNS);
    let time = |time: Option<u64>| time.map_or_else(|| "–".to_owned(), duration);
    for component in components {
        let name = match component.instances.len() {
            1 => component.name.clone(),
            instances => format!("{} ×{instances}", component.name),
        };
        table.add_row([
            name,
            thousands(component.received),
            thousands(component.handled),
            thousands(component.refused_total()),
            thousands(component.dead_lettered),
            thousands(component.restarts()),
            time(component.handling.guest.p50_ns),
            time(component.handling.guest.p99_ns),
            time(component.handling.waits.p99_ns),
            time(component.handling.mailbox.p99_ns),
        ]);
    }
    (1..COLUMNS.len()).for_each(|column| align_right(&mut table, column));
    table
}

/// A table with these headings and no rows.
pub(crate) fn empty(columns: impl IntoIterator<Item = impl Into<Cell>>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(columns.into_iter().map(Into::into).collect::<Vec<Cell>>());
    table
}

pub(crate) fn align_right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: Vec<Vec<ReportCell>>) -> ReportTable {
        ReportTable { rows, ..ReportTable::new("title", &["number", "text"]) }
    }

    fn lines(table: &Table) -> Vec<String> {
        table.trim_fmt().lines().map(|line| line.replace('\u{a0}', "_")).collect()
    }

    #[test]
    fn decimal_points_are_aligned_below_their_heading() {
        let row = |number: f64, text: &str| vec![number.into(), text.into()];
        let table = reported(&report(vec![row(6.0, "one"), row(2.49, "two"), row(10.5, "three")]));
        assert_eq!(lines(&table)[0], " number   text");
        assert_eq!(lines(&table)[2..], ["   6.0_   one", "   2.49   two", "  10.5_   three"]);
    }

    #[test]
    fn reports_cannot_send_control_characters_to_the_terminal() {
        let table = reported(&report(vec![vec![1_u64.into(), "\u{1b}[31mred\nline".into()]]));
        assert_eq!(lines(&table)[2..], ["      1   \\u{1b}[31mred\\nline"]);
    }

    #[test]
    fn empty_report_shows_its_headings() {
        assert_eq!(lines(&reported(&report(Vec::new())))[0], " number   text");
    }
}
