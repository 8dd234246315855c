//! The command line.

use lexopt::{Arg, Parser, ValueExt};

use crate::bench;
use crate::fuzz;
use crate::newcomer;
use crate::tidy;

pub(crate) const HELP: &str = "\
Chores of the project.

Usage: cargo xtask CHORE

Chores:
  test [FILTER…]   prepare and run all tests
  coverage         measure which lines of airssys-rt its tests run
  tidy             check the house rules
  bench            measure the cost of messages, and print it as one table
  fuzz [TARGET…]   try the code that reads untrusted input with inputs made to break it
  newcomer         run the README's commands in a fresh clone

`cargo xtask CHORE --help` explains a chore.";

const TEST: &str = "\
Prepares and runs all tests. Stops at the first step that fails.

Usage: cargo xtask test [FILTER…]

  1. wasm32-wasip2, added through rustup if it is missing
  2. the components of components/, compiled
  3. the host's tests, with cargo-nextest if it is installed, otherwise with cargo test
  4. the host's doctests
  5. the model tests of airssys-rt: its mailbox and requests under thousands of interleavings
  6. the components' own tests, run natively
  7. the house rules, as in `cargo xtask tidy`

The last line is the number of tests, such as `431 passed, 0 failed`.

Arguments:
  FILTER…   run only tests whose name contains one of these, and skip the last step";

const COVERAGE: &str = "\
Runs the tests of airssys-rt and prints the covered share of each file's lines. Fails if less than
95 % of all lines are covered. Adds llvm-tools through rustup, and installs cargo-llvm-cov into
target/ci-tools, if they are missing.

Usage: cargo xtask coverage";

const TIDY: &str = "\
Checks the house rules on the files that git tracks or would add. A test of this crate checks them
too. Each violation is printed as FILE:LINE: the mistake; the way to mend it.

Usage: cargo xtask tidy [--only RULE]… [PATH…]

Arguments:
  PATH…         print only the violations in these files and folders, by their paths from the root

Options:
  --only RULE   check only this rule; may be repeated. An unknown name lists all rules";

const BENCH: &str = "\
Measures the cost of messages between components, and prints one table. A row has the median, its
ratio to a floor that the same run measures, the target, and the verdict. Leave the machine idle
meanwhile.

A complete table is written to docs/knowledge/performance with its charts. Fails if a row was not
measured. Fails also if a ratio is more than 15 % above the baseline of this kind of machine, in
benches/baseline. A missed target does not fail the chore.

Usage: cargo xtask bench [--only GROUP…] [--no-run] [--save-baseline]
       cargo xtask bench --charts

Options:
  --only GROUP…     measure these groups, and write no files; the group of a bench is the part of
                    its name before the slash
  --no-run          read the results of the last run
  --save-baseline   write the baseline of this kind of machine
  --charts          measure nothing: draw the charts again from the last table.json";

const FUZZ: &str = "\
Runs the fuzz targets of fuzz/ under libFuzzer, which keeps the inputs that reach new code and varies
them. Needs a C++ compiler, and no nightly toolchain. Prints for each target the number of inputs. Fails
at the first input that breaks the property of its target, and keeps that input in fuzz/artifacts.

Usage: cargo xtask fuzz [--seconds N] [TARGET…]
       cargo xtask fuzz TARGET --input FILE

Options:
  --seconds N    fuzz each target for N seconds; 60 by default
  --input FILE   run the target with this input only";

const NEWCOMER: &str = "\
Follows the README as a newcomer would. Clones the commit that is checked out into a temporary
folder, runs the app of the README's first screen there, and checks its output. Then makes a
component as the README says. Needs several GB in the temporary folder (TMPDIR), and about ten
minutes on two cores. The first screen's other command runs the tests: a step of `.ci/run`, as a
house rule checks.

Usage: cargo xtask newcomer [--tests] [--remove-target] [--keep]

Options:
  --tests           run the first screen's tests in the clone too, which takes twice as long
  --remove-target   first remove wasm32-wasip2 from the toolchain, to test that it is added again;
                    every other build on this machine shares that toolchain
  --keep            keep the temporary folder, and print its path";

