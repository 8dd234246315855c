//! The results that benches write themselves: sizes, rates, counts, percentiles.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::criterion::{ReadError, json};
use super::unit::Unit;

/// A number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) unit: Unit,
}

/// Reads the figures in a folder, one file per group, by `GROUP/NAME`. A missing folder has none.
pub(crate) fn read(folder: &Path) -> Result<BTreeMap<String, Figure>, ReadError> {
    let mut figures = BTreeMap::new();
    let failed = |source| ReadError::Read { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(figures),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == "json") {
            read_file(&path, &mut figures)?;
        }
    }
    Ok(figures)
}

fn read_file(path: &Path, figures: &mut BTreeMap<String, Figure>) -> Result<(), ReadError> {
    for figure in json(path)?.as_array().map_or(&[][..], Vec::as_slice) {
        let no_key = |key| ReadError::NoKey { path: path.to_owned(), key };
        let text = |key: &'static str| figure[key].as_str().ok_or_else(|| no_key(key));
        let id = format!("{}/{}", text("group")?, text("name")?);
        let unit = text("unit")?;
        let unknown = || ReadError::Unit { path: path.to_owned(), unit: unit.to_owned() };
        let unit = Unit::of(unit).ok_or_else(unknown)?;
        let value = figure["value"].as_f64().ok_or_else(|| no_key("value"))?;
        figures.insert(id, Figure { value, unit });
    }
    Ok(())
}

/// Removes a group's results of earlier runs, so that only those of this run are read.
pub(crate) fn forget(folder: &Path, group: &str) -> Result<(), ReadError> {
    let path = folder.join(format!("{group}.json"));
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ReadError::Read { path, source }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::planted::Planted;
    use super::*;

    #[test]
    fn figures_are_read_with_their_units() {
        let planted = Planted::new();
        assert!(read(&planted.figures()).unwrap().is_empty());
        planted.figure("live_10000/resident_each", "bytes", 20_480.0);
        planted.figure("live_10000/among_to_alone", "ratio", 1.1);
        let figures = read(&planted.figures()).unwrap();
        assert_eq!(figures["live_10000/resident_each"], Figure { value: 20_480.0, unit: Unit::Bytes });
        assert_eq!(figures["live_10000/among_to_alone"].unit, Unit::Ratio);
        forget(&planted.figures(), "live_10000").unwrap();
        forget(&planted.figures(), "live_10000").unwrap();
        assert!(read(&planted.figures()).unwrap().is_empty());
    }

    #[test]
    fn an_unknown_unit_is_an_error() {
        let planted = Planted::new();
        planted.figure("soak/messages", "miles", 1.0);
        let error = read(&planted.figures()).unwrap_err().to_string();
        assert!(error.contains("soak.json has the unit `miles`"), "{error}");
    }
}
