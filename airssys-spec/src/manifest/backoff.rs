//! The `[supervisor]` table of `app.toml`, and the keys of a restart intensity and a backoff.

use std::ops::RangeInclusive;
use std::time::Duration;

use airssys_core::{LimitScope, OnLimit, RestartStrategy, SupervisorConfig};
use toml::de::DeValue;

use super::amount::Unit;
use super::reader::Table;
use super::suggest::{either, is_similar};
use super::value::scalar;

/// The largest restart intensity.
const MAX_RESTARTS: u64 = 10_000;

/// The longest time over which restarts are counted, and the longest delay: a day, in milliseconds.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;

const MULTIPLIERS: RangeInclusive<f64> = 1.0..=1000.0;

/// The forms of a backoff.
const FORMS: [&str; 3] =
    ["\"immediate\"", "{ fixed = \"50 ms\" }", "{ initial = \"10 ms\", max = \"1 s\", multiplier = 2.0 }"];

/// Reads the `[supervisor]` table.
pub(super) fn supervisor(table: Table<'_>) -> SupervisorConfig {
    let config = restarts(&table);
    table.finish();
    of_root(config)
}

/// Returns the configuration of a root: its children do not depend on each other.
pub(super) fn of_root(config: SupervisorConfig) -> SupervisorConfig {
    SupervisorConfig { limit_scope: LimitScope::PerChild, on_limit: OnLimit::Quarantine, ..config }
}

/// Reads the restart intensity and the backoff of a table.
pub(super) fn restarts(table: &Table<'_>) -> SupervisorConfig {
    let default = SupervisorConfig::default();
    let restarts = table.amount("max_restarts", Unit::Count, 0..=MAX_RESTARTS, default.max_restarts.into());
    SupervisorConfig {
        // No more than MAX_RESTARTS, so it fits.
        max_restarts: restarts.into_value().map_or(default.max_restarts, |restarts| restarts as u32),
        within_duration: time(table, "within", 1, default.within_duration).unwrap_or(default.within_duration),
        restart_strategy: strategy(table, default.restart_strategy),
        ..default
    }
}

/// Returns a time, or the default if it is absent. Returns `None` if it is wrong.
fn time(table: &Table<'_>, key: &'static str, least_ms: u64, default: Duration) -> Option<Duration> {
    let default = default.as_millis() as u64;
    table.amount(key, Unit::Time, least_ms..=LONGEST_MS, default).or(default).map(Duration::from_millis)
}

/// Returns the `backoff` of a table, or the default if it is absent or wrong.
pub(super) fn strategy(table: &Table<'_>, default: RestartStrategy) -> RestartStrategy {
    let Some(value) = table.value("backoff") else { return default };
    match value.get_ref() {
        DeValue::String(word) if word == "immediate" => RestartStrategy::Immediate,
        DeValue::Table(_) => {
            table.table("backoff").into_value().map_or(default, |delays| delayed(delays, default))
        }
        other => {
            table.wrong_kind("backoff", value, "a way to wait", format!("write {}", meant(other)));
            default
        }
    }
}

/// Returns the form of a backoff that is most likely meant, or all forms.
fn meant(found: &DeValue<'_>) -> String {
    let text = scalar(found).unwrap_or_default();
    let time = Unit::Time.nearest(&text, &(0..=LONGEST_MS));
    let forms = match time {
        _ if is_similar(&text, "immediate") => vec![FORMS[0].to_owned()],
        Some((times, _)) => times.iter().map(|time| format!("{{ fixed = {time} }}")).collect(),
        None => FORMS.map(str::to_owned).to_vec(),
    };
    either(&forms)
}

fn delayed(table: Table<'_>, default: RestartStrategy) -> RestartStrategy {
    if table.value("fixed").is_some() {
        let delay = time(&table, "fixed", 0, Duration::from_millis(50)).unwrap_or_default();
        table.finish();
        return RestartStrategy::Fixed { delay };
    }
    let RestartStrategy::ExponentialBackoff { initial_delay, max_delay, multiplier, jitter } = default else {
        return default;
    };
    let initial = time(&table, "initial", 0, initial_delay);
    let longest = time(&table, "max", 0, max_delay);
    let (initial_delay, mut max_delay) = (initial.unwrap_or(initial_delay), longest.unwrap_or(max_delay));
    if table.value("max").is_none() || initial.is_none() || longest.is_none() {
        // A maximum that is not written does not contradict a longer initial delay, and wrong ones
        // are reported as such.
        max_delay = max_delay.max(initial_delay);
    }
    if initial_delay > max_delay {
        let show = |delay: Duration| Unit::Time.show(delay.as_millis() as u64);
        let message = "`initial` is longer than `max`".to_owned();
        let help = format!("write `initial = {}`, or write `max = {}`", show(max_delay), show(initial_delay));
        table.document.report(table.span(), message, help);
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
        let expected = format!("a number from {:?} to {:?}", MULTIPLIERS.start(), MULTIPLIERS.end());
        let written = scalar(value.get_ref()).and_then(|text| text.trim().parse::<f64>().ok());
        let meant = written.filter(|number| !number.is_nan()).unwrap_or(2.0);
        let meant = meant.clamp(*MULTIPLIERS.start(), *MULTIPLIERS.end());
        table.wrong_kind("multiplier", value, &expected, format!("write `multiplier = {meant:?}`"));
    }
    multiplier
}
