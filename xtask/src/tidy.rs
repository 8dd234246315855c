//! `cargo xtask tidy`: the house rules.

mod adr;
mod chores;
mod layering;
mod layout;
mod markdown;
mod tree;
mod words;

use std::fmt;
use std::path::Path;

use crate::progress::{Failed, Progress};
use tree::{Tree, TreeError};

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    path: String,
    line: usize,
    /// What is wrong there.
    what: String,
    /// What to do about it.
    mend: String,
}

impl Violation {
    fn new(path: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) -> Violation {
        Violation { path: path.to_owned(), line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.what, self.mend)
    }
}

/// Why the repository is not tidy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TidyError {
    #[error("the files cannot be read")]
    Tree(#[from] TreeError),
    #[error("house rules are broken, in {count} places")]
    Broken { count: usize },
}

type Rule = fn(&Tree) -> Vec<Violation>;

const RULES: [Rule; 16] = [
    layout::short_files,
    layout::no_mod_rs,
    layout::wit_in_its_folder,
    layering::runtime_without_wasm,
    layering::pure_files,
    words::no_ignored_tests,
    words::no_ignored_examples,
    words::nothing_unfinished,
    words::no_machine_paths,
    words::no_registry_hosts,
    words::unsafe_names_its_adr,
    adr::records,
    adr::references,
    markdown::links,
    markdown::functions,
    chores::tests_of_the_readme,
];

/// Checks the house rules, and says where they are broken.
pub(crate) fn tidy(root: &Path) -> Result<(), Failed> {
    let mut progress = Progress::new("tidy", vec!["the house rules".to_owned()]);
    progress.step(|| check(root))
}

/// Prints where the house rules are broken.
pub(crate) fn check(root: &Path) -> Result<(), TidyError> {
    let violations = violations(&Tree::of(root)?);
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        count => Err(TidyError::Broken { count }),
    }
}

fn violations(tree: &Tree) -> Vec<Violation> {
    let mut violations: Vec<Violation> = RULES.iter().flat_map(|rule| rule(tree)).collect();
    violations.sort();
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let found = violations(&Tree::of(crate::root()).unwrap());
        let shown: Vec<String> = found.iter().map(Violation::to_string).collect();
        assert!(shown.is_empty(), "\n{}\n", shown.join("\n"));
    }

    #[test]
    fn a_violation_says_where_what_and_how_to_mend_it() {
        let violation = Violation::new("a/b.rs", 7, "this is wrong", "do that");
        assert_eq!(violation.to_string(), "a/b.rs:7: this is wrong; do that");
    }
}
