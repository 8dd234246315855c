//! The table of the last run, read back to draw its charts again.

use std::path::Path;

use serde_json::Value as Json;

use super::criterion::{ReadError, json};
use super::results::{Beside, Measured, Plotted, Report, Value};
use super::row::{Plot, Row, Series};
use super::rows::{PLOTS, SECTIONS};
use super::unit::Unit;

/// Reads `table.json`. Rows and plots that it lacks are named in the report's `missing`.
pub(crate) fn read(path: &Path) -> Result<Report, ReadError> {
    let table = json(path)?;
    let mut report = Report::default();
    for section in SECTIONS {
        let mut rows = Vec::new();
        for row in section.rows {
            match measured(row, entries(&table, "rows")) {
                Some(row) => rows.push(row),
                None if row.needs.is_some() => report.absent.push(row),
                None => report.missing.push((row.name, row.value.id().to_owned())),
            }
        }
        if !rows.is_empty() {
            report.sections.push((section, rows));
        }
    }
    for plot in PLOTS {
        match plotted(plot, entries(&table, "plots")) {
            Ok(plotted) => report.plots.push(plotted),
            Err(series) => report.missing.push((plot.title, series.id.to_owned())),
        }
    }
    Ok(report)
}

fn entries<'a>(table: &'a Json, key: &str) -> &'a [Json] {
    table[key].as_array().map_or(&[], Vec::as_slice)
}

/// Returns a row with its results. Two rows can be of one bench, so the name counts too.
fn measured(row: &'static Row, rows: &[Json]) -> Option<Measured> {
    let found = rows.iter().find(|one| one["bench"] == row.value.id() && one["what"] == row.name)?;
    let interval =
        found["interval"].as_array().and_then(|ends| Some((ends.first()?.as_f64()?, ends.get(1)?.as_f64()?)));
    let value =
        Value { amount: found["value"].as_f64()?, unit: Unit::of(found["unit"].as_str()?)?, interval };
    let beside = |to: String| Some(Beside { ratio: found["ratios"][&to].as_f64()?, to });
    let ratios = row.beside().into_iter().map(beside).collect::<Option<Vec<_>>>()?;
    Some(Measured::new(row, value, ratios))
}

/// Returns a plot with its points, or the series that lacks one.
fn plotted(plot: &'static Plot, plots: &[Json]) -> Result<Plotted, &'static Series> {
    let points = |series: &'static Series| {
        let is_its = |one: &&Json| one["plot"] == plot.file && one["bench"] == series.id;
        let points = plots.iter().find(is_its).and_then(|one| one["points_ns"].as_array());
        let point = |count: &u32| {
            let point = points?.iter().find(|point| point[0] == *count)?;
            Some((*count, point[1].as_f64()?))
        };
        let points: Option<Vec<_>> = plot.counts.iter().map(point).collect();
        Ok((series, points.ok_or(series)?))
    };
    Ok(Plotted { plot, series: plot.series.iter().map(points).collect::<Result<_, _>>()? })
}
