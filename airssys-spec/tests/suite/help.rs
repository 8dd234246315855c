//! The help of diagnostics: pasted into the manifest, it lifts the mistake. One mistake is reported
//! once.

use std::path::Path;

use airssys_spec::manifest::{AppManifest, Diagnostic, Diagnostics, Disk, Files};

use crate::golden::cases;
use crate::paste::{Pasted, alternatives};

/// The beginnings of helps that have nothing to paste.
const WORDS: [&str; 24] = [
    "the keys are ",
    "the components are ",
    "the possible members are ",
    "the table in the help about ",
    "ask for less; or the table in the help about ",
    "write lower-case words joined by a hyphen",
    "write segments separated by dots",
    "write SERVICE/RESOURCE:VERB",
    "write the name of a codec",
    "write the name of a component or of an instance",
    "write each of its keys as a setting",
    "write a component's folder or a .wasm file",
    "write a Component.toml there",
    "write key = value, each on a line of its own",
    "write all of it in one form",
    "move the keys of this one below",
    "make it, or write a file in another folder",
    "put its members into a group further up",
    "remove it from one of the two groups",
    "save it with the encoding UTF-8",
    "the only key is ",
    "remove one of the two, or ",
    "write it into a file that only you can read",
    "write the routes of both below one [[htt",
];

/// The number of diagnostics that say the same as this one.
fn equal(found: &Result<(), Diagnostics>, to: &Diagnostic) -> usize {
    let equal = |diagnostic: &&Diagnostic| diagnostic.message == to.message && diagnostic.file == to.file;
    found.as_ref().err().map_or(0, |found| found.iter().filter(equal).count())
}

/// Pastes each alternative of the help, and checks that the mistake is gone.
fn check_help(
    app: &Path,
    before: &Result<(), Diagnostics>,
    files: &impl Files,
    diagnostic: &Diagnostic,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let pasted = alternatives(diagnostic, &|file| files.read(file));
    let is_words = WORDS.iter().any(|words| diagnostic.help.starts_with(words));
    if !is_words && pasted.is_empty() {
        wrong.push(format!("nothing to paste: {diagnostic}"));
    }
    for Pasted { file, text } in pasted {
        let pasted = Pasted { file, text };
        let after = AppManifest::load_from(app, &pasted).map(drop);
        let (before, now) = (equal(before, diagnostic), equal(&after, diagnostic));
        if now >= before {
            wrong.push(format!("not mended: {diagnostic}\n{}:\n{}", pasted.file.display(), pasted.text));
        }
    }
    wrong
}

#[test]
fn help_of_every_expected_diagnostic_mends_it() {
    let mut wrong = Vec::new();
    for case in cases() {
        let app = case.join("app.toml");
        let before = AppManifest::load(&app).map(drop);
        for diagnostic in before.as_ref().err().into_iter().flatten() {
            wrong.extend(check_help(&app, &before, &Disk, diagnostic));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn missing_grants_of_a_component_are_given_by_one_paste() {
    let app = Path::new("tests/manifests/cross-not-granted/app.toml");
    let mut files = Pasted { file: app.to_owned(), text: Disk.read(app).unwrap() };
    for component in ["feed", "other"] {
        let found = AppManifest::load_from(app, &files).unwrap_err();
        let first = found.iter().next().unwrap().clone();
        assert!(first.help.contains(&format!("[grants.{component}]")), "{first}");
        files = alternatives(&first, &|file| files.read(file)).remove(0);
    }
    AppManifest::load_from(app, &files).unwrap();
}

/// Values that are wrong for most keys.
const VALUES: [&str; 11] = [
    "5",
    "-1",
    "1.5",
    "\"1.5\"",
    "\"1.5 GiB\"",
    "\"2 Hours\"",
    "true",
    "\"Wrong Word\"",
    "[1]",
    "{}",
    "1979-05-27",
];

/// The manifests of a valid app with each value in turn replaced, and with each key misspelt.
fn mutations(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if let Some((key, value)) = line.split_once(" = ") {
            let (before, after) = (&text[..offset], &text[offset + line.len()..]);
            for new in VALUES {
                all.push((format!("{key} = {new}"), format!("{before}{key} = {new}\n{after}")));
            }
            for misspelt in [format!("{key}z"), key.to_uppercase(), key.replacen('e', "", 1)] {
                if misspelt != key {
                    all.push((misspelt.clone(), format!("{before}{misspelt} = {value}{after}")));
                }
            }
        }
        offset += line.len();
    }
    all
}

#[test]
fn one_wrong_value_or_key_is_one_diagnostic_whose_help_mends_it() {
    let (mut wrong, mut mistakes) = (Vec::new(), 0);
    for case in ["valid-full", "valid-delivery", "valid-rates", "valid-groups", "valid-backoff-long"] {
        let folder = Path::new("tests/manifests").join(case);
        let app = folder.join("app.toml");
        let resolved = AppManifest::load(&app).unwrap();
        let mut files: Vec<_> = resolved.components.iter().map(|one| one.manifest_file.clone()).collect();
        files.push(app.clone());
        files.sort();
        files.dedup();
        for file in files {
            for (change, text) in mutations(&Disk.read(&file).unwrap()) {
                let changed = Pasted { file: file.clone(), text };
                let found = AppManifest::load_from(&app, &changed).map(drop);
                let Err(diagnostics) = &found else { continue };
                mistakes += 1;
                if diagnostics.iter().count() > 1 {
                    wrong.push(format!("{}: {change}: {diagnostics}", file.display()));
                }
                for diagnostic in diagnostics {
                    wrong.extend(check_help(&app, &found, &changed, diagnostic));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(mistakes > 300, "only {mistakes} of the changes were mistakes");
}
