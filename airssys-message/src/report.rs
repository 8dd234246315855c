//! The standard report: a component's answer to the question for the results of the app's run.
//!
//! A report is a list of tables, so that a program can show it without knowing the component.

use serde::{Deserialize, Serialize};

/// The request that asks for a report: the CBOR text string `report`.
pub const REPORT_REQUEST: &str = "report";

/// The results of an app's run, as one component reports them. Sent as CBOR.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The tables, shown one below the other in this order.
    pub tables: Vec<Table>,
}

/// A table of a report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The table's heading.
    pub title: String,
    /// The columns' headings.
    pub columns: Vec<String>,
    /// The rows, each with one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A count, shown at the right of its column.
    Count(u64),
    /// A number with a fraction, shown at the right of its column.
    Number(f64),
    /// Text, shown at the left of its column.
    Text(String),
}

impl Table {
    /// Makes a table without rows.
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Table {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Table { title: title.into(), columns, rows: Vec::new() }
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Cell {
        Cell::Count(count)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Cell {
        Cell::Number(number)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}
