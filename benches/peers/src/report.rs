//! A run: every measurement in every round, and the table of results.

use std::io::{IsTerminal, Write, stderr};

use serde_json::{Value, json};

use crate::args::Plan;
use crate::measure::{self, Job, RunError};
use crate::stats::Spread;
use crate::systems::System;
use crate::table;
use crate::workload::Workload;

/// Divisor of a quick run's operations.
const QUICK: u64 = 20;

/// Results of one workload on one system, one for each round. `None` if the system cannot do it.
pub(crate) struct Column {
    pub(crate) system: System,
    pub(crate) figures: Vec<Option<f64>>,
}

/// All results of one workload, those of raw tokio first.
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) columns: Vec<Column>,
}

impl Column {
    pub(crate) fn spread(&self) -> Option<Spread> {
        let figures: Vec<f64> = self.figures.iter().copied().flatten().collect();
        Spread::of(&figures)
    }
}

impl Row {
    fn new(workload: Workload, systems: &[System]) -> Self {
        let columns = systems.iter().map(|&system| Column { system, figures: Vec::new() });
        Self { workload, columns: columns.collect() }
    }

    /// Returns the ratios to raw tokio, round by round.
    pub(crate) fn ratio(&self, column: &Column) -> Option<Spread> {
        Spread::of_ratios(&column.figures, &self.columns.first()?.figures)
    }
}

pub(crate) fn run(plan: &Plan) -> Result<(), RunError> {
    let mut rows: Vec<Row> =
        plan.workloads.iter().map(|&workload| Row::new(workload, &plan.systems)).collect();
    for round in 0..plan.rounds {
        for row in &mut rows {
            progress(&format!("round {} of {}: {}", round + 1, plan.rounds, row.workload.name()));
            measure_row(row, round, plan.quick)?;
        }
    }
    progress("");
    print!("{}", table::of(&rows, plan.rounds, plan.markdown));
    if let Some(path) = &plan.json {
        let write = std::fs::write(path, format!("{:#}\n", figures(&rows)));
        write.map_err(|error| RunError::Write { file: path.display().to_string(), error })?;
    }
    Ok(())
}

fn measure_row(row: &mut Row, round: usize, quick: bool) -> Result<(), RunError> {
    let all = row.workload.facts().operations;
    let operations = if quick { (all / QUICK).max(1) } else { all };
    let systems = row.columns.len();
    for turn in 0..systems {
        let column = &mut row.columns[(round + turn) % systems];
        let job = Job { system: column.system, workload: row.workload, operations };
        column.figures.push(measure::apart(job)?);
    }
    Ok(())
}

/// Shows progress on the terminal's last line, if there is a terminal.
fn progress(text: &str) {
    let mut terminal = stderr();
    if terminal.is_terminal() {
        // A failed write must not stop the run.
        let _ = write!(terminal, "\r\x1b[K{text}");
        let _ = terminal.flush();
    }
}

fn figures(rows: &[Row]) -> Value {
    let spread = |spread: Option<Spread>| {
        spread.map(|it| json!({ "min": it.min, "median": it.median, "max": it.max })).unwrap_or_default()
    };
    let system = |row: &Row, column: &Column| {
        json!({
            "system": column.system.name(),
            "figures": column.figures,
            "figure": spread(column.spread()),
            "ratio": spread(row.ratio(column)),
            "note": column.system.note(row.workload),
        })
    };
    let row = |row: &Row| {
        let systems: Vec<Value> = row.columns.iter().map(|column| system(row, column)).collect();
        json!({ "workload": row.workload.name(), "unit": row.workload.facts().unit, "systems": systems })
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_written_with_their_ratios() {
        let mut row = Row::new(Workload::Ring, &[System::Tokio, System::Airssys]);
        row.columns[0].figures = vec![Some(2.0), Some(4.0)];
        row.columns[1].figures = vec![Some(1.0), None];
        let value = figures(&[row]);
        assert_eq!(value[0]["workload"], "ring");
        assert_eq!(value[0]["systems"][0]["figure"]["median"], 3.0);
        assert_eq!(value[0]["systems"][1]["ratio"]["max"], 0.5);
        assert_eq!(value[0]["systems"][1]["figures"], json!([1.0, null]));
    }
}
