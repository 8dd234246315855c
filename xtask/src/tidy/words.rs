//! Words that must not be written. This file joins each of them from parts, to keep its own rules.

use super::Violation;
use super::tree::{Tree, lines};

/// Every test runs.
pub(super) fn no_ignored_tests(tree: &Tree) -> Vec<Violation> {
    find(tree.ending(&[".rs"]), |line| {
        let attribute = line.trim_start().strip_prefix("#[")?;
        let conditional = attribute.starts_with("cfg_attr(") && has_word(attribute, "ignore");
        (attribute.starts_with("ignore") || conditional)
            .then(|| ("the test does not run".to_owned(), "mend the test, or delete it".to_owned()))
    })
}

/// Every example in the documentation compiles.
pub(super) fn no_ignored_examples(tree: &Tree) -> Vec<Violation> {
    find(tree.ending(&[".rs", ".md"]), |line| {
        let text = line.trim_start_matches([' ', '/', '!', '*', '>']);
        let language = text.strip_prefix("```")?;
        language.split([',', ' ']).any(|word| word == "ignore").then(|| {
            let mend = "make it compile (hidden lines begin with `# `), or mark it `no_run` or `text`";
            ("the example is not compiled".to_owned(), mend.to_owned())
        })
    })
}

/// Nothing is left unfinished.
pub(super) fn nothing_unfinished(tree: &Tree) -> Vec<Violation> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let macros = [concat!("to", "do!("), concat!("un", "implemented!(")];
    find(tree.ending(&[".rs", ".toml", ".md"]), |line| {
        let mark = marks.into_iter().find(|mark| has_word(line, mark));
        let found = mark.or_else(|| macros.into_iter().find(|name| line.contains(name)))?;
        let what = format!("`{found}` marks something unfinished");
        Some((what, "finish it, or remove it".to_owned()))
    })
}

/// No path leads to a folder of one machine.
pub(super) fn no_machine_paths(tree: &Tree) -> Vec<Violation> {
    let folders = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];
    find(tree.texts().filter(|(path, _)| !is_lock(path)), |line| {
        let is_start = |at: usize| {
            let before = line[..at].chars().next_back();
            before.is_none_or(|c| !(c.is_alphanumeric() || "._-~})*$".contains(c)))
        };
        let begins = |folder: &&str| line.match_indices(*folder).any(|(at, _)| is_start(at));
        let folder = folders.iter().copied().find(|folder| begins(folder))?;
        let what = format!("the path leads into `{folder}`, which other machines do not have");
        Some((what, "write it relative to the repository".to_owned()))
    })
}

/// No text names the registry of a crate or package, because a machine may use another one.
pub(super) fn no_registry_hosts(tree: &Tree) -> Vec<Violation> {
    let hosts = [
        concat!("crates", ".io"),
        concat!("//docs", ".rs"),
        concat!("npm", "js"),
        concat!("pypi", ".org"),
        concat!("python", "hosted.org"),
        concat!("static.rust", "-lang.org"),
    ];
    find(tree.texts().filter(|(path, _)| !is_lock(path)), |line| {
        let host = hosts.into_iter().find(|host| line.contains(host))?;
        let host = host.trim_start_matches('/');
        Some((format!("the text names the registry `{host}`"), "name the package alone".to_owned()))
    })
}

/// The program writes to its streams in one room, which escapes what a terminal would obey.
pub(super) fn streams_have_one_writer(tree: &Tree) -> Vec<Violation> {
    const WRITER: &str = "airssys-cli/src/output";
    let streams = ["io::stdout", "io::stderr", "anstream::", "Stdout", "Stderr"];
    let of_program =
        |(path, _): &(&str, &str)| path.starts_with("airssys-cli/src/") && !path.starts_with(WRITER);
    find(tree.ending(&[".rs"]).filter(of_program), |line| {
        let stream = streams.into_iter().find(|stream| line.contains(stream))?;
        let what = format!("`{stream}` is used beside {WRITER}.rs");
        Some((what, "print by way of `Output`, `error_line` or `Terminal`, which escape the text".to_owned()))
    })
}

/// Every file with unsafe code names the decision that allows it.
pub(super) fn unsafe_names_its_adr(tree: &Tree) -> Vec<Violation> {
    let without_adr = tree.ending(&[".rs"]).filter(|(_, text)| !lines(text).any(|(_, line)| names_adr(line)));
    without_adr
        .flat_map(|(path, text)| {
            lines(text).filter(move |(_, line)| is_unsafe(code(path, line))).map(move |(number, _)| {
                let mend = "avoid it, or write an ADR and name it in a comment of this file";
                Violation::new(path, number, "unsafe code that no ADR allows", mend)
            })
        })
        .collect()
}

fn is_unsafe(line: &str) -> bool {
    let keyword = concat!("un", "safe");
    let begins = |at: usize| {
        let before = line[..at].chars().next_back();
        let rest = &line[at + keyword.len()..];
        let is_word = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '"'));
        let is_code = ["{", "fn ", "impl", "extern", "trait "]
            .iter()
            .any(|next| rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(next)));
        let is_attribute = before == Some('[') && rest.starts_with('(');
        let is_allowed = rest.starts_with("_code")
            && ["allow(", "expect(", "warn("].iter().any(|lint| line[..at].ends_with(lint));
        is_word && (is_code || is_attribute || is_allowed)
    };
    line.match_indices(keyword).any(|(at, _)| begins(at))
}

