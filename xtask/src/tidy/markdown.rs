//! The links and names in documents.

use std::collections::BTreeSet;

use super::Violation;
use super::tree::{Tree, lines};

/// Every relative link leads to a file or folder of the repository.
pub(super) fn links(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(&[".md"]) {
        for (number, line) in prose(text) {
            for target in targets(&line) {
                let mend = "link to an existing file, by its path from this one";
                match resolve(path, &target) {
                    Resolved::Elsewhere => {}
                    Resolved::Path(to) if tree.has(&to) => {}
                    Resolved::Path(_) | Resolved::Outside => {
                        let what = format!("the link to `{target}` leads nowhere");
                        found.push(Violation::new(path, number, what, mend));
                    }
                }
            }
        }
    }
    found
}

/// Returns the lines outside of code blocks, without their inline code.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut prose = Vec::new();
    for (number, line) in lines(text) {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => prose.push((number, line.split('`').step_by(2).collect::<Vec<_>>().join("`"))),
            _ => {}
        }
    }
    prose
}

/// Returns the targets of `[text](target)` and `[label]: target`.
fn targets(line: &str) -> Vec<String> {
    let inline = line.match_indices("](").map(|(at, _)| {
        let rest = &line[at + 2..];
        rest.split([')', ' ']).next().unwrap_or_default()
    });
    let definition = line.trim_start().strip_prefix('[').and_then(|rest| {
        let (label, target) = rest.split_once("]: ")?;
        (!label.starts_with('^') && !label.contains(']')).then(|| target.split(' ').next())?
    });
    inline.chain(definition).map(|target| target.trim_matches(['<', '>']).replace("%20", " ")).collect()
}

enum Resolved {
    /// A place on the web or in the same document.
    Elsewhere,
    /// A path from the repository's root.
    Path(String),
    /// Beyond the repository, or a path from the file system's root.
    Outside,
}

fn resolve(document: &str, target: &str) -> Resolved {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let is_url = path.split('/').next().is_some_and(|first| first.contains(':'));
    if path.is_empty() || is_url {
        return Resolved::Elsewhere;
    }
    if path.starts_with('/') {
        return Resolved::Outside;
    }
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => return Resolved::Outside,
            ".." => {}
            part => parts.push(part),
        }
    }
    Resolved::Path(parts.join("/"))
}

/// Every function that a document names with its file, as in `suite/limits.rs::routes`, exists. A
/// name that ends in `…` stands for all that begin with it.
pub(super) fn functions(tree: &Tree) -> Vec<Violation> {
    let sources = tree.ending(&[".rs"]);
    let names: BTreeSet<&str> = sources.flat_map(|(_, text)| text.split("fn ").skip(1)).map(name).collect();
    let mut found = Vec::new();
    for (path, text) in tree.ending(&[".md"]) {
        for (number, line) in lines(text) {
            for named in line.split(".rs::").skip(1) {
                let (named, rest) = named.split_at(name(named).len());
                let begins = |known: &&&str| known.starts_with(named);
                let is_there = match rest.starts_with('…') {
                    true => names.iter().find(begins).is_some(),
                    false => names.contains(named),
                };
                // Capitals begin types, which are not checked.
                if !is_there && named.starts_with(|first: char| first.is_ascii_lowercase()) {
                    let what = format!("the function `{named}` does not exist");
                    found.push(Violation::new(path, number, what, "name an existing function"));
                }
            }
        }
    }
    found
}

/// Returns the name at the beginning of a text.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_function_is_found() {
        let text = "`a.rs::there`, `a.rs::the…`, `a.rs::Type`, `…::b`\n`a.rs::gone` and `x/a.rs::go…`\n";
        let tree =
            Tree::planted(&[("docs/a.md", text), ("src/a.rs", "fn there() {}\nasync fn other<T>() {}")]);
        let found: Vec<_> = functions(&tree).into_iter().map(|found| (found.line, found.what)).collect();
        let gone = |name: &str| (2, format!("the function `{name}` does not exist"));
        assert_eq!(found, [gone("gone"), gone("go")]);
    }

    #[test]
    fn a_dead_link_is_found() {
        let text = "\
[here](b.md) [folder](../src/) [web](https://example.org/x) [section](#part) [up](../README.md#top)\n\
[gone](c.md) and ![picture](../picture.svg \"a title\")\n\
`[in code](gone.md)` [no](/absolute.md) [beyond](../../x.md)\n\
```text\n\
[in a block](gone.md)\n\
```\n\
[label]: gone.md\n\
[^note]: a note\n";
        let tree = Tree::planted(&[
            ("docs/a.md", text),
            ("docs/b.md", ""),
            ("README.md", "[docs](docs) [a](docs/a.md)"),
            ("src/x.rs", "// [not a document](gone.md)"),
        ]);
        let found: Vec<_> = links(&tree).into_iter().map(|found| (found.line, found.what)).collect();
        let dead = |line, target: &str| (line, format!("the link to `{target}` leads nowhere"));
        let expected = [
            dead(2, "c.md"),
            dead(2, "../picture.svg"),
            dead(3, "/absolute.md"),
            dead(3, "../../x.md"),
            dead(7, "gone.md"),
        ];
        assert_eq!(found, expected);
    }
}
