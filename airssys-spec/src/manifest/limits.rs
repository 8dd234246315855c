//! The `[limits]` of both manifests, as one table of keys.

use std::ops::Range;
use std::time::Duration;

use super::amount::Unit;
use super::lists::component_name;
use super::reader::{Located, Setting, Table};
use super::suggest;
use super::value::scalar;
use crate::limits::{Limits, TargetLimit};

/// A limit: its key, its unit, its range, and its field.
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) unit: Unit,
    least: u64,
    /// The largest value, or `None` for the host's bound.
    most: Option<u64>,
    /// The value of examples, or `None` for the default.
    example: Option<u64>,
    pub(super) get: fn(&Limits) -> u64,
    pub(super) set: fn(&mut Limits, u64),
}

/// Every limit. A limit is at most [`Limits::HOST_MAX`], so it fits a `usize`.
pub(super) const ROWS: [Row; 22] = [
    Row {
        key: "memory",
        unit: Unit::Bytes,
        // One page of linear memory.
        least: 64 << 10,
        most: None,
        example: None,
        get: |limits| limits.memory_bytes as u64,
        set: |limits, amount| limits.memory_bytes = amount as usize,
    },
    Row {
        key: "table_elements",
        unit: Unit::Count,
        least: 0,
        most: None,
        example: None,
        get: |limits| limits.table_elements as u64,
        set: |limits, amount| limits.table_elements = amount as usize,
    },
    Row {
        key: "execution_time",
        unit: Unit::Time,
        least: 1,
        most: None,
        example: None,
        get: |limits| limits.execution_time.as_millis() as u64,
        set: |limits, amount| limits.execution_time = Duration::from_millis(amount),
    },
    Row {
        key: "start_timeout",
        unit: Unit::Time,
        least: 1,
        most: None,
        example: None,
        get: |limits| limits.start_timeout.as_millis() as u64,
        set: |limits, amount| limits.start_timeout = Duration::from_millis(amount),
    },
    Row {
        key: "message_size",
        unit: Unit::Bytes,
        least: 1,
        most: None,
        example: None,
        get: |limits| limits.message_size_bytes as u64,
        set: |limits, amount| limits.message_size_bytes = amount as usize,
    },
    Row {
        key: "concurrent_requests",
        unit: Unit::Count,
        least: 0,
        most: None,
        example: None,
        get: |limits| limits.concurrent_requests as u64,
        set: |limits, amount| limits.concurrent_requests = amount as usize,
    },
    Row {
        key: "subscriptions",
        unit: Unit::Count,
        least: 0,
        most: None,
        example: None,
        get: |limits| limits.subscriptions as u64,
        set: |limits, amount| limits.subscriptions = amount as usize,
    },
    Row {
        key: "retained",
        unit: Unit::Count,
        least: 0,
        most: None,
        example: None,
        get: |limits| limits.retained as u64,
        set: |limits, amount| limits.retained = amount as usize,
    },
    Row {
        key: "routes",
        unit: Unit::Count,
        least: 0,
        most: None,
        example: None,
        get: |limits| limits.routes as u64,
        set: |limits, amount| limits.routes = amount as usize,
    },
    Row {
        key: "log_line",
        unit: Unit::Bytes,
        least: 1,
        most: None,
        example: None,
        get: |limits| limits.log_line_bytes as u64,
        set: |limits, amount| limits.log_line_bytes = amount as usize,
    },
    Row {
        key: "log_lines_per_second",
        unit: Unit::Count,
        least: 1,
        most: None,
        example: None,
        get: |limits| limits.log_lines_per_second as u64,
        set: |limits, amount| limits.log_lines_per_second = amount as usize,
    },
    Row {
        key: "log_bytes_per_second",
        unit: Unit::Bytes,
        least: MIN_BYTES,
        most: None,
        example: None,
        get: |limits| limits.log_bytes_per_second as u64,
        set: |limits, amount| limits.log_bytes_per_second = amount as usize,
    },
    Row {
        key: "service_calls_per_second",
        unit: Unit::Count,
        least: 1,
        most: None,
        example: None,
        get: |limits| limits.service_calls_per_second as u64,
        set: |limits, amount| limits.service_calls_per_second = amount as usize,
    },
    Row {
        key: "connections",
        unit: Unit::Count,
        least: 1,
        most: None,
        example: None,
        get: |limits| limits.connections as u64,
        set: |limits, amount| limits.connections = amount as usize,
    },
    Row {
        key: "stored_keys",
        unit: Unit::Count,
        least: 0,
        most: None,
        example: None,
        get: |limits| limits.stored_keys,
        set: |limits, amount| limits.stored_keys = amount,
    },
    Row {
        key: "stored_bytes",
        unit: Unit::Bytes,
        least: 0,
        most: None,
        example: None,
        get: |limits| limits.stored_bytes,
        set: |limits, amount| limits.stored_bytes = amount,
    },
    Row {
        key: "outgoing_requests_per_second",
        unit: Unit::Count,
        least: 1,
        most: None,
        example: None,
        get: |limits| limits.outgoing_requests_per_second as u64,
        set: |limits, amount| limits.outgoing_requests_per_second = amount as usize,
    },
    Row {
        key: "outgoing_bytes_per_second",
        unit: Unit::Bytes,
        least: MIN_BYTES,
        most: None,
        example: None,
        get: |limits| limits.outgoing_bytes_per_second as u64,
        set: |limits, amount| limits.outgoing_bytes_per_second = amount as usize,
    },
    Row {
        key: "messages_per_second",
        unit: Unit::Count,
        least: 1,
        most: Some(MAX_MESSAGES),
        example: Some(1_000),
        get: |limits| known(limits.rates.messages_per_second),
        set: |limits, amount| limits.rates.messages_per_second = some(amount),
    },
    Row {
        key: "messages_burst",
        unit: Unit::Count,
        least: 1,
        most: Some(MAX_MESSAGES),
        example: Some(100),
        get: |limits| known(limits.rates.messages_burst),
        set: |limits, amount| limits.rates.messages_burst = some(amount),
    },
    Row {
        key: "bytes_per_second",
        unit: Unit::Bytes,
        least: MIN_BYTES,
        most: Some(MAX_BYTES),
        example: Some(1 << 20),
        get: |limits| known(limits.rates.bytes_per_second),
        set: |limits, amount| limits.rates.bytes_per_second = some(amount),
    },
    Row {
        key: "bytes_burst",
        unit: Unit::Bytes,
        least: 1,
        most: Some(MAX_BYTES),
        example: Some(1 << 20),
        get: |limits| known(limits.rates.bytes_burst),
        set: |limits, amount| limits.rates.bytes_burst = some(amount),
    },
];

