//! The result of a run: its report and its stats.

use std::collections::BTreeMap;
use std::time::Duration;

use airssys_message::report::{Cell, Report};
use airssys_wasm::{ComponentHost, ComponentSnapshot, DeadLetterCount};

use crate::failure::Failure;
use crate::output::Output;
use crate::tables;
use crate::unhandled::Unhandled;
use crate::units::{counted, duration, thousands};

/// The result of a run.
#[derive(serde::Serialize)]
pub(crate) struct RunResult {
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<Report>,
    components: Vec<ComponentSnapshot>,
    dead_letters: Vec<DeadLetterCount>,
    summary: Totals,
}

/// The sums over all components.
#[derive(serde::Serialize)]
struct Totals {
    handled: u64,
    refused: u64,
    refused_by_reason: BTreeMap<String, u64>,
    dead_lettered: u64,
    /// Messages that had not ended when the app was ended.
    unfinished: u64,
    restarts: u64,
    seconds: f64,
}

impl RunResult {
    /// The result so far, without the report.
    ///
    /// `reporter` is the component that was asked for a report, as it was before. It is taken as it was
    /// if it got no other message since, because the request for a report must not count.
    pub(crate) fn of(app: &ComponentHost, took: Duration, reporter: Option<ComponentSnapshot>) -> RunResult {
        let mut components = app.component_snapshots();
        if let Some(before) = reporter {
            let now = components.iter_mut().find(|component| component.name == before.name);
            if let Some(now) = now.filter(|now| now.received == before.received + 1) {
                *now = before;
            }
        }
        let sum = |count: fn(&ComponentSnapshot) -> u64| components.iter().map(count).sum();
        let mut refused_by_reason = BTreeMap::new();
        for (reason, count) in components.iter().flat_map(|component| &component.refused) {
            *refused_by_reason.entry(reason.clone()).or_default() += count;
        }
        let summary = Totals {
            handled: sum(|component| component.handled),
            refused: sum(ComponentSnapshot::refused_total),
            refused_by_reason,
            dead_lettered: app.dead_letters().total(),
            unfinished: sum(|component| component.unfinished),
            restarts: sum(ComponentSnapshot::restarts),
            seconds: took.as_secs_f64(),
        };
        let dead_letters = app.dead_letters().counts();
        RunResult { app: app.system().name().to_owned(), report: None, components, dead_letters, summary }
    }

    pub(crate) fn print(self, json: bool, output: &Output) -> Result<(), Failure> {
        if json {
            let report = self.report.as_ref().map(with_finite_numbers);
            return output.json(&RunResult { report, ..self });
        }
        for table in self.report.iter().flat_map(|report| &report.tables) {
            tables::print(output, &table.title, tables::reported(table));
        }
        tables::print(output, "Components", tables::components(&self.components));
        output.line(format!("{}\n", tables::TIMES));
        let unhandled = Unhandled::new(&self.components, &self.dead_letters);
        if !unhandled.is_empty() {
            tables::print(output, "Refused and dead-lettered messages", unhandled.table());
            unhandled.more().into_iter().for_each(|more| output.line(format!("{more}\n")));
            unhandled.traces().into_iter().for_each(|trace| output.line(trace));
        }
        output.line(self.summary.line());
        Ok(())
    }
}

/// A report with texts in place of the numbers that JSON does not have: `NaN`, `Infinity`, `-Infinity`.
fn with_finite_numbers(report: &Report) -> Report {
    let mut report = report.clone();
    for cell in report.tables.iter_mut().flat_map(|table| &mut table.rows).flatten() {
        match *cell {
            Cell::Number(number) if number.is_nan() => *cell = Cell::Text("NaN".to_owned()),
            Cell::Number(f64::INFINITY) => *cell = Cell::Text("Infinity".to_owned()),
            Cell::Number(f64::NEG_INFINITY) => *cell = Cell::Text("-Infinity".to_owned()),
            _ => {}
        }
    }
    report
}

impl Totals {
    fn line(&self) -> String {
        let unfinished = match self.unfinished {
            0 => String::new(),
            messages => format!(", {} not finished", thousands(messages)),
        };
        format!(
            "{} handled, {} refused, {}{unfinished}, {}, in {}",
            counted(self.handled, "message"),
            thousands(self.refused),
            counted(self.dead_lettered, "dead letter"),
            counted(self.restarts, "restart"),
            duration((self.seconds * 1e9) as u64),
        )
    }
}

#[cfg(test)]
mod tests {
    use airssys_message::report::Table;

    use super::*;

    #[test]
    fn last_line_counts_messages_that_a_forced_end_left() {
        let mut totals = Totals {
            handled: 64,
            refused: 0,
            refused_by_reason: BTreeMap::new(),
            dead_lettered: 1,
            unfinished: 0,
            restarts: 0,
            seconds: 2.0,
        };
        let line = "64 messages handled, 0 refused, 1 dead letter, 0 restarts, in 2.00 s";
        assert_eq!(totals.line(), line);
        totals.unfinished = 1_961;
        let left = line.replace("letter,", "letter, 1,961 not finished,");
        assert_eq!(totals.line(), left);
    }

    #[test]
    fn numbers_that_json_does_not_have_are_texts() {
        let row = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5].map(Cell::Number).to_vec();
        let table = Table { rows: vec![row], ..Table::new("title", &["a", "b", "c", "d"]) };
        let json = serde_json::to_value(with_finite_numbers(&Report { tables: vec![table] })).expect("JSON");
        let expected = serde_json::json!([["NaN", "Infinity", "-Infinity", 1.5]]);
        assert_eq!(json["tables"][0]["rows"], expected);
    }
}
