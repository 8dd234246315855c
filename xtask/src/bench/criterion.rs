//! The results that criterion writes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

/// A result that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReadError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not JSON", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("{} has no `{key}`", path.display())]
    NoKey { path: PathBuf, key: &'static str },
    #[error("{} has the unit `{unit}`; it must be one of ns, bytes, count, ratio, …/s", path.display())]
    Unit { path: PathBuf, unit: String },
}

/// A median with its confidence interval, in nanoseconds, for one element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Time {
    pub(crate) median: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) written: SystemTime,
}

/// Reads the times below criterion's folder, by `GROUP/BENCH`. A missing folder has no times.
pub(crate) fn read(folder: &Path) -> Result<BTreeMap<String, Time>, ReadError> {
    let mut times = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let (benchmark, estimates) = (folder.join("new/benchmark.json"), folder.join("new/estimates.json"));
        if benchmark.is_file() && estimates.is_file() {
            let (id, time) = time(&benchmark, &estimates)?;
            times.insert(id, time);
        }
        folders.extend(folders_in(&folder)?);
    }
    Ok(times)
}

fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::Read { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    Ok(paths.map_err(failed)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn time(benchmark: &Path, estimates: &Path) -> Result<(String, Time), ReadError> {
    let about = json(benchmark)?;
    let no_key = |path: &Path, key| ReadError::NoKey { path: path.to_owned(), key };
    let id = about["full_id"].as_str().ok_or_else(|| no_key(benchmark, "full_id"))?;
    let elements = elements(&about["throughput"]);
    let median = &json(estimates)?["median"];
    let interval = &median["confidence_interval"];
    let number =
        |value: &Value, key| Ok(value[key].as_f64().ok_or_else(|| no_key(estimates, key))? / elements);
    let written = std::fs::metadata(estimates).and_then(|file| file.modified());
    let time = Time {
        median: number(median, "point_estimate")?,
        lower: number(interval, "lower_bound")?,
        upper: number(interval, "upper_bound")?,
        written: written.map_err(|source| ReadError::Read { path: estimates.to_owned(), source })?,
    };
    Ok((id.to_owned(), time))
}

/// Returns the number of elements of an iteration, or one if the bench does not count elements.
fn elements(throughput: &Value) -> f64 {
    let elements = throughput["Elements"].as_f64();
    let elements = elements.or_else(|| throughput["ElementsAndBytes"]["elements"].as_f64());
    elements.filter(|elements| *elements > 0.0).unwrap_or(1.0)
}

/// Reads a file's JSON.
pub(super) fn json(path: &Path) -> Result<Value, ReadError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ReadError::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| ReadError::Json { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::super::planted::Planted;
    use super::*;

    #[test]
    fn a_time_is_for_one_element() {
        let planted = Planted::new();
        planted.time("requests/64_in_flight", 640.0, Some(64));
        planted.time("routing/send", 211.0, None);
        let times = read(&planted.criterion()).unwrap();
        let request = times["requests/64_in_flight"];
        assert_eq!((request.median, request.lower, request.upper), (10.0, 9.0, 11.0));
        assert_eq!(times["routing/send"].median, 211.0);
        assert_eq!(times.len(), 2);
    }

    #[test]
    fn elements_beside_bytes_are_counted_too() {
        let both = serde_json::json!({ "ElementsAndBytes": { "elements": 8, "bytes": 512 } });
        assert_eq!(elements(&both), 8.0);
        assert_eq!(elements(&serde_json::json!({ "Bytes": 512 })), 1.0);
    }

    #[test]
    fn missing_and_broken_results_are_named() {
        let planted = Planted::new();
        assert!(read(&planted.criterion()).unwrap().is_empty());
        planted.time("routing/send", 211.0, None);
        let estimates = planted.criterion().join("routing/send/new/estimates.json");
        std::fs::write(&estimates, r#"{"median":{}}"#).unwrap();
        let error = read(&planted.criterion()).unwrap_err().to_string();
        assert!(error.ends_with("estimates.json has no `point_estimate`"), "{error}");
        std::fs::write(&estimates, "{").unwrap();
        let error = read(&planted.criterion()).unwrap_err().to_string();
        assert!(error.ends_with("estimates.json is not JSON"), "{error}");
    }
}