/// The first of the [`ROWS`] that are rates: those that a limit on one target can have too.
const FIRST_RATE: usize = 18;

/// The most messages a second, or at once.
const MAX_MESSAGES: u64 = 10_000_000;

/// The least bytes a second: with fewer, the largest burst would take months to come back.
const MIN_BYTES: u64 = 1 << 10;

/// The most bytes a second, or at once.
const MAX_BYTES: u64 = 1 << 30;

/// A limit as an amount that can be compared: none is more than any.
fn known(limit: Option<u64>) -> u64 {
    limit.unwrap_or(u64::MAX)
}

fn some(amount: u64) -> Option<u64> {
    Some(amount).filter(|amount| *amount != u64::MAX)
}

/// A `[limits]` table as it is written, in the order of [`ROWS`].
#[derive(Debug, Default)]
pub(super) struct Written {
    amounts: [Setting<u64>; ROWS.len()],
    /// The place of the table, or `None` if it is absent.
    pub(super) span: Option<Range<usize>>,
    /// The `[limits.to.…]` tables, with the places of their names.
    pub(super) per_target: Vec<Located<TargetLimit>>,
}

impl Written {
    /// Reads the bounds of an app.
    pub(super) fn of_app(table: Setting<Table<'_>>) -> Self {
        let table = match table {
            Setting::Absent => return Self::default(),
            Setting::Wrong => return Self::unknown(),
            Setting::Written(table) => table.value,
        };
        let amounts = ROWS.each_ref().map(|row| read(&table, row));
        let span = table.span();
        table.finish();
        Self { amounts, span, per_target: Vec::new() }
    }

    /// Reads the limits that a component asks for.
    pub(super) fn of_component(table: Setting<Table<'_>>) -> Self {
        let table = match table {
            Setting::Absent => return Self::default(),
            Setting::Wrong => return Self::unknown(),
            Setting::Written(table) => table.value,
        };
        let amounts = ROWS.each_ref().map(|row| read(&table, row));
        bursts_have_rates(&table);
        let per_target = table.table("to").into_value().map(per_target).unwrap_or_default();
        let span = table.span();
        table.finish();
        Self { amounts, span, per_target }
    }

