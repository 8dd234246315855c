//! `cargo xtask newcomer`.

pub(crate) mod ci;
pub(crate) mod readme;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::counts::Counts;
use crate::progress::{Failed, Progress};
use crate::target::{self, TARGET};
use crate::tool::{self, Ran, ToolError, clean_tool};
use readme::ReadmeError;

/// A variable that is set for the newcomer's commands, so that the chore does not run itself.
const INSIDE: &str = "AIRSSYS_NEWCOMER";

/// The last line that the example's app prints: minor, moderate, major, and their sum.
const TOTALS: [&str; 5] = ["total", "1,410", "258", "39", "1,707"];

/// A way in which the README does not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum NewcomerError {
    #[error("this is a newcomer's clone already; run the chore in your own clone")]
    Inside,
    #[error("the temporary folder cannot be used")]
    Folder(#[from] io::Error),
    #[error("the README lacks a command")]
    Readme(#[from] ReadmeError),
    #[error("a command of the README failed")]
    Tool(#[from] ToolError),
    #[error("the run of the app does not print the line `{}`", TOTALS.join(" "))]
    NoTotals,
    #[error("the target {TARGET} was missing, and the run does not print that it adds it")]
    SilentTarget,
    #[error("the last line of the tests is not the number of tests")]
    NoCount,
    #[error("the run of the app does not show the new component `{name}`")]
    NoComponent { name: String },
}

/// The optional steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Runs the README's tests too.
    pub(crate) tests: bool,
    /// Removes the target from the toolchain first.
    pub(crate) remove_target: bool,
    /// Keeps the temporary folder.
    pub(crate) keep: bool,
}

/// Follows the README in a clone of the commit that is checked out.
pub(crate) fn newcomer(root: &Path, options: Options) -> Result<(), Failed> {
    let Options { tests, remove_target, keep } = options;
    let mut plan = vec!["clone", readme::RUN];
    plan.extend(tests.then_some(readme::TEST));
    plan.push("make a component as the README says");
    let mut progress = Progress::new("newcomer", plan.into_iter().map(str::to_owned).collect());
    let clone = progress.step(|| Clone::of(root, keep))?;
    let done = clone.run(options, &mut progress);
    // Other builds need the target, so a failed run must not leave it removed.
    if remove_target && let Err(error) = target::ensure(root) {
        println!("error: {error}");
    }
    if keep {
        println!("the temporary folder is {}", clone.temporary.path().display());
    }
    let counts = done?;
    progress.finish();
    if let Some(counts) = counts {
        println!("{counts}");
    }
    Ok(())
}

/// A fresh clone in a temporary folder, which is removed on drop.
struct Clone {
    temporary: TempDir,
}

impl Clone {
    fn of(root: &Path, keep: bool) -> Result<Clone, NewcomerError> {
        if std::env::var_os(INSIDE).is_some() {
            return Err(NewcomerError::Inside);
        }
        let temporary = tempfile::Builder::new().prefix("airssys-").disable_cleanup(keep).tempdir()?;
        let clone = Clone { temporary };
        let mut git = clean_tool("git", root);
        git.args(["status", "--porcelain"]);
        if !tool::read(git)?.is_empty() {
            println!("uncommitted changes are not in the clone");
        }
        let mut git = clean_tool("git", root);
        git.args(["rev-parse", "HEAD"]);
        let commit = tool::read(git)?;
        let mut git = clean_tool("git", root);
        git.args(["clone", "--quiet", "--no-checkout"]).arg(root).arg(clone.folder());
        tool::run(git)?;
        let mut git = clean_tool("git", &clone.folder());
        git.args(["checkout", "--quiet", "--detach", commit.trim()]);
        tool::run(git)?;
        Ok(clone)
    }

    fn folder(&self) -> PathBuf {
        self.temporary.path().join("airssys")
    }

    /// Returns the number of tests, if they were run.
    fn run(&self, options: Options, progress: &mut Progress) -> Result<Option<Counts>, Failed> {
        let tests = progress.step(|| {
            let [app, tests] = readme::first_screen(&self.readme()?)?;
            if options.remove_target {
                target::remove(&self.folder())?;
            }
            let ran = self.shell(&app)?;
            check_app(&ran, options.remove_target).map(|()| tests)
        })?;
        let counts = match options.tests {
            true => Some(progress.step(|| check_tests(&self.shell(&tests)?))?),
            false => None,
        };
        progress.step(|| {
            let making = readme::making(&self.readme()?)?;
            let ran = self.shell(&making.script)?;
            ran.success()?;
            match ran.stdout.iter().any(|line| line.split_whitespace().any(|word| word == making.name)) {
                true => Ok(counts),
                false => Err(NewcomerError::NoComponent { name: making.name }),
            }
        })
    }

    fn readme(&self) -> Result<String, NewcomerError> {
        Ok(std::fs::read_to_string(self.folder().join("README.md"))?)
    }

    /// Runs commands of the README. The program that the first of them has built is on the path, as after
    /// an installation.
    fn shell(&self, script: &str) -> Result<Ran, ToolError> {
        let mut shell = clean_tool("sh", &self.folder());
        shell.args(["-euxc", script]);
        self.environment(&mut shell);
        tool::watch(shell)
    }

    fn environment(&self, command: &mut Command) {
        let own = self.folder().join("target/release").into_os_string();
        let path = match std::env::var_os("PATH") {
            Some(others) => [own, others].join(&OsString::from(":")),
            None => own,
        };
        command.env("PATH", path);
        command.env("AIRSSYS_CACHE_DIR", self.temporary.path().join("cache"));
        command.env(INSIDE, "1").env_remove("RUST_LOG");
    }
}

fn check_app(ran: &Ran, target_was_missing: bool) -> Result<(), NewcomerError> {
    ran.success()?;
    if !ran.stdout.iter().any(|line| line.split_whitespace().eq(TOTALS)) {
        return Err(NewcomerError::NoTotals);
    }
    let says = |line: &str| line.contains("adding") && line.contains(TARGET);
    if target_was_missing && !ran.lines().any(says) {
        return Err(NewcomerError::SilentTarget);
    }
    Ok(())
}

fn check_tests(ran: &Ran) -> Result<Counts, NewcomerError> {
    ran.success()?;
    let counts = ran.stdout.last().and_then(|line| Counts::alone(line));
    let counts = counts.filter(|counts| counts.passed > 0 && counts.failed == 0);
    counts.ok_or(NewcomerError::NoCount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str) -> Ran {
        let mut shell = clean_tool("sh", Path::new("."));
        shell.args(["-c", script]);
        tool::watch(shell).unwrap()
    }

    #[test]
    fn an_app_that_prints_the_totals_passes() {
        let good = ran("echo '  total   1,410   258   39   1,707'");
        assert!(check_app(&good, false).is_ok());
        assert!(matches!(check_app(&good, true), Err(NewcomerError::SilentTarget)));
        let both = ran("echo adding the target wasm32-wasip2 >&2; echo total 1,410 258 39 1,707");
        assert!(check_app(&both, true).is_ok());
    }

    #[test]
    fn an_app_that_fails_or_miscounts_does_not_pass() {
        let failed = ran("echo total 1,410 258 39 1,707; exit 1");
        assert!(matches!(check_app(&failed, false), Err(NewcomerError::Tool(_))));
        let miscounted = ran("echo total 1,410 258 38 1,706");
        assert!(matches!(check_app(&miscounted, false), Err(NewcomerError::NoTotals)));
    }

    #[test]
    fn tests_without_a_count_do_not_pass() {
        assert_eq!(check_tests(&ran("echo 12 passed, 0 failed")).unwrap().passed, 12);
        for script in ["true", "echo 0 passed, 0 failed", "echo 12 passed, 0 failed; exit 1"] {
            assert!(check_tests(&ran(script)).is_err(), "{script}");
        }
    }
}
