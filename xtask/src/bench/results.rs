//! The rows of the table with their measurements.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use super::criterion::{self, ReadError, Time};
use super::figures::{self, Figure};
use super::row::{Plot, Ratio, Row, Section, Series, Source, Target, group};
use super::rows::{PLOTS, SECTIONS};
use super::unit::Unit;

/// The folder of criterion's results, below the target folder.
pub(super) const CRITERION: &str = "criterion";
/// The folder of the benches' own results, below the target folder.
pub(super) const FIGURES: &str = "airssys-bench";

/// All results.
#[derive(Debug)]
pub(crate) struct Results {
    times: BTreeMap<String, Time>,
    figures: BTreeMap<String, Figure>,
}

/// A number with its unit, and its 95 % confidence interval if it is a median.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) amount: f64,
    pub(crate) unit: Unit,
    pub(crate) interval: Option<(f64, f64)>,
}

/// A ratio to another bench.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Beside {
    pub(crate) ratio: f64,
    /// The other bench, without its group.
    pub(crate) to: String,
}

/// The comparison with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    NoTarget,
}

/// A row that was measured.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) row: &'static Row,
    pub(crate) value: Value,
    /// The first ratio is the one to the floor.
    pub(crate) ratios: Vec<Beside>,
    pub(crate) verdict: Verdict,
}

/// A plot with its points. Each point is a count and a time in nanoseconds.
#[derive(Debug)]
pub(crate) struct Plotted {
    pub(crate) plot: &'static Plot,
    pub(crate) series: Vec<(&'static Series, Vec<(u32, f64)>)>,
}

/// The table, the plots, and the rows that they lack.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) sections: Vec<(&'static Section, Vec<Measured>)>,
    pub(crate) plots: Vec<Plotted>,
    /// Benches without a result, each with the row or plot that needs it.
    pub(crate) missing: Vec<(&'static str, String)>,
    /// Rows whose tools are not installed here.
    pub(crate) absent: Vec<&'static Row>,
}

impl Measured {
    /// Compares the results of a row with its target.
    pub(super) fn new(row: &'static Row, value: Value, ratios: Vec<Beside>) -> Measured {
        let is_met = match row.target {
            Target::Report => None,
            Target::Ratio(most) => ratios.first().map(|beside| beside.ratio <= most),
            Target::AtMost(most) => Some(value.amount <= most),
            Target::AtLeast(least) => Some(value.amount >= least),
        };
        let verdict = match is_met {
            None => Verdict::NoTarget,
            Some(true) => Verdict::Met,
            Some(false) => Verdict::Missed,
        };
        Measured { row, value, ratios, verdict }
    }
}

impl Results {
    /// Reads the results below the target folder. Leaves out times from before `since`.
    pub(crate) fn read(target: &Path, since: Option<SystemTime>) -> Result<Results, ReadError> {
        let mut times = criterion::read(&target.join(CRITERION))?;
        times.retain(|_, time| since.is_none_or(|since| time.written >= since));
        Ok(Results { times, figures: figures::read(&target.join(FIGURES))? })
    }

    /// Builds the table of these groups, or of all groups if the list is empty.
    pub(crate) fn report(&self, only: &[String]) -> Report {
        let is_meant = |id: &str| only.is_empty() || only.iter().any(|only| only == group(id));
        let mut report = Report::default();
        for section in SECTIONS {
            let mut measured = Vec::new();
            for row in section.rows.iter().filter(|row| is_meant(row.value.id())) {
                match self.measured(row) {
                    Ok(row) => measured.push(row),
                    Err(id) if row.needs.is_some() && id == row.value.id() => report.absent.push(row),
                    Err(id) => report.missing.push((row.name, id)),
                }
            }
            if !measured.is_empty() {
                report.sections.push((section, measured));
            }
        }
        for plot in PLOTS.iter().filter(|plot| plot.series.iter().any(|series| is_meant(series.id))) {
            match self.plotted(plot) {
                Ok(plotted) => report.plots.push(plotted),
                Err(id) => report.missing.push((plot.title, id)),
            }
        }
        report
    }

    /// Returns the row with its results, or the bench without one.
    fn measured(&self, row: &'static Row) -> Result<Measured, String> {
        let value = self.value(row.value)?;
        let ratios = match row.ratio {
            Ratio::None => Vec::new(),
            Ratio::OfValue(floors) => self.ratios(value.amount, floors)?,
            Ratio::OfTime(id, floors) => self.ratios(self.value(Source::Time(id))?.amount, floors)?,
            Ratio::Figure(id, to) => {
                let ratio = self.value(Source::Figure(id))?.amount;
                vec![Beside { ratio, to: to.to_owned() }]
            }
        };
        Ok(Measured::new(row, value, ratios))
    }

    fn ratios(&self, amount: f64, floors: &[Source]) -> Result<Vec<Beside>, String> {
        floors
            .iter()
            .map(|floor| Ok(Beside { ratio: amount / self.floor(*floor)?, to: floor.name() }))
            .collect()
    }

