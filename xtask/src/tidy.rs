//! `cargo xtask tidy`: the house rules.

mod adr;
mod chores;
mod circles;
mod crates;
mod english;
mod house;
mod layering;
mod layout;
mod markdown;
mod modules;
mod rooms;
mod source;
mod tree;
mod violation;
mod words;

use std::path::Path;

use crate::progress::{Failed, Progress};
use tree::{Tree, TreeError};
use violation::Violation;

/// A failed check.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TidyError {
    #[error("the files of the repository cannot be read")]
    Tree(#[from] TreeError),
    #[error("the rule `{name}` does not exist; pass one of {}", names())]
    NoRule { name: String },
    #[error("house rules are broken in {count} places")]
    Broken { count: usize },
}

/// A house rule.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Violation>,
}

const fn rule(name: &'static str, check: fn(&Tree) -> Vec<Violation>) -> Rule {
    Rule { name, check }
}

const RULES: [Rule; 21] = [
    rule("length", layout::short_files),
    rule("mod-rs", layout::no_mod_rs),
    rule("wit", layout::wit_in_its_folder),
    rule("runtime", layering::runtime_without_wasm),
    rule("rooms", rooms::rooms),
    rule("circles", circles::circles),
    rule("crates", crates::order),
    rule("pure-crates", crates::pure),
    rule("ignored-tests", words::no_ignored_tests),
    rule("ignored-examples", words::no_ignored_examples),
    rule("unfinished", words::nothing_unfinished),
    rule("machine-paths", words::no_machine_paths),
    rule("registries", words::no_registry_hosts),
    rule("streams", words::streams_have_one_writer),
    rule("unsafe", words::unsafe_names_its_adr),
    rule("english", english::english),
    rule("decisions", adr::records),
    rule("references", adr::references),
    rule("links", markdown::links),
    rule("functions", markdown::functions),
    rule("readme", chores::tests_of_the_readme),
];

/// The part of the house rules that is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The names of the rules. Empty for all.
    pub(crate) only: Vec<String>,
    /// Files and folders. Empty for all.
    pub(crate) paths: Vec<String>,
}

/// Checks the house rules, and prints each violation.
pub(crate) fn tidy(root: &Path, options: &Options) -> Result<(), Failed> {
    let mut progress = Progress::new("tidy", vec!["the house rules".to_owned()]);
    progress.step(|| check(root, options))
}

/// Prints each violation of the house rules.
pub(crate) fn check(root: &Path, options: &Options) -> Result<(), TidyError> {
    if let Some(name) = options.only.iter().find(|name| RULES.iter().all(|rule| rule.name != *name)) {
        return Err(TidyError::NoRule { name: name.clone() });
    }
    let tree = Tree::of(root)?;
    let mut violations = violations(&tree, |rule| {
        options.only.is_empty() || options.only.iter().any(|name| name == rule.name)
    });
    let is_in = |path: &str, wanted: &String| Path::new(path).starts_with(wanted.trim_start_matches("./"));
    violations.retain(|violation| {
        options.paths.is_empty() || options.paths.iter().any(|wanted| is_in(&violation.path, wanted))
    });
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        count => Err(TidyError::Broken { count }),
    }
}

fn violations(tree: &Tree, is_meant: impl Fn(&Rule) -> bool) -> Vec<Violation> {
    let rules = RULES.iter().filter(|rule| is_meant(rule));
    let mut violations: Vec<Violation> = rules.flat_map(|rule| (rule.check)(tree)).collect();
    violations.sort();
    violations
}

fn names() -> String {
    RULES.iter().map(|rule| rule.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let found = violations(&Tree::of(crate::root()).unwrap(), |_| true);
        let shown: Vec<String> = found.iter().map(Violation::to_string).collect();
        assert!(shown.is_empty(), "\n{}\n", shown.join("\n"));
    }

    #[test]
    fn each_rule_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn a_rule_that_does_not_exist_is_refused() {
        let options = Options { only: vec!["lenght".to_owned()], ..Options::default() };
        let error = check(crate::root(), &options).unwrap_err().to_string();
        assert!(error.starts_with("the rule `lenght` does not exist; pass one of length, "), "{error}");
    }
}
