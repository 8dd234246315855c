//! The tests that the README names, and those that every change has to pass.

use super::Violation;
use super::tree::Tree;
use crate::newcomer::{ci, readme};

const README: &str = "README.md";
const CI: &str = ".ci/run";

/// `.ci/run` runs the tests that the README has a newcomer run.
pub(super) fn tests_of_the_readme(tree: &Tree) -> Vec<Violation> {
    let text = |path: &str| tree.texts().find(|(own, _)| *own == path).map_or("", |(_, text)| text);
    let test = match readme::first_screen(text(README)) {
        Ok([_, test]) => test,
        Err(error) => {
            let mend = "add the commands that xtask/src/newcomer/readme.rs names";
            return vec![Violation::new(README, 1, error.to_string(), mend)];
        }
    };
    match ci::runs(text(CI), &test) {
        true => Vec::new(),
        false => {
            let what = format!("no step runs `{test}`, which the README has a newcomer run");
            vec![Violation::new(CI, 1, what, "add a step that runs it without a filter")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(readme: &str, script: &str) -> Vec<String> {
        let tree = Tree::planted(&[(README, readme), (CI, script)]);
        tests_of_the_readme(&tree).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn tests_that_only_the_readme_runs_are_found() {
        let page = format!("```sh\n{}\n{}\n```\n", readme::RUN, readme::TEST);
        let script = format!("tests() {{\n    {} | tee log\n}}\nstep tests tests\n", readme::TEST);
        assert_eq!(found(&page, &script), [""; 0]);
        let other = found(&page, "step tests cargo test\n");
        assert!(other[0].starts_with(".ci/run:1: no step runs `cargo xtask test`"), "{other:?}");
        let silent = found(&page.replace(readme::TEST, "cargo test"), &script);
        assert!(silent[0].starts_with("README.md:1: "), "{silent:?}");
    }
}
