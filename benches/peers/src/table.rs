//! The table of results, as text or as Markdown.

use std::fmt::Write;

use crate::report::{Column, Row};
use crate::systems::System;
use crate::workload::Target;

/// Writes a row for each workload, with its notes below.
pub(crate) fn of(rows: &[Row], rounds: usize, markdown: bool) -> String {
    let mut notes = Vec::new();
    let mut lines = vec![head(rows)];
    lines.extend(rows.iter().map(|row| line(row, &mut notes)));
    let mut text = match markdown {
        true => as_markdown(&lines),
        false => as_text(&lines),
    };
    text.push_str("\nMedians of ");
    // Writing to a String does not fail.
    let _ = match rounds {
        1 => write!(text, "one round"),
        rounds => write!(text, "{rounds} rounds"),
    };
    text.push_str(
        "; × is the median ratio to raw tokio in the same round, then the minimum and the maximum.\n",
    );
    for (number, note) in notes.iter().enumerate() {
        let separator = if number == 0 { "\n" } else { "" };
        let item =
            if markdown { format!("{}. {note}", number + 1) } else { format!("[{}] {note}", number + 1) };
        let _ = writeln!(text, "{separator}{item}");
    }
    text
}

fn head(rows: &[Row]) -> Vec<String> {
    let mut cells = vec!["workload".to_owned(), "unit".to_owned(), "target".to_owned()];
    let systems = rows.first().map(|row| row.columns.as_slice()).unwrap_or_default();
    cells.extend(systems.iter().map(|column| column.system.title().to_owned()));
    cells
}

fn line(row: &Row, notes: &mut Vec<String>) -> Vec<String> {
    let facts = row.workload.facts();
    let mut cells = vec![facts.name.to_owned(), facts.unit.to_owned(), target(row)];
    for column in &row.columns {
        let mut cell = figure(row, column);
        if let Some(note) = column.system.note(row.workload) {
            let note = format!("{}: {note}", column.system.title());
            let number = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
                notes.push(note);
                notes.len() - 1
            });
            let _ = write!(cell, " [{}]", number + 1);
        }
        cells.push(cell);
    }
    cells
}

/// Returns the target of a row, and whether airssys-rt meets it.
fn target(row: &Row) -> String {
    let ours = row.columns.iter().find(|column| column.system == System::Airssys);
    let (text, reached) = match row.workload.facts().target {
        None => return "–".to_owned(),
        Some(Target::Ratio(most)) => {
            let ratio = ours.and_then(|column| row.ratio(column));
            (format!("≤ ×{most:.2}"), ratio.map(|ratio| ratio.median <= most))
        }
        Some(Target::Absolute(most)) => {
            let figure = ours.and_then(Column::spread);
            (format!("≤ {most:.0}"), figure.map(|figure| figure.median <= most))
        }
    };
    match reached {
        None => text,
        Some(true) => format!("{text} met"),
        Some(false) => format!("{text} missed"),
    }
}

fn figure(row: &Row, column: &Column) -> String {
    let Some(spread) = column.spread() else { return "–".to_owned() };
    let figure = digits(spread.median);
    match row.ratio(column) {
        Some(ratio) if column.system != System::Tokio => {
            format!("{figure} ×{:.2} ({:.2}–{:.2})", ratio.median, ratio.min, ratio.max)
        }
        _ => figure,
    }
}

/// Formats a number with at least three digits, the fewest decimals that allows, and grouped
/// thousands.
fn digits(figure: f64) -> String {
    if figure < 100.0 {
        return format!("{figure:.1}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn as_markdown(lines: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (index, cells) in lines.iter().enumerate() {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if index == 0 {
            let _ = writeln!(text, "|{}", "---|".repeat(cells.len()));
        }
    }
    text
}

fn as_text(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map(Vec::len).unwrap_or_default();
    let width =
        |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for cells in lines {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Workload;

    fn rows() -> Vec<Row> {
        let column = |system, figure| Column { system, figures: vec![figure] };
        let row = |workload, tokio, ours| Row {
            workload,
            columns: vec![column(System::Tokio, Some(tokio)), column(System::Airssys, ours)],
        };
        vec![
            row(Workload::SendBounded, 160.0, Some(72.0)),
            row(Workload::Ring, 60.0, Some(60.0)),
            row(Workload::Memory, 1300.0, Some(650.0)),
            row(Workload::PublishOne, 24_000.0, None),
        ]
    }

    #[test]
    fn targets_are_compared_with_ratios_or_values() {
        let reached: Vec<String> = rows().iter().map(target).collect();
        assert_eq!(reached, ["≤ ×0.50 met", "≤ ×0.65 missed", "≤ 700 met", "–"]);
    }

    #[test]
    fn the_columns_of_the_text_are_aligned() {
        let text = of(&rows(), 1, false);
        let lines: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(
            lines[1],
            "send-bounded  ns/message      ≤ ×0.50 met     160         72.0 ×0.45 (0.45–0.45)"
        );
        assert_eq!(lines[4].split_whitespace().collect::<Vec<_>>()[3], "24,000");
        assert!(text.contains("\n\n[1] raw tokio: a loop over 100 senders\n"), "{text}");
    }

    #[test]
    fn markdown_has_a_rule_below_its_head() {
        let text = of(&rows(), 3, true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "| workload | unit | target | raw tokio | airssys-rt |");
        assert_eq!(lines[1], "|---|---|---|---|---|");
        assert!(
            lines[5].starts_with("| publish-one | ns/publication | – | 24,000 [1] | – [2] |"),
            "{}",
            lines[5]
        );
        assert!(text.contains("Medians of 3 rounds"));
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!(digits(12.34), "12.3");
        assert_eq!(digits(123.4), "123");
        assert_eq!(digits(54_700.0), "54,700");
        assert_eq!(digits(1_234_567.0), "1,234,567");
    }
}
