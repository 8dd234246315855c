//! Figures that are no times: each is printed, and kept in `airssys-bench/GROUP.json` below the
//! target folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{Failure, must};

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    group: String,
    name: String,
    unit: String,
    value: f64,
}

/// Prints a figure, and keeps it in place of the one of this name of an earlier run.
///
/// # Panics
/// If it cannot be kept.
pub fn record(group: &str, name: &str, unit: &str, value: f64) {
    println!("{group}/{name}: {value:.3} {unit}");
    must(keep(&folder(), group, name, unit, value));
}

/// Records the median and the 99th percentile of times in nanoseconds: `NAME_p50`, `NAME_p99`.
///
/// # Panics
/// If there are none, or they cannot be kept.
pub fn record_times(group: &str, name: &str, times_ns: &[u64]) {
    let mut times = must(Histogram::<u64>::new(3));
    times_ns.iter().for_each(|time| must(times.record(*time)));
    assert!(!times.is_empty(), "{group}/{name}: nothing was timed");
    for (quantile, suffix) in [(0.5, "p50"), (0.99, "p99")] {
        record(group, &format!("{name}_{suffix}"), "ns", times.value_at_quantile(quantile) as f64);
    }
}

/// Rounds that a ratio is measured in.
const ROUNDS: usize = 21;

/// Records how much longer one takes than another: the median of rounds in which both are measured,
/// one after the other, so that what the machine does meanwhile is the same for both.
///
/// # Panics
/// If it cannot be kept.
pub fn record_ratio(
    group: &str,
    name: &str,
    mut one: impl FnMut() -> Duration,
    mut other: impl FnMut() -> Duration,
) {
    // Who comes first in a round is the other one in the next.
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

/// The middle of some figures.
///
/// # Panics
/// If there are none.
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
    fn a_figure_takes_the_place_of_its_name() {
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