    /// Returns the time of a floor. If the floor was measured again after its group, returns the mean
    /// of both, which halves the effect of the machine's drift.
    fn floor(&self, floor: Source) -> Result<f64, String> {
        let before = self.value(floor)?.amount;
        let after = self.times.get(&format!("{}_after", floor.id()));
        Ok(after.map_or(before, |after| f64::midpoint(before, after.median)))
    }

    fn value(&self, source: Source) -> Result<Value, String> {
        let value = match source {
            Source::Time(id) => self.times.get(id).map(|time| Value {
                amount: time.median,
                unit: Unit::Ns,
                interval: Some((time.lower, time.upper)),
            }),
            Source::Figure(id) => self.figures.get(id).map(|figure| Value {
                amount: figure.value,
                unit: figure.unit.clone(),
                interval: None,
            }),
        };
        value.ok_or_else(|| source.id().to_owned())
    }

    fn plotted(&self, plot: &'static Plot) -> Result<Plotted, String> {
        let points = |series: &'static Series| {
            let point = |count: &u32| {
                let id = series.id_at(*count);
                let time = self.times.get(&id).ok_or(id)?;
                Ok((*count, time.median))
            };
            let points: Result<Vec<_>, String> = plot.counts.iter().map(point).collect();
            Ok((series, points?))
        };
        let series: Result<Vec<_>, String> = plot.series.iter().map(points).collect();
        Ok(Plotted { plot, series: series? })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::planted::Planted;
    use super::*;

    fn report(planted: &Planted, only: &[&str]) -> Report {
        let only: Vec<String> = only.iter().map(|only| (*only).to_owned()).collect();
        Results::read(planted.target(), None).unwrap().report(&only)
    }

    fn rows(report: &Report) -> Vec<&Measured> {
        report.sections.iter().flat_map(|(_, rows)| rows).collect()
    }

    #[test]
    fn a_ratio_uses_the_mean_of_both_floors() {
        let planted = Planted::new();
        planted.time("routing/send", 200.0, None);
        planted.time("routing/floor_component_call", 150.0, None);
        let once = report(&planted, &["routing"]);
        assert_eq!(rows(&once)[0].verdict, Verdict::Missed);
        planted.time("routing/floor_component_call_after", 170.0, None);
        let both = report(&planted, &["routing"]);
        let row = rows(&both)[0];
        assert_eq!(row.ratios, [Beside { ratio: 1.25, to: "component_call".to_owned() }]);
        assert_eq!((row.value.amount, row.verdict), (200.0, Verdict::Met));
        assert!(both.missing.is_empty());
    }

    #[test]
    fn absolute_targets_are_compared_in_their_unit() {
        let planted = Planted::everything();
        planted.figure("throughput/four_pairs", "messages/s", 6.12e6);
        planted.figure("live_10000/resident_each", "bytes", 24.5 * 1024.0);
        let report = report(&planted, &["throughput", "live_10000"]);
        let verdict = |name: &str| {
            let found = rows(&report).into_iter().find(|row| row.row.name.starts_with(name));
            found.unwrap().verdict
        };
        assert_eq!(verdict("throughput, 4 pairs"), Verdict::Met);
        assert_eq!(verdict("the same, senders"), Verdict::NoTarget);
        assert_eq!(verdict("10,000 live"), Verdict::Missed);
    }

    #[test]
    fn a_missing_bench_is_named_with_its_row() {
        let planted = Planted::everything();
        let complete = report(&planted, &[]);
        assert_eq!((complete.missing.len(), complete.absent.len()), (0, 0));
        assert_eq!(complete.plots.len(), PLOTS.len());
        planted.remove_time("routing/floor_component_call");
        planted.remove_time("scale/components_1000_eight_in_a_row");
        let incomplete = report(&planted, &[]);
        let expected = [
            ("routing alone", "routing/floor_component_call".to_owned()),
            ("A message as components grow", "scale/components_1000_eight_in_a_row".to_owned()),
        ];
        assert_eq!(incomplete.missing, expected);
        assert!(report(&planted, &["requests"]).missing.is_empty());
    }

    #[test]
    fn a_row_without_its_tool_may_be_absent_but_not_its_floor() {
        let planted = Planted::everything();
        planted.remove_time("languages/python");
        planted.remove_time("versus_request/erlang_gen_server");
        let without = report(&planted, &[]);
        let absent: Vec<_> = without.absent.iter().filter_map(|row| row.needs).collect();
        assert_eq!(absent, ["Python with venv", "Erlang"]);
        assert!(without.missing.is_empty());
        planted.remove_time("languages/floor_component_call");
        let rows = report(&planted, &[]).missing;
        assert!(rows.iter().all(|(_, id)| id == "languages/floor_component_call") && rows.len() == 2);
    }

    #[test]
    fn times_of_an_earlier_run_are_left_out() {
        let planted = Planted::everything();
        let later = SystemTime::now() + Duration::from_secs(60);
        let report = Results::read(planted.target(), Some(later)).unwrap().report(&["quota".to_owned()]);
        assert_eq!(report.missing.len(), 2);
    }
}
