//! `cargo xtask bench`: the cost of messages, as one table.

mod baseline;
mod chart;
mod criterion;
mod figures;
mod last;
mod machine;
#[cfg(test)]
mod planted;
mod plot;
mod results;
mod row;
mod rows;
mod table;
mod theme;
mod unit;

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;

use crate::progress::{Failed, Progress};
use crate::tool::{self, ToolError, tool};
use baseline::Worse;
use chart::ChartError;
use criterion::ReadError;
use machine::{Machine, Setting};
use results::{CRITERION, FIGURES, Report, Results};
use row::Bench;
use rows::BENCHES;

/// The folder of the table and its charts.
const FOLDER: &str = "docs/knowledge/performance";

/// The benches to run, and the files to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The groups to measure. Empty for all.
    pub(crate) only: Vec<String>,
    /// Reads the results of the last run.
    pub(crate) no_run: bool,
    /// Draws the charts of the last table again, and does nothing else.
    pub(crate) charts: bool,
    /// Writes the baseline instead of comparing with it.
    pub(crate) save_baseline: bool,
}

/// A reason why the table is missing, incomplete or worse than the baseline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum BenchError {
    #[error("`{group}` is not a group; pass one of {}", groups().join(", "))]
    NoGroup { group: String },
    #[error("a bench failed")]
    Tool(#[from] ToolError),
    #[error("the output of `cargo metadata` is not valid JSON")]
    Metadata(#[source] serde_json::Error),
    #[error("the results cannot be read")]
    Read(#[from] ReadError),
    #[error("not measured:{}", named(missing))]
    Missing { missing: Vec<(&'static str, String)> },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Chart(#[from] ChartError),
    #[error("ratios are more than 15 % worse than the baseline:{}", shown(worse))]
    Worse { worse: Vec<Worse> },
}

fn named(missing: &[(&'static str, String)]) -> String {
    missing.iter().map(|(row, id)| format!("\n  {row}: `{id}`")).collect()
}

fn shown(worse: &[Worse]) -> String {
    worse.iter().map(|worse| format!("\n  {worse}")).collect()
}

fn groups() -> Vec<&'static str> {
    BENCHES.iter().flat_map(|bench| bench.groups).copied().collect()
}

/// Measures and prints the table. Writes it with its charts if it is complete. Compares the ratios
/// with the baseline of this kind of machine.
pub(crate) fn bench(root: &Path, options: &Options) -> Result<(), Failed> {
    let Options { only, no_run, charts, save_baseline } = options;
    if *charts {
        let mut progress = Progress::new("bench", vec!["the charts of the last table".to_owned()]);
        progress.step(|| draw_again(root))?;
        progress.finish();
        return Ok(());
    }
    let meant: Vec<&Bench> = BENCHES
        .iter()
        .filter(|bench| only.is_empty() || bench.groups.iter().any(|own| is_in(own, only)))
        .collect();
    let mut plan = vec!["the groups".to_owned()];
    if !no_run {
        plan.push("build the benches".to_owned());
        plan.extend(meant.iter().map(|bench| bench.name.to_owned()));
    }
    plan.push("the table".to_owned());
    if only.is_empty() {
        plan.push(FOLDER.to_owned());
    }
    plan.push("the baseline".to_owned());

    let mut progress = Progress::new("bench", plan);
    let target = progress.step(|| {
        known(only)?;
        target(root)
    })?;
    let since = (!no_run).then(SystemTime::now);
    if !no_run {
        progress.step(|| tool::run(build(root, &target, &meant)))?;
        for bench in &meant {
            progress.step(|| measure(root, &target, bench, only))?;
        }
    }
    let report = progress.step(|| table(&target, since, only))?;
    if only.is_empty() {
        progress.step(|| write(root, &report, &Setting::this(root, !no_run)))?;
    }
    progress.step(|| compare_with_baseline(root, &report, *save_baseline))?;
    progress.finish();
    Ok(())
}

fn is_in(group: &str, only: &[String]) -> bool {
    only.iter().any(|only| only == group)
}

fn known(only: &[String]) -> Result<(), BenchError> {
    match only.iter().find(|group| !groups().contains(&group.as_str())) {
        Some(group) => Err(BenchError::NoGroup { group: group.clone() }),
        None => Ok(()),
    }
}

/// Returns the target folder of the workspace.
fn target(root: &Path) -> Result<PathBuf, BenchError> {
    let mut cargo = tool("cargo", root);
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&tool::read(cargo)?).map_err(BenchError::Metadata)?;
    Ok(PathBuf::from(metadata["target_directory"].as_str().unwrap_or_default()))
}

/// Returns the command that runs benches, whose results go below the target folder.
fn cargo_bench(root: &Path, target: &Path) -> Command {
    let mut cargo = tool("cargo", root);
    cargo.env("CARGO_TARGET_DIR", target).env("CRITERION_HOME", target.join(CRITERION));
    // The systems that airssys is compared with, which no other build needs.
    cargo.args(["bench", "--package", "airssys-benches", "--features", "others"]);
    cargo
}

fn build(root: &Path, target: &Path, benches: &[&Bench]) -> Command {
    let mut cargo = cargo_bench(root, target);
    cargo.arg("--no-run").args(benches.iter().flat_map(|bench| ["--bench", bench.name]));
    cargo
}

fn measure(root: &Path, target: &Path, bench: &Bench, only: &[String]) -> Result<(), BenchError> {
    let groups: Vec<&str> =
        bench.groups.iter().copied().filter(|group| only.is_empty() || is_in(group, only)).collect();
    for group in &groups {
        figures::forget(&target.join(FIGURES), group)?;
    }
    Ok(tool::run(run(root, target, bench, &groups))?)
}

/// Returns the command that runs a bench: all of it, or these groups.
fn run(root: &Path, target: &Path, bench: &Bench, groups: &[&str]) -> Command {
    let mut cargo = cargo_bench(root, target);
    cargo.args(["--bench", bench.name]);
    if bench.criterion && groups.len() < bench.groups.len() {
        cargo.args(["--", &format!("^({})/", groups.join("|"))]);
    } else if !bench.args.is_empty() {
        cargo.arg("--").args(bench.args);
    }
    cargo
}

/// Reads and prints the table, even an incomplete one.
fn table(target: &Path, since: Option<SystemTime>, only: &[String]) -> Result<Report, BenchError> {
    let report = Results::read(target, since)?.report(only);
    println!("{}", table::plain(&report));
    match report.missing.is_empty() {
        true => Ok(report),
        false => Err(BenchError::Missing { missing: report.missing }),
    }
}

/// Writes the table, as Markdown and as JSON, and the charts.
fn write(root: &Path, report: &Report, setting: &Setting) -> Result<(), BenchError> {
    let charts = draw(report)?;
    let images: Vec<_> = charts.iter().map(|chart| (chart.title.to_owned(), chart.file.clone())).collect();
    let mut files: Vec<_> = charts.into_iter().map(|chart| (chart.file, chart.svg)).collect();
    files.push(("table.md".to_owned(), table::markdown(report, setting, &images)));
    files.push(("table.json".to_owned(), format!("{:#}\n", table::json(report, setting))));
    save(root, files)
}

/// A chart that is drawn.
struct Drawn {
    title: &'static str,
    file: String,
    svg: String,
}

fn draw(report: &Report) -> Result<Vec<Drawn>, BenchError> {
    let mut drawn = Vec::new();
    for chart in [chart::OURS, chart::OTHERS] {
        drawn.push(Drawn { title: chart.title, file: chart.file.to_owned(), svg: chart.draw(report)? });
    }
    for plotted in &report.plots {
        let file = format!("{}.svg", plotted.plot.file);
        drawn.push(Drawn { title: plotted.plot.title, file, svg: plot::plot(plotted)? });
    }
    Ok(drawn)
}

/// Draws the charts from the last table. Fails if the table lacks a row or a plot.
fn draw_again(root: &Path) -> Result<(), BenchError> {
    let report = last::read(&root.join(FOLDER).join("table.json"))?;
    save(root, draw(&report)?.into_iter().map(|chart| (chart.file, chart.svg)))?;
    match report.missing.is_empty() {
        true => Ok(()),
        false => Err(BenchError::Missing { missing: report.missing }),
    }
}

/// Writes files below the folder of the table.
fn save(root: &Path, files: impl IntoIterator<Item = (String, String)>) -> Result<(), BenchError> {
    let folder = root.join(FOLDER);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| BenchError::Write { path, source }
    };
    std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
    for (file, text) in files {
        let path = folder.join(file);
        std::fs::write(&path, text).map_err(failed(&path))?;
        println!("written: {}", shown_path(root, &path));
    }
    Ok(())
}

fn shown_path(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn compare_with_baseline(root: &Path, report: &Report, save: bool) -> Result<(), BenchError> {
    let machine = Machine::this(root);
    let path = baseline::path(root, &machine);
    let now = baseline::ratios(report);
    if save {
        baseline::write(&path, &machine, &now)
            .map_err(|source| BenchError::Write { path: path.clone(), source })?;
        println!("written: {}", shown_path(root, &path));
        return Ok(());
    }
    let Some(baseline) = baseline::read(&path)? else {
        println!("`{}` has no baseline yet; pass --save-baseline to write one", machine.kind());
        return Ok(());
    };
    let new: Vec<&str> = now.keys().filter(|id| !baseline.contains_key(*id)).map(String::as_str).collect();
    if !new.is_empty() {
        println!("not in the baseline: {}", new.join(", "));
    }
    let worse = baseline::worse(&baseline, &now);
    match worse.is_empty() {
        true => {
            println!("no ratio is more than 15 % worse than the baseline's");
            Ok(())
        }
        false => Err(BenchError::Worse { worse }),
    }
}

#[cfg(test)]
mod tests {
    use super::planted::Planted;
    use super::*;

    fn args(command: &Command) -> Vec<String> {
        command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_bench_runs_whole_or_by_its_groups() {
        let checks = BENCHES.iter().find(|bench| bench.name == "checks").unwrap();
        let (root, target) = (Path::new("."), Path::new("target"));
        let whole = run(root, target, checks, checks.groups);
        let expected = ["bench", "--package", "airssys-benches", "--features", "others", "--bench", "checks"];
        assert_eq!(args(&whole), expected);
        let part = run(root, target, checks, &["quota", "audit"]);
        assert_eq!(args(&part)[7..], ["--", "^(quota|audit)/"]);
        let soak = BENCHES.iter().find(|bench| bench.name == "soak").unwrap();
        assert_eq!(args(&run(root, target, soak, soak.groups))[7..], ["--", "--messages", "100000000"]);
    }

    #[test]
    fn an_unknown_group_is_refused() {
        let error = known(&["quota".to_owned(), "quotas".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("`quotas` is not a group; pass one of fire_and_forget, "), "{error}");
    }

    #[test]
    fn an_incomplete_table_names_the_missing_rows() {
        let planted = Planted::everything();
        planted.remove_time("quota/check");
        let error = table(planted.target(), None, &[]).unwrap_err().to_string();
        assert_eq!(error, "not measured:\n  quota check: `quota/check`");
        assert!(table(planted.target(), None, &["audit".to_owned()]).is_ok());
    }

    #[test]
    fn the_table_is_written_with_its_charts() {
        let planted = Planted::everything();
        let report = table(planted.target(), None, &[]).unwrap();
        write(planted.target(), &report, &Setting::this(crate::root(), true)).unwrap();
        let text = |file: &str| std::fs::read_to_string(planted.target().join(FOLDER).join(file)).unwrap();
        for file in ["ratios.svg", "versus.svg", "scale.svg", "subscriptions.svg"] {
            assert!(text(file).starts_with("<svg "), "{file}");
            assert!(text("table.md").contains(&format!("]({file})")), "{file}");
        }
        let json: Value = serde_json::from_str(&text("table.json")).unwrap();
        let rows: usize = report.sections.iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(json["rows"].as_array().unwrap().len(), rows);
    }

    #[test]
    fn charts_are_drawn_again_from_the_table_as_they_were() {
        let planted = Planted::everything();
        let root = planted.target();
        let report = table(root, None, &[]).unwrap();
        write(root, &report, &Setting::this(crate::root(), true)).unwrap();
        let folder = root.join(FOLDER);
        let charts =
            ["ratios.svg", "versus.svg", "scale.svg", "subscriptions.svg"].map(|file| folder.join(file));
        let read = || charts.each_ref().map(|path| std::fs::read_to_string(path).unwrap());
        let before = read();
        charts.iter().for_each(|path| std::fs::remove_file(path).unwrap());
        draw_again(root).unwrap();
        assert!(read() == before, "the charts are the same");
        let json = std::fs::read_to_string(folder.join("table.json")).unwrap();
        std::fs::write(folder.join("table.json"), json.replace("\"quota/check\"", "\"quota/other\""))
            .unwrap();
        let error = draw_again(root).unwrap_err().to_string();
        assert_eq!(error, "not measured:\n  quota check: `quota/check`");
    }

    #[test]
    fn a_worse_ratio_fails_and_a_missing_baseline_does_not() {
        let planted = Planted::everything();
        let root = planted.target();
        let report = || Results::read(root, None).unwrap().report(&[]);
        compare_with_baseline(root, &report(), false).unwrap();
        compare_with_baseline(root, &report(), true).unwrap();
        compare_with_baseline(root, &report(), false).unwrap();
        planted.time("routing/floor_component_call", 50.0, None);
        let error = compare_with_baseline(root, &report(), false).unwrap_err().to_string();
        assert!(
            error.starts_with("ratios are more than 15 % worse than the baseline:\n  routing/send: "),
            "{error}"
        );
    }
}