/// A chore with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    Help(&'static str),
    Test { filters: Vec<String> },
    Coverage,
    Tidy(tidy::Options),
    Bench(bench::Options),
    Fuzz(fuzz::Options),
    Newcomer(newcomer::Options),
}

pub(crate) fn parse(mut parser: Parser) -> Result<Chore, lexopt::Error> {
    match parser.next()? {
        None | Some(Arg::Short('h') | Arg::Long("help")) => Ok(Chore::Help(HELP)),
        Some(Arg::Value(chore)) => match chore.string()?.as_str() {
            "test" => test(parser),
            "coverage" => plain(parser, Chore::Coverage, COVERAGE),
            "tidy" => tidy(parser),
            "bench" => bench(parser),
            "fuzz" => fuzz(parser),
            "newcomer" => newcomer(parser),
            "help" => Ok(Chore::Help(HELP)),
            unknown => Err(format!("`{unknown}` is not a chore").into()),
        },
        Some(unexpected) => Err(unexpected.unexpected()),
    }
}

fn test(mut parser: Parser) -> Result<Chore, lexopt::Error> {
    let mut filters = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Chore::Help(TEST)),
            Arg::Value(filter) => filters.push(filter.string()?),
            unexpected => return Err(unexpected.unexpected()),
        }
    }
    Ok(Chore::Test { filters })
}

/// A chore without options.
fn plain(mut parser: Parser, chore: Chore, help: &'static str) -> Result<Chore, lexopt::Error> {
    match parser.next()? {
        None => Ok(chore),
        Some(Arg::Short('h') | Arg::Long("help")) => Ok(Chore::Help(help)),
        Some(unexpected) => Err(unexpected.unexpected()),
    }
}

fn tidy(mut parser: Parser) -> Result<Chore, lexopt::Error> {
    let mut options = tidy::Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Chore::Help(TIDY)),
            Arg::Long("only") => options.only.push(parser.value()?.string()?),
            Arg::Value(path) => options.paths.push(path.string()?),
            unexpected => return Err(unexpected.unexpected()),
        }
    }
    Ok(Chore::Tidy(options))
}

fn bench(mut parser: Parser) -> Result<Chore, lexopt::Error> {
    let mut options = bench::Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Chore::Help(BENCH)),
            Arg::Long("only") => {
                let groups: Result<Vec<_>, _> = parser.values()?.map(ValueExt::string).collect();
                options.only.append(&mut groups?);
            }
            Arg::Long("no-run") => options.no_run = true,
            Arg::Long("charts") => options.charts = true,
            Arg::Long("save-baseline") => options.save_baseline = true,
            unexpected => return Err(unexpected.unexpected()),
        }
    }
    let others = bench::Options { charts: false, ..options.clone() };
    if options.charts && others != bench::Options::default() {
        return Err("--charts cannot be combined with other options, because it measures nothing".into());
    }
    match options.save_baseline && !options.only.is_empty() {
        true => {
            Err("--save-baseline cannot be combined with --only, because a baseline has all groups".into())
        }
        false => Ok(Chore::Bench(options)),
    }
}

fn fuzz(mut parser: Parser) -> Result<Chore, lexopt::Error> {
    let mut options = fuzz::Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Chore::Help(FUZZ)),
            Arg::Long("seconds") => options.seconds = Some(parser.value()?.parse()?),
            Arg::Long("input") => options.input = Some(parser.value()?.into()),
            Arg::Value(target) => options.targets.push(target.string()?),
            unexpected => return Err(unexpected.unexpected()),
        }
    }
    match (&options.input, options.seconds, options.targets.len()) {
        (Some(_), Some(_), _) => {
            Err("--input cannot be combined with --seconds, because it runs once".into())
        }
        (Some(_), None, targets) if targets != 1 => {
            Err("--input needs the name of one target, whose input it is".into())
        }
        _ => Ok(Chore::Fuzz(options)),
    }
}

