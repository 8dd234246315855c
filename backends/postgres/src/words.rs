//! The words that a statement begins with.

/// Returns true if a statement begins, ends or prepares a transaction. `ROLLBACK TO` keeps it.
pub(crate) fn steers_transaction(text: &str) -> bool {
    let mut rest = text;
    let first = word(&mut rest).to_ascii_uppercase();
    match first.as_str() {
        "BEGIN" | "START" | "COMMIT" | "END" | "ABORT" => true,
        "PREPARE" => word(&mut rest).eq_ignore_ascii_case("TRANSACTION"),
        "ROLLBACK" => {
            let mut next = word(&mut rest);
            if ["WORK", "TRANSACTION"].iter().any(|filler| next.eq_ignore_ascii_case(filler)) {
                next = word(&mut rest);
            }
            !next.eq_ignore_ascii_case("TO")
        }
        _ => false,
    }
}

/// Takes the next word, which is empty if another character comes next.
fn word<'t>(rest: &mut &'t str) -> &'t str {
    let text = begin(rest);
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    *rest = after;
    word
}

/// Returns a text without the spaces, comments and empty statements that it begins with.
fn begin(text: &str) -> &str {
    let mut text = text;
    loop {
        text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c', ';']);
        if let Some(comment) = text.strip_prefix("--") {
            text = comment.find(['\n', '\r']).map_or("", |end| &comment[end..]);
        } else if text.starts_with("/*") {
            text = after_comment(text);
        } else {
            return text;
        }
    }
}

/// Returns the text after a comment, which may hold others.
fn after_comment(text: &str) -> &str {
    let (bytes, mut at, mut depth) = (text.as_bytes(), 0, 0_usize);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return &text[at..];
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_transactions_are_found_behind_comments() {
        for text in [
            "COMMIT",
            "commit;",
            " ; ;\t\x0b\x0ccommit",
            "-- a\r-- b\n/* c /* d */ e */ Commit/**/AND CHAIN",
            "/**/END",
            "/*/**/*/abort",
            "BEGIN",
            "START TRANSACTION",
            "ROLLBACK",
            "rollback work",
            "ROLLBACK TRANSACTION AND CHAIN",
            "ROLLBACK PREPARED 'a'",
            "PREPARE -- a\n TRANSACTION 'a'",
        ] {
            assert!(steers_transaction(text), "{text}");
        }
    }

    #[test]
    fn other_statements_are_no_statements_about_transactions() {
        for text in [
            "",
            ";",
            "/* COMMIT",
            "-- COMMIT",
            "/* é */ SELECT 'COMMIT'",
            "SELECT 1",
            "(SELECT 1)",
            "\"commit\"",
            "COMMITS",
            "COMMIT_",
            "ENDÉ",
            "SAVEPOINT a",
            "RELEASE a",
            "ROLLBACK TO a",
            "rollback/**/work to savepoint a",
            "PREPARE a AS SELECT 1",
        ] {
            assert!(!steers_transaction(text), "{text}");
        }
    }
}
