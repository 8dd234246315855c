//! The numbers of tests that passed and failed, read from the output of the test runners.

use std::fmt;

use crate::tool::{Ran, ToolError};

/// The tests of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Counts {
    /// Reads a line that has the count and nothing else, like the last line of `cargo xtask test`.
    pub(crate) fn alone(line: &str) -> Option<Counts> {
        let counts = of_results(line, ',');
        (counts.to_string() == line).then_some(counts)
    }
}

/// The sum of several runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Counts,
    /// True if a run failed for another reason than failing tests. The sum is wrong then.
    broken: bool,
}

impl Tally {
    /// Adds a run of tests.
    ///
    /// # Errors
    /// Fails if the run failed.
    pub(crate) fn add(&mut self, ran: &Ran) -> Result<(), ToolError> {
        let counts = of_lines(ran.lines());
        self.counts.passed += counts.passed;
        self.counts.failed += counts.failed;
        ran.success().inspect_err(|_| self.broken |= counts.failed == 0)
    }

    /// Returns the sum, or `None` if it is wrong.
    pub(crate) fn counts(&self) -> Option<Counts> {
        (!self.broken).then_some(self.counts)
    }
}

/// Adds up the lines with results. If nextest ran, lines of libtest are the output of a failed test,
/// which nextest has counted.
fn of_lines<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Counts {
    let mut results: Vec<Counts> = lines.clone().filter_map(nextest).collect();
    if results.is_empty() {
        results.extend(lines.filter_map(libtest));
    }
    results.into_iter().fold(Counts::default(), |sum, counts| Counts {
        passed: sum.passed + counts.passed,
        failed: sum.failed + counts.failed,
    })
}

/// Reads a line such as `Summary [ 0.1s] 9 tests run: 8 passed (1 slow), 1 failed, 2 skipped`.
fn nextest(line: &str) -> Option<Counts> {
    let (_, results) = line.trim_start().strip_prefix("Summary [")?.split_once(" run: ")?;
    Some(of_results(results, ','))
}

/// Reads a line such as `test result: ok. 8 passed; 0 failed; 0 ignored; finished in 0.1s`.
fn libtest(line: &str) -> Option<Counts> {
    let (_, results) = line.strip_prefix("test result: ")?.split_once(". ")?;
    Some(of_results(results, ';'))
}

fn of_results(results: &str, separator: char) -> Counts {
    let mut counts = Counts::default();
    for result in results.split(separator) {
        // `8 passed (1 slow, 1 flaky)`: the 8 tests include the slow one.
        let result = result.split('(').next().unwrap_or_default().trim();
        let Some((count, result)) = result.split_once(' ') else { continue };
        let count = count.parse().unwrap_or(0);
        match result {
            "passed" => counts.passed += count,
            "failed" | "timed out" | "exec failed" => counts.failed += count,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_libtest_are_added() {
        let lines = [
            "test result: ok. 8 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.13s",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s",
            "test tests::nothing_failed ... ok",
        ];
        let counts = of_lines(lines.into_iter());
        assert_eq!(counts, Counts { passed: 9, failed: 2 });
        assert_eq!(counts.to_string(), "9 passed, 2 failed");
    }

    #[test]
    fn a_printed_count_can_be_read() {
        let counts = Counts { passed: 431, failed: 0 };
        assert_eq!(Counts::alone(&counts.to_string()), Some(counts));
        assert_eq!(Counts::alone("431 passed, 0 failed, 2 skipped"), None);
        assert_eq!(Counts::alone("done"), None);
    }

    #[test]
    fn the_summary_of_nextest_replaces_the_results_of_libtest() {
        let lines = [
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 38 filtered out; finished in 0s",
            "     Summary [   0.132s] 9 tests run: 6 passed (1 slow, 2 flaky), 2 failed, 1 timed out, 4 skipped",
        ];
        assert_eq!(of_lines(lines.into_iter()), Counts { passed: 6, failed: 3 });
        let line = "     Summary [   0.004s] 1 test run: 1 passed, 12 skipped";
        assert_eq!(of_lines([line].into_iter()), Counts { passed: 1, failed: 0 });
    }
}
