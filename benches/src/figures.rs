//! Measured values other than times. Each is printed, and saved in `airssys-bench/GROUP.json` below
//! the target folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{Failure, must};

/// A measured value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    group: String,
    name: String,
    unit: String,
    value: f64,
}

/// Prints a value, and saves it in place of an earlier one with the same name.
///
/// # Panics
/// If the value cannot be saved.
pub fn record(group: &str, name: &str, unit: &str, value: f64) {
    println!("{group}/{name}: {value:.3} {unit}");
    must(keep(&folder(), group, name, unit, value));
}

/// Records the median and the 99th percentile of times in nanoseconds: `NAME_p50`, `NAME_p99`.
///
/// # Panics
/// If `times_ns` is empty, or the values cannot be saved.
pub fn record_times(group: &str, name: &str, times_ns: &[u64]) {
    let mut times = must(Histogram::<u64>::new(3));
    times_ns.iter().for_each(|time| must(times.record(*time)));
    assert!(!times.is_empty(), "{group}/{name}: no request was timed");
    for (quantile, suffix) in [(0.5, "p50"), (0.99, "p99")] {
        record(group, &format!("{name}_{suffix}"), "ns", times.value_at_quantile(quantile) as f64);
    }
}

/// Rounds over which a ratio is measured.
const ROUNDS: usize = 21;

/// Records the ratio of two times, as the median over rounds. Each round measures both, one after
/// the other, so that both see the same state of the machine.
///
/// # Panics
/// If the ratio cannot be saved.
pub fn record_ratio(
    group: &str,
    name: &str,
    mut one: impl FnMut() -> Duration,
    mut other: impl FnMut() -> Duration,
) {
    // The order alternates from round to round.
    let ratio = |round: usize| {
        let (one, other) = match round % 2 {
            0 => (one(), other()),
            _ => {
                let other = other();
                (one(), other)
            }
        };
        one.as_secs_f64() / other.as_secs_f64()
    };
    record(group, name, "ratio", median((0..ROUNDS).map(ratio).collect()));
}

/// Returns the median of some values.
///
/// # Panics
/// If `figures` is empty.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    target.unwrap_or_else(usual).join("airssys-bench")
}

fn keep(folder: &Path, group: &str, name: &str, unit: &str, value: f64) -> Result<(), Failure> {
    let file = folder.join(format!("{group}.json"));
    let mut figures: Vec<Figure> = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => Vec::new(),
    };
    figures.retain(|figure| figure.name != name);
    let (group, name, unit) = (group.to_owned(), name.to_owned(), unit.to_owned());
    figures.push(Figure { group, name, unit, value });
    std::fs::create_dir_all(folder)?;
    Ok(std::fs::write(file, serde_json::to_vec_pretty(&figures)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_value_replaces_the_one_of_the_same_name() {
        let folder = tempfile::tempdir().unwrap();
        keep(folder.path(), "soak", "messages", "count", 1.0).unwrap();
        keep(folder.path(), "soak", "resident_at_end", "bytes", 2.0).unwrap();
        keep(folder.path(), "soak", "messages", "count", 3.0).unwrap();
        let kept = std::fs::read(folder.path().join("soak.json")).unwrap();
        let kept: Vec<Figure> = serde_json::from_slice(&kept).unwrap();
        let all: Vec<_> = kept.iter().map(|figure| (figure.name.as_str(), figure.value)).collect();
        assert_eq!(all, [("resident_at_end", 2.0), ("messages", 3.0)]);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 3.0]), 3.0);
    }
}
