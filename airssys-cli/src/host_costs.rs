//! The costs of components to the host: their logs, and the time of their calls.

use std::cmp::Reverse;

use airssys_wasm::{AppSnapshot, ComponentSnapshot};
use comfy_table::Table;

use crate::plain::plain;
use crate::tables;
use crate::units::{bytes, duration, thousands};

/// The most rows of the table.
const MAX_ROWS: usize = 15;

/// A row for each component that logged or called the host, the costliest first, at most [`MAX_ROWS`].
/// Returns `None` without any.
pub(crate) fn table(app: &AppSnapshot) -> Option<Table> {
    const COLUMNS: [&str; 6] = ["component", "host calls", "log lines", "log", "dropped lines", "dropped"];
    let has_cost = |component: &&ComponentSnapshot| {
        component.host_calls_ns > 0 || component.log.lines > 0 || component.log.dropped_lines > 0
    };
    let mut components: Vec<&ComponentSnapshot> = app.components.iter().filter(has_cost).collect();
    components.sort_by_key(|component| Reverse(component.host_calls_ns));
    let mut table = tables::empty(COLUMNS);
    for component in components.iter().take(MAX_ROWS) {
        let log = &component.log;
        table.add_row([
            plain(&component.name).into_owned(),
            duration(component.host_calls_ns),
            thousands(log.lines),
            bytes(log.bytes),
            thousands(log.dropped_lines),
            bytes(log.dropped_bytes),
        ]);
    }
    (1..COLUMNS.len()).for_each(|column| tables::align_right(&mut table, column));
    (!table.is_empty()).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::app;

    #[test]
    fn components_that_cost_the_host_something_are_listed_the_costliest_first() {
        let mut app = app();
        assert!(table(&app).is_none());
        app.components[0].host_calls_ns = 812;
        app.components[1].host_calls_ns = 14_400_000;
        let log = serde_json::json!({
            "lines": 1_200, "bytes": 2_048, "dropped_lines": 3, "dropped_bytes": 1_024
        });
        app.components[1].log = serde_json::from_value(log).expect("log stats");
        let table = table(&app).expect("a table").trim_fmt();
        let rows: Vec<String> = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|row| row.contains(' '))
            .collect();
        assert_eq!(rows[0], "component host calls log lines log dropped lines dropped");
        assert_eq!(rows[1], "parse 14.4 ms 1,200 2 KiB 3 1 KiB");
        assert_eq!(rows[2], "feed 812 ns 0 0 0 0");
        assert_eq!(rows.len(), 3);
    }
}
