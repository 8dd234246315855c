//! `cargo xtask test`.

use std::path::Path;
use std::process::Command;

use crate::counts::{Counts, Tally};
use crate::guests::{Guests, GuestsError};
use crate::languages;
use crate::model;
use crate::progress::{Failed, Progress};
use crate::target::{self, TARGET};
use crate::tidy;
use crate::tool::{self, ToolError, clean_tool, tool};

/// A failure to run the tests, or to pass them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum TestError {
    #[error("tests failed, or could not be run")]
    Tests(#[from] ToolError),
    #[error("no test's name contains {filters}")]
    NoMatch { filters: String },
}

/// Prepares and runs the tests: all of them, or those whose names contain a filter.
pub(crate) fn test(root: &Path, filters: &[String]) -> Result<(), Failed> {
    let mut tally = Tally::default();
    let mut progress = Progress::new("test", plan(Runner::of(root), filters));
    let done = steps(root, filters, &mut progress, &mut tally);
    if done.is_ok() {
        progress.finish();
    }
    if let Some(counts) = tally.counts().filter(|counts| *counts != Counts::default()) {
        println!("{counts}");
    }
    done
}

fn plan(runner: Runner, filters: &[String]) -> Vec<String> {
    let runner = match runner {
        Runner::Nextest => "the host's tests (cargo nextest)",
        Runner::Cargo => "the host's tests (cargo test: cargo-nextest is not installed)",
    };
    let target = format!("the target {TARGET}");
    let models = "the models of airssys-rt (shuttle)";
    let others = "the components in JavaScript and Python";
    let steps =
        ["the components in Rust", "build the host's tests", others, runner, "the host's doctests", models];
    let last = match filters {
        [] => ["the components' own tests", "tidy"],
        _ => ["the components' own tests", "the filters match a test"],
    };
    std::iter::once(target).chain(steps.into_iter().chain(last).map(str::to_owned)).collect()
}

fn steps(root: &Path, filters: &[String], progress: &mut Progress, tally: &mut Tally) -> Result<(), Failed> {
    let runner = Runner::of(root);
    progress.step(|| target::ensure(root))?;
    let guests = progress.step(|| {
        let guests = Guests::of(root)?;
        guests.build()?;
        Ok::<_, GuestsError>(guests)
    })?;
    progress.step(|| tool::run(runner.build(root)))?;
    progress.step(|| languages::build(root))?;
    progress.step(|| run(runner.tests(root, filters), tally))?;
    progress.step(|| run(doctests(root, filters), tally))?;
    progress.step(|| model::tests(root, filters).into_iter().try_for_each(|tests| run(tests, tally)))?;
    progress
        .step(|| own_tests(root, &guests, filters).into_iter().try_for_each(|tests| run(tests, tally)))?;
    match filters {
        [] => progress.step(|| tidy::check(root, &tidy::Options::default())),
        _ => progress.step(|| matched(filters, tally)),
    }
}

fn run(tests: Command, tally: &mut Tally) -> Result<(), TestError> {
    let ran = tool::watch(tests)?;
    Ok(tally.add(&ran)?)
}

fn matched(filters: &[String], tally: &Tally) -> Result<(), TestError> {
    match tally.counts() {
        Some(counts) if counts == Counts::default() => {
            Err(TestError::NoMatch { filters: format!("`{}`", filters.join("` or `")) })
        }
        _ => Ok(()),
    }
}

/// The test runner of the host's tests.
#[derive(Clone, Copy)]
pub(crate) enum Runner {
    Nextest,
    Cargo,
}

impl Runner {
    pub(crate) fn of(root: &Path) -> Runner {
        let mut nextest = tool("cargo", root);
        nextest.args(["nextest", "--version"]);
        match tool::succeeds(nextest) {
            true => Runner::Nextest,
            false => Runner::Cargo,
        }
    }

    /// Neither runner runs the benches, which measure in release builds.
    fn command(self, root: &Path) -> Command {
        let mut cargo = tool("cargo", root);
        match self {
            Runner::Nextest => cargo.args(["nextest", "run", "--workspace"]),
            Runner::Cargo => cargo.args(["test", "--workspace", "--lib", "--bins", "--tests", "--examples"]),
        };
        cargo
    }

    pub(crate) fn build(self, root: &Path) -> Command {
        let mut command = self.command(root);
        command.arg("--no-run");
        command
    }

    fn tests(self, root: &Path, filters: &[String]) -> Command {
        let mut command = self.command(root);
        command.arg("--no-fail-fast");
        match self {
            Runner::Nextest => command.arg("--no-tests=pass").args(filters),
            Runner::Cargo => command.arg("--").args(filters),
        };
        command
    }
}

fn doctests(root: &Path, filters: &[String]) -> Command {
    let mut cargo = tool("cargo", root);
    cargo.args(["test", "--doc", "--workspace", "--no-fail-fast", "--"]).args(filters);
    cargo
}

/// Returns the commands that run the components' own tests natively. A component's library does not
/// link there, but its unit tests do.
fn own_tests(root: &Path, guests: &Guests, filters: &[String]) -> Vec<Command> {
    let tests = |packages: &[String], only: &[&str]| {
        let mut cargo = clean_tool("cargo", &root.join("components"));
        cargo.args(["test", "--no-fail-fast"]).args(only);
        for package in packages {
            cargo.args(["--package", package]);
        }
        cargo.arg("--").args(filters);
        (!packages.is_empty()).then_some(cargo)
    };
    [tests(&guests.libraries, &[]), tests(&guests.components, &["--lib"])].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_run_their_unit_tests_and_libraries_all_tests() {
        let guests = Guests {
            folders: Vec::new(),
            components: vec!["feed".to_owned(), "parse".to_owned()],
            libraries: vec!["types".to_owned()],
        };
        let commands = own_tests(Path::new("."), &guests, &["name".to_owned()]);
        let args = commands
            .iter()
            .map(|command| command.get_args().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" "));
        let expected = [
            "test --no-fail-fast --package types -- name",
            "test --no-fail-fast --lib --package feed --package parse -- name",
        ];
        assert!(args.eq(expected));
        assert!(own_tests(Path::new("."), &Guests::default(), &[]).is_empty());
    }

    /// Guests choose numbers that these crates add up.
    #[test]
    fn arithmetic_is_checked_in_tests_and_in_the_program() {
        let wraps = std::panic::catch_unwind(|| std::hint::black_box(u8::MAX) + std::hint::black_box(1));
        assert!(wraps.is_err(), "tests do not check sums");
        let manifest = include_str!("../../Cargo.toml");
        assert!(!manifest.contains("overflow-checks = false"));
        for name in ["core", "message", "spec", "wasm", "cli"] {
            let profile = format!("[profile.release.package.airssys-{name}]\noverflow-checks = true\n");
            assert!(manifest.contains(&profile), "{name}");
        }
    }

    #[test]
    fn a_filter_that_matches_nothing_is_an_error() {
        let error = matched(&["one".to_owned(), "two".to_owned()], &Tally::default()).unwrap_err();
        assert_eq!(error.to_string(), "no test's name contains `one` or `two`");
    }
}