/// Returns true if a comment names a decision, as in `ADR NNNN` or `docs/adr/NNNN-kebab.md`.
fn names_adr(line: &str) -> bool {
    let comment = line.split_once("//").map_or("", |(_, comment)| comment);
    !super::adr::numbers(comment).is_empty()
}

fn find<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
    broken: impl Fn(&str) -> Option<(String, String)>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in files {
        for (number, line) in lines(text) {
            violations.extend(broken(line).map(|(what, mend)| Violation::new(path, number, what, mend)));
        }
    }
    violations
}

/// Returns a line without its comment.
pub(super) fn code<'a>(path: &str, line: &'a str) -> &'a str {
    let comment = if path.ends_with(".toml") { "#" } else { "//" };
    line.split_once(comment).map_or(line, |(code, _)| code)
}

pub(super) fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

fn is_lock(path: &str) -> bool {
    path.ends_with(".lock") || path.ends_with("package-lock.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of one file that a rule finds.
    fn found(rule: fn(&Tree) -> Vec<Violation>, path: &str, text: &str) -> Vec<usize> {
        rule(&Tree::planted(&[(path, text)])).iter().map(|found| found.line).collect()
    }

    #[test]
    fn an_ignored_test_is_found() {
        let text =
            "#[test]\n  #[ignore]\n#[ignore = \"slow\"]\n#[cfg_attr(miri, ignore)]\n// no #[ignore] here\n";
        assert_eq!(found(no_ignored_tests, "a.rs", text), [2, 3, 4]);
    }

    #[test]
    fn an_ignored_example_is_found() {
        let text = "/// ```ignore\n//! ```rust,ignore\n```rust ignore\n/// ```no_run\n/// ``` ignored\n";
        assert_eq!(found(no_ignored_examples, "a.rs", text), [1, 2, 3]);
        assert_eq!(found(no_ignored_examples, "a.md", "```sh\n```\n```ignore\n"), [3]);
    }

    #[test]
    fn unfinished_code_is_found() {
        let text = ["// TO|DO: more", "FIX|ME", "    to|do!()", "un|implemented!(\"later\")", "MASTO|DON"];
        let text = text.join("\n").replace('|', "");
        assert_eq!(found(nothing_unfinished, "a.rs", &text), [1, 2, 3, 4]);
        assert_eq!(found(nothing_unfinished, "a.md", &text), [1, 2, 3, 4]);
        assert!(found(nothing_unfinished, "a.json", &text).is_empty());
        assert!(found(nothing_unfinished, "a.toml", "todo = \"warn\"").is_empty());
    }

    #[test]
    fn a_machine_path_is_found() {
        let text =
            ["see /ro|ot/x", "\"/wo|rk/x\"", "A=/ho|me/x", "file:///ho|me/x", "a/wo|rk/x", "~/ho|me/x"];
        let text = text.join("\n").replace('|', "");
        assert_eq!(found(no_machine_paths, "a.md", &text), [1, 2, 3, 4]);
        assert!(found(no_machine_paths, "Cargo.lock", &text).is_empty());
    }

    #[test]
    fn a_registry_is_found() {
        let text = ["https://crates|.io/crates/x", "https://docs|.rs/x", "npm|js.com", "src/docs|.rs"];
        let text = text.join("\n").replace('|', "");
        assert_eq!(found(no_registry_hosts, "a.toml", &text), [1, 2, 3]);
        assert!(found(no_registry_hosts, "components/Cargo.lock", &text).is_empty());
    }

    #[test]
    fn second_writer_of_a_stream_is_found() {
        let text = "let a = io::stdout();\nstd::io::stderr().lock()\nanstream::println!()\nio::stdin()\n";
        assert_eq!(found(streams_have_one_writer, "airssys-cli/src/top.rs", text), [1, 2, 3]);
        assert!(found(streams_have_one_writer, "airssys-cli/src/output.rs", text).is_empty());
        assert!(found(streams_have_one_writer, "airssys-cli/src/output/stderr.rs", text).is_empty());
        assert!(found(streams_have_one_writer, "xtask/src/main.rs", text).is_empty());
    }

    #[test]
    fn unsafe_code_without_an_adr_is_found() {
        let text = [
            "un|safe { f() }",
            "pub un|safe fn f() {}",
            "#[un|safe(no_mangle)]",
            "#![allow(un|safe_code)]",
            "#![forbid(un|safe_code)]",
            "// un|safe { in a comment }",
            "let un|safe_name = 1;",
        ];
        let text = text.join("\n").replace('|', "");
        assert_eq!(found(unsafe_names_its_adr, "a.rs", &text), [1, 2, 3, 4]);
        let allowed = format!("// {}{}\n{text}", "ADR", " 0001");
        assert!(found(unsafe_names_its_adr, "a.rs", &allowed).is_empty());
    }
}
