//! The input of an app.

use serde_json::Value;

use crate::quakes::is_the_week;
use crate::support::*;

const APP: &str = "examples/quakes/app.toml";

fn week() -> Vec<u8> {
    std::fs::read(path("examples/quakes/earthquakes.json")).unwrap()
}

/// The week of earthquakes, one feature a line.
fn week_in_lines() -> String {
    let collection: Value = serde_json::from_slice(&week()).unwrap();
    let lines = collection["features"].as_array().unwrap().iter().map(|feature| format!("{feature}\n"));
    lines.collect()
}

#[test]
fn collection_is_read_from_a_pipe() {
    is_the_week(&airssys(["run", APP, "--json", "--input", "-"]).input(week()).run().exits(0).json());
}

#[test]
fn lines_of_features_are_read_from_a_pipe() {
    is_the_week(
        &airssys(["run", APP, "--json", "--input", "-"]).input(week_in_lines()).run().exits(0).json(),
    );
}

#[test]
fn a_pipe_can_be_granted_by_the_manifest() {
    let folder = Folder::new();
    let file = format!("input = {:?}", path("examples/quakes/earthquakes.json"));
    let app = folder.quakes(&[(&file, "input = \"-\"")]);
    is_the_week(&airssys(["run", &app, "--json"]).input(week()).run().exits(0).json());
}

#[test]
fn input_file_replaces_the_granted_one() {
    let folder = Folder::new();
    let file = folder.write("lines.ndjson", week_in_lines());
    is_the_week(&airssys(["run", APP, "--json", "--input", &file]).run().exits(0).json());
    let named = format!("quake-feed={file}");
    is_the_week(&airssys(["run", APP, "--json", "--input", &named]).run().exits(0).json());
}

#[cfg(unix)]
#[test]
fn name_of_the_input_need_not_be_utf8() {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;

    let folder = Folder::new();
    let file = folder.path().join(OsStr::from_bytes(b"caf\xe9.json"));
    std::fs::write(&file, week()).unwrap();
    let mut named = OsString::from("quake-feed=");
    named.push(&file);
    for input in [file.as_os_str(), &named] {
        let args = [OsStr::new("run"), OsStr::new(APP), OsStr::new("--json"), OsStr::new("--input"), input];
        is_the_week(&airssys(args).run().exits(0).json());
    }
}

#[test]
fn an_empty_input_is_a_run_without_events() {
    let outcome = airssys(["run", APP, "--json", "--input", "-"]).run().exits(0).json();
    assert_eq!(count(component(&outcome, "quake-parse"), "received"), 0);
    let total = outcome["report"]["tables"][0]["rows"].as_array().unwrap().last().unwrap();
    assert_eq!(total[4], 0);
}

#[test]
fn unreadable_input_is_a_command_line_error() {
    let folder = Folder::new();
    let missing = folder.path().join("missing.json");
    let missing = missing.to_str().unwrap();
    let of_missing = format!("the input {missing} cannot be read");
    airssys(["run", APP, "--input", missing]).run().exits(2).says(&[&of_missing, "No such file"]);
    let a_folder = folder.path().to_str().unwrap();
    airssys(["run", APP, "--input", a_folder]).run().exits(2).says(&[a_folder, "is a directory"]);
}

#[test]
fn app_without_a_reader_rejects_an_input() {
    let folder = Folder::new();
    folder.write("app.toml", "[app]\nname = \"still\"\n\n[[component]]\nsource = \"code.wasm\"\n");
    folder.write("code.wasm", "(component)");
    folder.write("Component.toml", "[component]\nname = \"still\"\nversion = \"0.1.0\"\n");
    let app = folder.path().to_str().unwrap();
    airssys(["run", app, "--input", "-"]).run().exits(2).says(&["no component of this app reads an input"]);
}
