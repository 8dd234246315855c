//! A target folder with planted results, for tests.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::criterion;
use super::results::{CRITERION, FIGURES};
use super::row::{Ratio, Source};
use super::rows::{PLOTS, SECTIONS};

pub(crate) struct Planted {
    folder: TempDir,
}

impl Planted {
    pub(crate) fn new() -> Planted {
        Planted { folder: tempfile::tempdir().unwrap() }
    }

    /// Plants a result for every bench of the table: floors take 100 ns, the others more.
    pub(crate) fn everything() -> Planted {
        let planted = Planted::new();
        let rows = SECTIONS.iter().flat_map(|section| section.rows);
        for (number, row) in rows.enumerate() {
            for source in row.sources() {
                match source {
                    Source::Time(id) if id.contains("/floor_") => planted.time(id, 100.0, None),
                    Source::Time(id) => planted.time(id, 110.0 + 10.0 * number as f64, None),
                    Source::Figure(id) if matches!(row.ratio, Ratio::Figure(ratio, _) if ratio == id) => {
                        planted.figure(id, "ratio", 1.01);
                    }
                    Source::Figure(id) => planted.figure(id, "ns", 1_000.0),
                }
            }
        }
        for plot in PLOTS {
            for (number, series) in plot.series.iter().enumerate() {
                for count in plot.counts {
                    let time = (60.0 - 10.0 * number as f64) * f64::from(*count).log10();
                    planted.time(&series.id_at(*count), time, None);
                }
            }
        }
        planted
    }

    pub(crate) fn target(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn criterion(&self) -> PathBuf {
        self.target().join(CRITERION)
    }

    pub(crate) fn figures(&self) -> PathBuf {
        self.target().join(FIGURES)
    }

    /// Plants a median in nanoseconds per iteration, with an interval of a tenth on each side.
    pub(crate) fn time(&self, id: &str, median: f64, elements: Option<u64>) {
        let folder = self.criterion().join(id).join("new");
        let throughput = elements.map(|elements| json!({ "Elements": elements }));
        let benchmark = json!({ "full_id": id, "throughput": throughput });
        let interval = json!({ "lower_bound": 0.9 * median, "upper_bound": 1.1 * median });
        let estimates = json!({ "median": { "point_estimate": median, "confidence_interval": interval } });
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("benchmark.json"), benchmark.to_string()).unwrap();
        std::fs::write(folder.join("estimates.json"), estimates.to_string()).unwrap();
    }

    pub(crate) fn remove_time(&self, id: &str) {
        std::fs::remove_dir_all(self.criterion().join(id)).unwrap();
    }

    /// Plants a figure, which replaces one of the same name.
    pub(crate) fn figure(&self, id: &str, unit: &str, value: f64) {
        let (group, name) = id.split_once('/').unwrap();
        let path = self.figures().join(format!("{group}.json"));
        let mut figures = match criterion::json(&path) {
            Ok(Value::Array(figures)) => figures,
            _ => Vec::new(),
        };
        figures.retain(|figure| figure["name"] != name);
        figures.push(json!({ "group": group, "name": name, "unit": unit, "value": value }));
        std::fs::create_dir_all(self.figures()).unwrap();
        std::fs::write(path, Value::Array(figures).to_string()).unwrap();
    }
}
