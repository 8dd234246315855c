//! The calls of services by the components of an app.

use airssys_wasm::{AppSnapshot, ServiceCalls};
use comfy_table::Table;

use crate::plain::plain;
use crate::tables;
use crate::units::{duration, thousands};

/// A row for each function of a service that a component called. Returns `None` without any call.
pub(crate) fn table(app: &AppSnapshot) -> Option<Table> {
    const COLUMNS: [&str; 6] = ["component", "service", "function", "calls", "errors", "mean time"];
    let mut table = tables::empty(COLUMNS);
    for component in &app.components {
        for calls in &component.service_calls {
            let ServiceCalls { service, function, .. } = calls;
            table.add_row([
                plain(&component.name).into_owned(),
                plain(service).into_owned(),
                plain(function).into_owned(),
                thousands(calls.calls),
                thousands(calls.errors),
                duration(calls.time_ns / calls.calls.max(1)),
            ]);
        }
    }
    (3..COLUMNS.len()).for_each(|column| tables::align_right(&mut table, column));
    (!table.is_empty()).then_some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::app;

    #[test]
    fn each_called_function_has_a_row_with_its_mean_time() {
        let mut app = app();
        let calls = serde_json::json!([
            { "service": "keyvalue", "function": "get", "calls": 1_200, "errors": 3, "time_ns": 14_400_000 },
            { "service": "keyvalue", "function": "set", "calls": 1, "errors": 0, "time_ns": 812 },
        ]);
        app.components[1].service_calls = serde_json::from_value(calls).expect("calls");
        let table = table(&app).expect("a table").trim_fmt();
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .filter(|row: &Vec<_>| row.len() > 1)
            .collect();
        assert_eq!(rows[0], ["component", "service", "function", "calls", "errors", "mean", "time"]);
        assert_eq!(rows[1], ["parse", "keyvalue", "get", "1,200", "3", "12.0", "µs"]);
        assert_eq!(rows[2], ["parse", "keyvalue", "set", "1", "0", "812", "ns"]);
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn no_table_without_calls() {
        assert!(table(&app()).is_none());
    }
}
