//! How texts read: a sentence begins with its subject, and a thing "is not a file" rather than
//! "no file".

mod comments;
mod passage;
mod rust;
mod sentence;

use super::Violation;
use super::tree::Tree;
use passage::{Passage, passages};

/// Comments, documents, messages and the names of tests begin with what they are about.
pub(super) fn english(tree: &Tree) -> Vec<Violation> {
    tree.texts().flat_map(|(path, text)| file(path, text)).collect()
}

fn file(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let texts = match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "md" => passages(text.lines().zip(1..).map(|(line, number)| (number, line.to_owned()))),
        "rs" => {
            let (texts, names) = rust::read(path, text);
            found.extend(names);
            texts
        }
        ending => comments::read(comments::Language::of(path, ending), text),
    };
    found.extend(texts.iter().flat_map(|passage| sentences(path, passage)));
    found
}

fn sentences(path: &str, passage: &Passage) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, sentence) in sentence::sentences(passage).iter().enumerate() {
        let goes_on = passage.goes_on && index == 0;
        let opening = sentence.headless().filter(|_| !(goes_on && sentence.is_lower_case()));
        if let Some(opening) = opening {
            let what = format!("\"{}\" begins with \"{opening}\"", sentence.shown());
            found.push(Violation::new(
                path,
                sentence.line,
                what,
                "begin with the thing that the sentence is about",
            ));
        }
        for (line, phrase, mend) in sentence.no_things() {
            let what = format!("\"{phrase}\" names a thing by something else that it might be");
            found.push(Violation::new(path, line, what, mend));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines with a violation.
    fn lines(path: &str, text: &str) -> Vec<usize> {
        file(path, text).iter().map(|found| found.line).collect()
    }

    #[test]
    fn a_violation_shows_the_sentence_and_the_word() {
        let found = file("a.rs", "// It waits. Who is gone\n// is not told.\n");
        let expected = "a.rs:1: \"Who is gone is not told.\" begins with \"Who\"; \
                        begin with the thing that the sentence is about";
        assert_eq!(found[0].to_string(), expected);
        let found = file("a.md", "The path\nis no directory.\n");
        let expected = "a.md:2: \"is no directory\" names a thing by something else that it might be; \
                        say \"is not a …\" or \"has no …\"";
        assert_eq!(found[0].to_string(), expected);
    }

    #[test]
    fn comments_of_rust_are_read_whole() {
        let text = "\
//! What it is.
/// Returns the name
/// of the caller. None if it is gone.
fn f() {} // of a kind
// The list
// who reads it. So that it ends.
let x = 1; /* Nobody reads it. */
/// `None` if it is gone: what comes. Returns `None` if so, of course.
///
/// ```text
/// What is here, is code.
/// ```
/// of which this is a part
fn f(
    /// Whose.
    x: u8) {}
";
        assert_eq!(lines("a.rs", text), [1, 3, 3, 4, 6, 7, 15]);
    }

    #[test]
    fn documents_are_read_by_paragraph_item_and_cell() {
        let text = "\
# What it costs
# What does it cost?

- **Who reads**: all
- of the two, one
1. Whose is it? None of them.

| What it does | cost |
|---|---|
| Whether it runs | none |
| `a|b` | of that |

    What is indented is code.

[what]: is.md
[what is linked](what.md) ends. What\u{2019}s more
";
        assert_eq!(lines("a.md", text), [1, 4, 5, 6, 8, 10, 11, 16, 16]);
    }

    #[test]
    fn messages_are_read_and_data_of_tests_is_not() {
        let text = "\
#[error(\"what was sent is not CBOR\")]
const HELP: &str = \"\\
Runs it.

  --only   of these, one\\n  --all   what is left\\nWhat is left.\";
fn f() { print!(\"{} is no number\", \"what\"); format!(r#\"who {x}, {y}\"#); }
#[cfg(test)]
mod tests { fn f() { g(\"what is this here\"); } /* Who? */ }
#[test]
fn what_is_tested() { g(\"what is this here\"); }
#[tokio::test(start_paused = true)]
async fn so_that_it_waits() {}
fn of_parts() { assert!(true, \"of it all, one\"); }
";
        assert_eq!(lines("a.rs", text), [10, 12, 1, 5, 5, 6, 6, 13]);
        assert_eq!(lines("a/tests/b.rs", "fn f() { g(\"what is this here\"); }"), [0; 0]);
    }

    #[test]
    fn other_languages_have_their_comments_read() {
        assert_eq!(lines("a.toml", "# What it is.\nx = \"# What it is.\" # Of it all\n"), [1, 2]);
        assert_eq!(lines("Cargo.toml", "description = \"What it does\"\n"), [1]);
        assert_eq!(
            lines("a.wit", "/// Who is told.\nrecord x {\n    // It is.\n    // None of it.\n"),
            [1, 4]
        );
        let js = "/**\n * What it is.\n */\nx = '// What it is.' // Of it all\n";
        assert_eq!(lines("a.js", js), [2, 4]);
        let python = "def f():\n    \"\"\"What it is.\n\n    Of it all.\n    \"\"\"\n    return \"# What is\"  # Who is\n";
        assert_eq!(lines("a.py", python), [2, 4, 6]);
        assert_eq!(lines(".ci/run", "#!/bin/sh\n# What it is.\n[[ ${#x} -gt 0 ]] # Of it all\n"), [2, 3]);
        assert_eq!(lines("a.json", "// What it is."), [0; 0]);
    }

    #[test]
    fn a_thing_is_not_no_thing() {
        let found = |text: &str| lines("a.md", text).len();
        for text in ["It is no file.", "It is no `x`.", "It is none of them.", "Gives none if it is so."] {
            assert_eq!(found(text), 1, "{text}");
        }
        for text in [
            "It is no longer there.",
            "There is no file.",
            "It is no faster than that.",
            "Returns `None` if so.",
        ] {
            assert_eq!(found(text), 0, "{text}");
        }
    }
}