fn newcomer(mut parser: Parser) -> Result<Chore, lexopt::Error> {
    let mut options = newcomer::Options::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Chore::Help(NEWCOMER)),
            Arg::Long("tests") => options.tests = true,
            Arg::Long("remove-target") => options.remove_target = true,
            Arg::Long("keep") => options.keep = true,
            unexpected => return Err(unexpected.unexpected()),
        }
    }
    Ok(Chore::Newcomer(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Option<Chore> {
        parse(Parser::from_args(args)).ok()
    }

    #[test]
    fn each_chore_has_its_options() {
        let filters = vec!["topic".to_owned(), "mailbox".to_owned()];
        assert_eq!(parsed(&["test", "topic", "mailbox"]), Some(Chore::Test { filters }));
        assert_eq!(parsed(&["tidy"]), Some(Chore::Tidy(tidy::Options::default())));
        let part = tidy::Options { only: vec!["english".to_owned()], paths: vec!["docs".to_owned()] };
        assert_eq!(parsed(&["tidy", "--only", "english", "docs"]), Some(Chore::Tidy(part)));
        assert_eq!(parsed(&["coverage"]), Some(Chore::Coverage));
        let both = newcomer::Options { remove_target: true, keep: true, tests: false };
        assert_eq!(parsed(&["newcomer", "--keep", "--remove-target"]), Some(Chore::Newcomer(both)));
        let tests = newcomer::Options { tests: true, ..newcomer::Options::default() };
        assert_eq!(parsed(&["newcomer", "--tests"]), Some(Chore::Newcomer(tests)));
    }

    #[test]
    fn bench_takes_groups_by_name() {
        let all = bench::Options { no_run: true, save_baseline: true, ..bench::Options::default() };
        assert_eq!(parsed(&["bench", "--no-run", "--save-baseline"]), Some(Chore::Bench(all)));
        let only = ["routing", "audit", "quota"].map(str::to_owned).into();
        let some = bench::Options { only, ..bench::Options::default() };
        let args = ["bench", "--only", "routing", "audit", "--only=quota"];
        assert_eq!(parsed(&args), Some(Chore::Bench(some)));
        assert_eq!(parsed(&["bench", "--only", "audit", "--save-baseline"]), None);
        let charts = bench::Options { charts: true, ..bench::Options::default() };
        assert_eq!(parsed(&["bench", "--charts"]), Some(Chore::Bench(charts)));
        assert_eq!(parsed(&["bench", "--charts", "--no-run"]), None);
    }

    #[test]
    fn fuzz_takes_a_time_or_one_input() {
        let targets = vec!["codec_prefix".to_owned(), "capabilities".to_owned()];
        let some = fuzz::Options { targets, seconds: Some(5), input: None };
        assert_eq!(
            parsed(&["fuzz", "codec_prefix", "--seconds", "5", "capabilities"]),
            Some(Chore::Fuzz(some))
        );
        let one = vec!["codec_prefix".to_owned()];
        let input = fuzz::Options { targets: one, seconds: None, input: Some("crash".into()) };
        assert_eq!(parsed(&["fuzz", "codec_prefix", "--input", "crash"]), Some(Chore::Fuzz(input)));
        assert_eq!(parsed(&["fuzz", "--input", "crash"]), None);
        assert_eq!(parsed(&["fuzz", "codec_prefix", "--input", "crash", "--seconds", "5"]), None);
    }

    #[test]
    fn each_chore_has_a_help_text() {
        assert_eq!(parsed(&[]), Some(Chore::Help(HELP)));
        assert_eq!(parsed(&["test", "--help"]), Some(Chore::Help(TEST)));
        assert_eq!(parsed(&["tidy", "-h"]), Some(Chore::Help(TIDY)));
        assert_eq!(parsed(&["coverage", "--help"]), Some(Chore::Help(COVERAGE)));
        assert_eq!(parsed(&["bench", "--help"]), Some(Chore::Help(BENCH)));
        assert_eq!(parsed(&["fuzz", "--help"]), Some(Chore::Help(FUZZ)));
        assert_eq!(parsed(&["newcomer", "--help"]), Some(Chore::Help(NEWCOMER)));
    }

    #[test]
    fn unknown_chores_and_options_are_refused() {
        for args in [&["tests"][..], &["tidy", "--now"], &["newcomer", "--fast"], &["test", "--release"]] {
            assert_eq!(parsed(args), None, "{args:?}");
        }
    }
}
