//! The `[supervisor]` table of `app.toml`, and the keys of a restart intensity and a backoff.

use std::ops::RangeInclusive;
use std::time::Duration;

use airssys_core::{RestartStrategy, SupervisorConfig};
use toml::de::DeValue;

use super::amount::Unit;
use super::reader::Table;

/// The largest restart intensity.
const MAX_RESTARTS: u64 = 10_000;

/// The longest time over which restarts are counted, and the longest delay: a day, in milliseconds.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;

const MULTIPLIERS: RangeInclusive<f64> = 1.0..=1000.0;

const EXAMPLE: &str =
    "\"immediate\", { fixed = \"50 ms\" } or { initial = \"10 ms\", max = \"1 s\", multiplier = 2.0 }";

/// Reads the `[supervisor]` table.
pub(super) fn supervisor(table: Table<'_>) -> SupervisorConfig {
    let config = restarts(&table);
    table.finish();
    config
}

/// Reads the restart intensity and the backoff of a table.
pub(super) fn restarts(table: &Table<'_>) -> SupervisorConfig {
    let default = SupervisorConfig::default();
    let restarts = table.amount("max_restarts", Unit::Count, 0..=MAX_RESTARTS, default.max_restarts.into());
    SupervisorConfig {
        // No more than MAX_RESTARTS, so it fits.
        max_restarts: restarts.map_or(default.max_restarts, |restarts| restarts.value as u32),
        within_duration: time(table, "within", 1, default.within_duration),
        restart_strategy: strategy(table, default.restart_strategy),
        ..default
    }
}

/// Returns a time, or the default if it is absent or wrong.
fn time(table: &Table<'_>, key: &'static str, least_ms: u64, default: Duration) -> Duration {
    let found = table.amount(key, Unit::Time, least_ms..=LONGEST_MS, default.as_millis() as u64);
    found.map_or(default, |time| Duration::from_millis(time.value))
}

/// Returns the `backoff` of a table, or the default if it is absent or wrong.
pub(super) fn strategy(table: &Table<'_>, default: RestartStrategy) -> RestartStrategy {
    let Some(value) = table.value("backoff") else { return default };
    match value.get_ref() {
        DeValue::String(word) if word == "immediate" => RestartStrategy::Immediate,
        DeValue::Table(_) => table.table("backoff").map_or(default, |delays| delayed(delays, default)),
        _ => {
            table.wrong_kind("backoff", value, "a way to wait", format!("write {EXAMPLE}"));
            default
        }
    }
}

fn delayed(table: Table<'_>, default: RestartStrategy) -> RestartStrategy {
    if table.value("fixed").is_some() {
        let delay = time(&table, "fixed", 0, Duration::from_millis(50));
        table.finish();
        return RestartStrategy::Fixed { delay };
    }
    let RestartStrategy::ExponentialBackoff { initial_delay, max_delay, multiplier, jitter } = default else {
        return default;
    };
    let initial_delay = time(&table, "initial", 0, initial_delay);
    let longest = time(&table, "max", 0, max_delay);
    // A maximum that is not written does not contradict a longer initial delay.
    let max_delay = if table.value("max").is_none() { longest.max(initial_delay) } else { longest };
    if initial_delay > max_delay {
        let message = "`initial` is longer than `max`".to_owned();
        table.document.report(table.span(), message, "write the shorter of the two as `initial`".to_owned());
    }
    let multiplier = self::multiplier(&table).unwrap_or(multiplier);
    table.finish();
    RestartStrategy::ExponentialBackoff { initial_delay, max_delay, multiplier, jitter }
}

fn multiplier(table: &Table<'_>) -> Option<f64> {
    let value = table.value("multiplier")?;
    let number: Option<f64> = match value.get_ref() {
        DeValue::Float(number) => number.as_str().parse().ok(),
        DeValue::Integer(number) => number.to_string().parse().ok(),
        _ => None,
    };
    let multiplier = number.filter(|number| MULTIPLIERS.contains(number));
    if multiplier.is_none() {
        let expected = format!("a number from {} to {}", MULTIPLIERS.start(), MULTIPLIERS.end());
        table.wrong_kind("multiplier", value, &expected, "write multiplier = 2.0".to_owned());
    }
    multiplier
}
