//! Compares the tables in `docs/codecs.md` with the codecs' behaviour. `BLESS=1` writes them anew.

use std::fs;
use std::path::Path;

use crate::tables;

fn guide() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/codecs.md")
}

/// Replaces the table between the marks of this name.
fn replaced(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{begin}\n{table}\n{end}{after}")
}

#[test]
fn tables_of_the_guide_are_true() {
    let text = fs::read_to_string(guide()).unwrap();
    let mut expected = text.clone();
    for (name, table) in tables::all() {
        expected = replaced(&expected, name, &table);
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(guide(), &expected).unwrap();
    } else {
        assert!(
            text == expected,
            "docs/codecs.md differs from the codecs' behaviour; BLESS=1 writes this:\n{expected}"
        );
    }
}
