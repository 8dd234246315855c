//! The `[limits]` of both manifests, as one table of keys.

use std::time::Duration;

use super::amount::Unit;
use super::reader::{Located, Table};
use crate::limits::Limits;

/// A limit: its key, what it is counted in, the least it may be, and its field.
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) unit: Unit,
    least: u64,
    pub(super) get: fn(&Limits) -> u64,
    pub(super) set: fn(&mut Limits, u64),
}

/// Every limit. No limit is above [`Limits::HOST_MAX`], so it is as large a number as a `usize`.
pub(super) const ROWS: [Row; 9] = [
    Row {
        key: "memory",
        unit: Unit::Bytes,
        // One page of linear memory.
        least: 64 << 10,
        get: |limits| limits.memory_bytes as u64,
        set: |limits, amount| limits.memory_bytes = amount as usize,
    },
    Row {
        key: "table_elements",
        unit: Unit::Count,
        least: 0,
        get: |limits| limits.table_elements as u64,
        set: |limits, amount| limits.table_elements = amount as usize,
    },
    Row {
        key: "execution_time",
        unit: Unit::Time,
        least: 1,
        get: |limits| limits.execution_time.as_millis() as u64,
        set: |limits, amount| limits.execution_time = Duration::from_millis(amount),
    },
    Row {
        key: "message_size",
        unit: Unit::Bytes,
        least: 1,
        get: |limits| limits.message_size_bytes as u64,
        set: |limits, amount| limits.message_size_bytes = amount as usize,
    },
    Row {
        key: "concurrent_requests",
        unit: Unit::Count,
        least: 0,
        get: |limits| limits.concurrent_requests as u64,
        set: |limits, amount| limits.concurrent_requests = amount as usize,
    },
    Row {
        key: "subscriptions",
        unit: Unit::Count,
        least: 0,
        get: |limits| limits.subscriptions as u64,
        set: |limits, amount| limits.subscriptions = amount as usize,
    },
    Row {
        key: "retained",
        unit: Unit::Count,
        least: 0,
        get: |limits| limits.retained as u64,
        set: |limits, amount| limits.retained = amount as usize,
    },
    Row {
        key: "routes",
        unit: Unit::Count,
        least: 0,
        get: |limits| limits.routes as u64,
        set: |limits, amount| limits.routes = amount as usize,
    },
    Row {
        key: "log_line",
        unit: Unit::Bytes,
        least: 1,
        get: |limits| limits.log_line_bytes as u64,
        set: |limits, amount| limits.log_line_bytes = amount as usize,
    },
];

/// What a `[limits]` says, in the order of [`ROWS`].
#[derive(Debug, Default)]
pub(super) struct Written([Option<Located<u64>>; ROWS.len()]);

impl Written {
    pub(super) fn read(table: Option<Table<'_>>) -> Self {
        let Some(table) = table else { return Self::default() };
        let read = |row: &Row| {
            let most = (row.get)(&Limits::HOST_MAX);
            table.amount(row.key, row.unit, row.least..=most, (row.get)(&Limits::DEFAULT))
        };
        let written = Self(ROWS.each_ref().map(read));
        table.finish();
        written
    }

    /// Every limit with what is written of it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Row, Option<&Located<u64>>)> {
        ROWS.iter().zip(self.0.iter().map(Option::as_ref))
    }

    /// What is written, on top of these.
    pub(super) fn over(&self, mut limits: Limits) -> Limits {
        for (row, written) in self.iter() {
            if let Some(amount) = written {
                (row.set)(&mut limits, amount.value);
            }
        }
        limits
    }
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
            assert!(row.least <= steps[0] && steps.is_sorted(), "{} {steps:?}", row.key);
        }
    }
}
