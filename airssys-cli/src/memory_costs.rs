//! The costs of the components of an app for the host.

use airssys_wasm::{AppSnapshot, HostCosts};
use comfy_table::Table;

use crate::plain::plain;
use crate::tables;
use crate::units::bytes;

/// A row for each component, with its memory by kind.
pub(crate) fn table(app: &AppSnapshot) -> Table {
    const COLUMNS: [&str; 10] = [
        "component",
        "memory",
        "resident",
        "tables",
        "mailbox",
        "retained",
        "routes",
        "subscriptions",
        "dead letters",
        "together",
    ];
    let mut table = tables::empty(COLUMNS);
    for component in &app.components {
        let costs: &HostCosts = &component.costs;
        let resident = costs.resident_bytes.map_or_else(|| "–".to_owned(), bytes);
        let kinds = [
            costs.table_bytes,
            costs.mailbox_bytes,
            costs.retained_bytes,
            costs.route_bytes,
            costs.subscription_bytes,
            costs.dead_letter_bytes,
            costs.memory_bytes(),
        ];
        let name = plain(&component.name).into_owned();
        let memory = [name, bytes(costs.linear_memory_bytes), resident];
        table.add_row(memory.into_iter().chain(kinds.map(bytes)));
    }
    (1..COLUMNS.len()).for_each(|column| tables::align_right(&mut table, column));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::app;

    #[test]
    fn each_component_has_a_row_with_its_memory_by_kind() {
        let mut app = app();
        let costs = serde_json::json!({
            "linear_memory_bytes": 1_114_112, "resident_bytes": 401_408, "table_bytes": 160, "mailbox_bytes": 2_048,
            "retained_bytes": 100, "route_bytes": 3_072, "subscription_bytes": 4_096, "dead_letter_bytes": 5
        });
        app.components[0].costs = serde_json::from_value(costs).expect("costs");
        let table = table(&app).trim_fmt();
        let row = table.lines().find(|line| line.contains("1.1 MiB")).expect("a row");
        for bytes in [" 392 KiB ", " 2 KiB ", " 3 KiB ", " 4 KiB "] {
            assert!(row.contains(bytes), "{table}");
        }
        // Another component was not measured.
        assert_eq!(table.matches('–').count(), app.components.len() - 1, "{table}");
    }
}
