//! Golden files: each folder of `tests/manifests` is an app, and its `expected.txt` holds the
//! result of loading it: all diagnostics, or the app.
//!
//! `BLESS=1` writes the files anew. Read the differences before you commit them.

use std::fs;
use std::path::{Path, PathBuf};

use airssys_spec::manifest::AppManifest;

const FOLDER: &str = "tests/manifests";

pub(crate) fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<_> = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn outcome(case: &Path) -> String {
    match AppManifest::load(&case.join("app.toml")) {
        Ok(app) => format!("{app:#?}\n"),
        Err(diagnostics) => format!("{diagnostics}\n"),
    }
}

#[test]
fn every_app_loads_with_the_expected_result() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let (file, found) = (case.join("expected.txt"), outcome(&case));
        if bless {
            fs::write(&file, &found).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_folders_called_valid_load() {
    for case in cases() {
        let loaded = AppManifest::load(&case.join("app.toml"));
        let is_valid = case.file_name().unwrap().to_string_lossy().starts_with("valid-");
        assert_eq!(loaded.is_ok(), is_valid, "{}", case.display());
    }
}

#[test]
fn every_span_and_line_lies_in_the_text() {
    for case in cases() {
        let Err(diagnostics) = AppManifest::load(&case.join("app.toml")) else { continue };
        for diagnostic in &diagnostics {
            assert!(!diagnostic.help.is_empty(), "{diagnostic}");
            let Some(span) = diagnostic.span.clone() else { continue };
            let text = diagnostics.text(&diagnostic.file).unwrap();
            assert!(text.get(span.clone()).is_some(), "{diagnostic}");
            assert_eq!(text[..span.start].matches('\n').count() + 1, diagnostic.line, "{diagnostic}");
        }
    }
}
