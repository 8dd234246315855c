//! Decision records: their form, and the references to them.

use super::Violation;
use super::tree::{Tree, lines};

const FOLDER: &str = "docs/adr/";
const LONGEST: usize = 80;
const HEADINGS: [&str; 5] = ["Status", "Context", "Decision", "Consequences", "Enforced by"];

/// Every decision has its number, its headings, at most 80 lines, and names an existing test or lint.
pub(super) fn records(tree: &Tree) -> Vec<Violation> {
    let own = tree.ending(&[".md"]).filter(|(path, _)| path.starts_with(FOLDER));
    own.filter(|(path, _)| *path != "docs/adr/README.md")
        .flat_map(|(path, text)| {
            let mut found = name(tree, path);
            found.extend(length(path, text));
            found.extend(headings(path, text));
            found.extend(enforcement(tree, path, text));
            found
        })
        .collect()
}

fn name(tree: &Tree, path: &str) -> Vec<Violation> {
    let Some(name) = path.strip_prefix(FOLDER).and_then(|name| name.strip_suffix(".md")) else {
        return Vec::new();
    };
    let (number, title) = name.split_once('-').unwrap_or((name, ""));
    let is_number = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_kebab = !title.is_empty()
        && title.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !(is_number && is_kebab) {
        let what = "the decision's file name is not its number and title";
        return vec![Violation::new(path, 1, what, "name it NNNN-in-kebab-case.md")];
    }
    let prefix = format!("{FOLDER}{number}-");
    let first = tree.paths().find(|other| other.starts_with(&prefix));
    let other = first.filter(|first| *first != path);
    let taken = other.map(|other| {
        Violation::new(path, 1, format!("{number} is the number of {other} too"), "take the next free number")
    });
    taken.into_iter().collect()
}

fn length(path: &str, text: &str) -> Option<Violation> {
    let count = text.lines().count();
    (count > LONGEST).then(|| {
        let what = format!("the decision has {count} lines; at most {LONGEST} are allowed");
        Violation::new(path, LONGEST + 1, what, "move the evidence to docs/knowledge/")
    })
}

fn headings(path: &str, text: &str) -> Vec<Violation> {
    let missing = HEADINGS.iter().filter(|wanted| !text.lines().any(|line| is_heading(line, wanted)));
    missing
        .map(|wanted| {
            let what = format!("the decision has no heading `{wanted}`");
            Violation::new(path, 1, what, format!("add `## {wanted}`"))
        })
        .collect()
}

fn is_heading(line: &str, title: &str) -> bool {
    line.starts_with('#') && line.trim_start_matches('#').trim().eq_ignore_ascii_case(title)
}

/// Finds the paths in backticks under `Enforced by` that do not exist.
fn enforcement(tree: &Tree, path: &str, text: &str) -> Vec<Violation> {
    let after = lines(text).skip_while(|(_, line)| !is_heading(line, "Enforced by")).skip(1);
    let section = after.take_while(|(_, line)| !line.starts_with('#'));
    let mut found = Vec::new();
    for (number, line) in section {
        for quoted in line.split('`').skip(1).step_by(2) {
            let named = quoted.split("::").next().unwrap_or_default();
            let is_path = named.split_once('/').is_some_and(|(folder, _)| tree.has(folder));
            if is_path && !named.contains([' ', '*']) && !tree.has(named.trim_end_matches('/')) {
                let what = format!("`{named}`, which enforces the decision, does not exist");
                found.push(Violation::new(path, number, what, "name the test or lint that enforces it"));
            }
        }
    }
    found
}

/// Every decision that a comment or a document refers to exists.
pub(super) fn references(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(&[".rs", ".md", ".toml", ".wit", ".yml", ".txt"]) {
        for (number, line) in lines(text) {
            let text = match path.ends_with(".rs") {
                true => line.split_once("//").map_or("", |(_, comment)| comment),
                false => line,
            };
            for adr in numbers(text) {
                let prefix = format!("{FOLDER}{adr}-");
                if !tree.paths().any(|path| path.starts_with(&prefix)) {
                    let what = format!("decision {adr} does not exist");
                    found.push(Violation::new(path, number, what, "refer to one of docs/adr/, or write it"));
                }
            }
        }
    }
    found
}

/// Returns the numbers of the decisions that a text refers to, as in `ADR NNNN`, `ADR-NNNN` or `adr/NNNN-…`.
pub(super) fn numbers(text: &str) -> Vec<&str> {
    let mut numbers = Vec::new();
    for prefix in ["ADR ", "ADR-", "adr/"] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 4 {
                numbers.push(&rest[..4]);
            }
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# A title\n## Status\n## Context\n## Decision\n## Consequences\n## Enforced by\n";

    fn shown(found: &[Violation]) -> String {
        found.iter().map(|found| format!("{}:{} {}\n", found.path, found.line, found.what)).collect()
    }

    #[test]
    fn a_decision_in_form_passes() {
        let text =
            format!("{GOOD}`airssys-rt/tests/topic.rs::a_test`, `clippy::too_many_lines`, `cargo a/b`\n");
        let tree = Tree::planted(&[("docs/adr/0001-a-title.md", &text), ("airssys-rt/tests/topic.rs", "")]);
        assert_eq!(shown(&records(&tree)), "");
    }

    #[test]
    fn a_decision_out_of_form_is_found() {
        let long = format!("{GOOD}{}", "\n".repeat(75));
        let tree = Tree::planted(&[
            ("docs/adr/0001-a.md", GOOD),
            ("docs/adr/0001-b.md", GOOD),
            ("docs/adr/2-c.md", GOOD),
            ("docs/adr/0003-Long.md", &long),
            ("docs/adr/0004-short.md", "## Status\n## Context\n## Decision\n"),
        ]);
        let expected = "\
            docs/adr/0001-b.md:1 0001 is the number of docs/adr/0001-a.md too\n\
            docs/adr/0003-Long.md:1 the decision's file name is not its number and title\n\
            docs/adr/0003-Long.md:81 the decision has 81 lines; at most 80 are allowed\n\
            docs/adr/0004-short.md:1 the decision has no heading `Consequences`\n\
            docs/adr/0004-short.md:1 the decision has no heading `Enforced by`\n\
            docs/adr/2-c.md:1 the decision's file name is not its number and title\n";
        assert_eq!(shown(&records(&tree)), expected);
    }

    #[test]
    fn a_decision_enforced_by_a_missing_file_is_found() {
        let text = format!("{GOOD}\n`airssys-rt/tests/gone.rs`\n");
        let tree = Tree::planted(&[("docs/adr/0001-a.md", &text), ("airssys-rt/tests/topic.rs", "")]);
        let expected =
            "docs/adr/0001-a.md:8 `airssys-rt/tests/gone.rs`, which enforces the decision, does not exist\n";
        assert_eq!(shown(&records(&tree)), expected);
    }

    #[test]
    fn a_reference_to_a_missing_decision_is_found() {
        let text = "see |ADR 0001, |ADR-0002\nand docs/|adr/0003-c.md\n".replace('|', "");
        let tree = Tree::planted(&[
            ("docs/adr/0001-a.md", GOOD),
            ("README.md", &text),
            ("a.rs", &format!("let x = 1; // {text}")),
        ]);
        let expected = "\
            README.md:1 decision 0002 does not exist\n\
            README.md:2 decision 0003 does not exist\n\
            a.rs:1 decision 0002 does not exist\n";
        assert_eq!(shown(&references(&tree)), expected);
    }
}
