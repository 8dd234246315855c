//! `[limits]`: in a component's manifest what it asks for, in an app's the most it may.

use std::ops::Range;

use super::reader::{Found, Table};
use crate::limits::Limits;

/// Limits that a manifest names; the others have their default.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedLimits {
    memory: Option<Found<u64>>,
    table_elements: Option<Found<u64>>,
    execution_time: Option<Found<std::time::Duration>>,
    message_size: Option<Found<u64>>,
    concurrent_requests: Option<Found<u64>>,
    subscriptions: Option<Found<u64>>,
    routes: Option<Found<u64>>,
    log_line: Option<Found<u64>>,
}

/// A limit that is larger than what is allowed.
pub(super) struct Exceeded {
    pub(super) key: &'static str,
    pub(super) span: Range<usize>,
    /// Both as they are written in a manifest.
    pub(super) asked: String,
    pub(super) allowed: String,
}

impl NamedLimits {
    pub(super) fn read(table: &Table<'_>) -> NamedLimits {
        NamedLimits {
            memory: table.size("memory"),
            table_elements: table.integer("table_elements", 1..=u64::MAX),
            execution_time: table.duration("execution_time"),
            message_size: table.size("message_size"),
            concurrent_requests: table.integer("concurrent_requests", 1..=u64::MAX),
            subscriptions: table.integer("subscriptions", 1..=u64::MAX),
            routes: table.integer("routes", 1..=u64::MAX),
            log_line: table.size("log_line"),
        }
    }

    /// The limits, with those of `default` where none is named.
    pub(super) fn or(&self, default: &Limits) -> Limits {
        let value = |found: &Option<Found<u64>>, default| found.as_ref().map_or(default, |found| found.value);
        Limits {
            memory_bytes: value(&self.memory, default.memory_bytes),
            table_elements: value(&self.table_elements, default.table_elements),
            execution_time: self.execution_time.as_ref().map_or(default.execution_time, |found| found.value),
            message_size_bytes: value(&self.message_size, default.message_size_bytes),
            concurrent_requests: value(&self.concurrent_requests, default.concurrent_requests),
            subscriptions: value(&self.subscriptions, default.subscriptions),
            routes: value(&self.routes, default.routes),
            log_line_bytes: value(&self.log_line, default.log_line_bytes),
        }
    }

    /// The named limits that are larger than `most`.
    pub(super) fn beyond(&self, most: &Limits) -> Vec<Exceeded> {
        let time = |time: std::time::Duration| format!("\"{} ms\"", time.as_millis());
        let number = |number: u64| number.to_string();
        let checks = [
            exceeded("memory", &self.memory, most.memory_bytes, size),
            exceeded("table_elements", &self.table_elements, most.table_elements, number),
            exceeded("execution_time", &self.execution_time, most.execution_time, time),
            exceeded("message_size", &self.message_size, most.message_size_bytes, size),
            exceeded("concurrent_requests", &self.concurrent_requests, most.concurrent_requests, number),
            exceeded("subscriptions", &self.subscriptions, most.subscriptions, number),
            exceeded("routes", &self.routes, most.routes, number),
            exceeded("log_line", &self.log_line, most.log_line_bytes, size),
        ];
        checks.into_iter().flatten().collect()
    }
}

fn exceeded<T: PartialOrd + Copy>(
    key: &'static str,
    found: &Option<Found<T>>,
    most: T,
    show: impl Fn(T) -> String,
) -> Option<Exceeded> {
    let found = found.as_ref().filter(|found| found.value > most)?;
    Some(Exceeded { key, span: found.span.clone(), asked: show(found.value), allowed: show(most) })
}

/// A size as it is written in a manifest.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(factor, _)| bytes % factor == 0) {
        Some((factor, unit)) => format!("\"{} {unit}\"", bytes / factor),
        None => format!("\"{bytes} B\""),
    }
}
