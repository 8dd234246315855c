//! The ratios of an earlier run on a machine of the same kind.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::criterion::{ReadError, json as read_json};
use super::machine::Machine;
use super::results::Report;

/// The share by which a ratio may be worse, because ratios drift too, if less than times.
const TOLERANCE: f64 = 0.15;

/// The ratios to the floors, by the row's bench.
pub(crate) type Ratios = BTreeMap<String, f64>;

/// A ratio that is worse than the baseline.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Worse {
    pub(crate) id: String,
    pub(crate) was: f64,
    pub(crate) is: f64,
}

impl std::fmt::Display for Worse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = (self.is / self.was - 1.0) * 100.0;
        write!(
            f,
            "{}: {:.3} × its floor, {more:.0} % more than the baseline's {:.3} ×",
            self.id, self.is, self.was
        )
    }
}

/// Returns the ratios of the rows about airssys.
pub(crate) fn ratios(report: &Report) -> Ratios {
    let ours = report.sections.iter().filter(|(section, _)| section.ours).flat_map(|(_, rows)| rows);
    ours.filter_map(|row| Some((row.row.value.id().to_owned(), row.ratios.first()?.ratio))).collect()
}

/// Returns the ratios that are more than 15 % above the baseline.
pub(crate) fn worse(baseline: &Ratios, now: &Ratios) -> Vec<Worse> {
    let both = now.iter().filter_map(|(id, is)| Some((id, *baseline.get(id)?, *is)));
    let worse = both.filter(|(_, was, is)| *is > was * (1.0 + TOLERANCE));
    worse.map(|(id, was, is)| Worse { id: id.clone(), was, is }).collect()
}

/// Returns the path of the baseline for a kind of machine.
pub(crate) fn path(root: &Path, machine: &Machine) -> PathBuf {
    root.join("benches/baseline").join(format!("{}.json", machine.kind()))
}

/// Reads a baseline. Returns `None` if the file does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Ratios>, ReadError> {
    if !path.exists() {
        return Ok(None);
    }
    let json = read_json(path)?;
    let ratios = json["ratios"].as_object();
    let ratios = ratios.ok_or_else(|| ReadError::NoKey { path: path.to_owned(), key: "ratios" })?;
    Ok(Some(ratios.iter().filter_map(|(id, ratio)| Some((id.clone(), ratio.as_f64()?))).collect()))
}

/// Writes a baseline.
pub(crate) fn write(path: &Path, machine: &Machine, ratios: &Ratios) -> io::Result<()> {
    // Further digits are noise, and would change the file at every run.
    let ratios = ratios.iter().map(|(id, ratio)| (id.clone(), json!((ratio * 1e3).round() / 1e3)));
    let ratios: serde_json::Map<String, Value> = ratios.collect();
    let text = serde_json::to_string_pretty(&json!({ "machine": machine.to_string(), "ratios": ratios }))?;
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    std::fs::write(path, text + "\n")
}

#[cfg(test)]
mod tests {
    use super::super::planted::Planted;
    use super::super::results::Results;
    use super::*;

    fn now(planted: &Planted) -> Ratios {
        ratios(&Results::read(planted.target(), None).unwrap().report(&[]))
    }

    #[test]
    fn a_much_worse_ratio_is_named() {
        let planted = Planted::everything();
        let machine = Machine::new("AMD EPYC", 2);
        let file = path(planted.target(), &machine);
        assert!(file.ends_with("benches/baseline/amd-epyc-2-cores.json"));
        assert_eq!(read(&file).unwrap(), None);
        write(&file, &machine, &now(&planted)).unwrap();
        let baseline = read(&file).unwrap().unwrap();
        assert_eq!(worse(&baseline, &now(&planted)), []);

        let was = baseline["routing/send"];
        planted.time("routing/send", was * 1.14 * 100.0, None);
        assert_eq!(worse(&baseline, &now(&planted)), []);
        planted.time("routing/send", was * 1.16 * 100.0, None);
        let found = worse(&baseline, &now(&planted));
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("routing/send: "), "{}", found[0]);
        assert!(found[0].to_string().contains("16 % more than the baseline's"), "{}", found[0]);

        // A machine that is slower throughout does not change a ratio.
        planted.time("routing/floor_component_call", 116.0, None);
        assert_eq!(worse(&baseline, &now(&planted)), []);
    }

    #[test]
    fn a_baseline_has_only_rows_about_airssys() {
        let ratios = now(&Planted::everything());
        assert_eq!(ratios["traces/carried"], 1.01);
        assert!(!ratios.contains_key("versus_request/unix_socket"));
        assert!(!ratios.contains_key("capability/cached"));
    }

    #[test]
    fn a_file_without_ratios_is_an_error() {
        let planted = Planted::new();
        let file = planted.target().join("b.json");
        std::fs::write(&file, "{}").unwrap();
        assert!(read(&file).unwrap_err().to_string().ends_with("b.json has no `ratios`"));
    }
}