    /// Returns the limits of a table that is wrong as a whole.
    fn unknown() -> Self {
        Self { amounts: ROWS.each_ref().map(|_| Setting::Wrong), ..Self::default() }
    }

    /// Returns every limit with its written amount.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Row, &Setting<u64>)> {
        ROWS.iter().zip(&self.amounts)
    }

    /// Returns true if the amount of this key is wrong, so that no other mistake follows from it.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        self.iter().any(|(row, amount)| row.key == key && amount.is_wrong())
    }

    /// Returns `limits` with the written amounts in place of its own.
    pub(super) fn over(&self, mut limits: Limits) -> Limits {
        for (row, written) in self.iter() {
            if let Setting::Written(amount) = written {
                (row.set)(&mut limits, amount.value);
            }
        }
        limits.per_target.extend(self.per_target.iter().map(|target_limit| target_limit.value.clone()));
        limits
    }
}

fn read(table: &Table<'_>, row: &Row) -> Setting<u64> {
    let most = row.most.unwrap_or_else(|| (row.get)(&Limits::HOST_MAX));
    let example = row.example.unwrap_or_else(|| (row.get)(&Limits::DEFAULT));
    table.amount(row.key, row.unit, row.least..=most, example)
}

/// Reports a burst without its rate.
fn bursts_have_rates(table: &Table<'_>) {
    for (burst, rate) in [("messages_burst", "messages_per_second"), ("bytes_burst", "bytes_per_second")] {
        let written = table.value(burst).filter(|_| table.value(rate).is_none() && !table.is_misspelt(rate));
        let Some(value) = written else { continue };
        let message = format!("`{burst}` in {} is only for {rate}", table.name());
        let amount = scalar(value.get_ref()).unwrap_or_default();
        let row = ROWS.iter().find(|row| row.key == rate);
        let forms = row.and_then(|row| {
            let written = row.unit.parse(&amount).map_or(amount, |bytes| row.unit.show(bytes));
            row.unit.nearest(written.trim_matches('"'), &(row.least..=row.most?))
        });
        let help = match forms {
            Some((forms, _)) => {
                let lines: Vec<_> = forms.iter().map(|form| format!("{rate} = {form}")).collect();
                format!("add {}, or remove `{burst}`", suggest::either(&lines))
            }
            None => format!("remove `{burst}`"),
        };
        table.document.report(Some(value.span()), message, help);
    }
}

/// Reads the per-target limits.
fn per_target(table: Table<'_>) -> Vec<Located<TargetLimit>> {
    let mut per_target = Vec::new();
    for (key, value) in table.entries() {
        if let Err(fault) = component_name(key.value) {
            let message = format!(
                "`{}` in {} is not the name of a component: {}",
                key.value,
                table.name(),
                fault.message
            );
            // An instance is limited as its component.
            let name = suggest::component_name(key.value.split('/').next().unwrap_or_default());
            let help = name.map_or(fault.help, |name| format!("write `{name}`"));
            table.document.report(Some(key.span), message, help);
            continue;
        }
        let name = format!("[limits.to.{}]", key.value);
        let Some(target_limit) = table.as_table(key.value, name, value).into_value() else { continue };
        let mut limits = Limits::DEFAULT;
        for row in &ROWS[FIRST_RATE..] {
            if let Setting::Written(amount) = read(&target_limit, row) {
                (row.set)(&mut limits, amount.value);
            }
        }
        bursts_have_rates(&target_limit);
        target_limit.finish();
        per_target.push(key.map(|target| TargetLimit { target: target.to_owned(), rates: limits.rates }));
    }
    per_target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_field_of_its_own_and_the_maxima_are_ordered() {
        for (index, row) in ROWS.iter().enumerate() {
            let mut limits = Limits::DEFAULT;
            (row.set)(&mut limits, 7);
            for (other_index, other) in ROWS.iter().enumerate() {
                let expected = if index == other_index { 7 } else { (other.get)(&Limits::DEFAULT) };
                assert_eq!((other.get)(&limits), expected, "{} {}", row.key, other.key);
            }
            let steps = [&Limits::DEFAULT, &Limits::APP_MAX, &Limits::HOST_MAX].map(row.get);
            assert_eq!(index >= FIRST_RATE, row.most.is_some(), "{}", row.key);
            assert!(row.least <= steps[0] && steps.is_sorted(), "{} {steps:?}", row.key);
        }
    }
}
