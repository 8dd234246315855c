//! Outputs that cannot be written: a full disk, a closed pipe.

use std::fs::File;

use crate::support::*;

/// A command, its exit status, and a text of its error if it fails.
struct Case {
    args: Vec<String>,
    code: i32,
    error: &'static str,
}

fn case(args: &[&str], code: i32, error: &'static str) -> Case {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    Case { args, code, error }
}

/// Every command, with a success and a failure of each where both need no long preparation.
///
/// `attempt` makes the names of new folders different.
fn cases(folder: &Folder, attempt: &str) -> Vec<Case> {
    let new = folder.path().join(attempt);
    let new = new.to_str().unwrap();
    let probe = path("components/test-probe");
    let app = "examples/quakes/app.toml";
    let missing = "missing.toml";
    vec![
        case(&["--help"], 0, ""),
        case(&["--version"], 0, ""),
        case(&["run", "--help"], 0, ""),
        case(&[], 2, "Usage: airssys"),
        case(&["frob"], 2, "Usage: airssys"),
        case(&["new", new], 0, ""),
        case(&["new", &probe], 2, "error:"),
        case(&["build", &probe], 0, ""),
        case(&["build", missing], 3, "1 mistake in the manifests"),
        case(&["check", &probe], 0, ""),
        case(&["check", "missing.wasm"], 3, "cannot be checked"),
        case(&["run", app, "--no-control"], 0, ""),
        case(&["run", app, "--no-control", "--json"], 0, ""),
        case(&["run", missing], 3, "1 mistake in the manifests"),
        case(&["inspect"], 0, ""),
        case(&["inspect", "--json"], 0, ""),
        case(&["inspect", "--app", "other"], 1, "the app cannot be reached"),
        case(&["top"], 2, "is not a terminal"),
        case(&["grants", "list"], 0, ""),
        case(&["grants", "revoke", "test-probe", "send", "x"], 0, ""),
        case(&["grants", "give", "test-probe", "send", "x"], 1, "error:"),
        case(&["explain"], 0, ""),
        case(&["explain", app, "quake-parse", "send", "quake-classify"], 0, ""),
        case(&["explain", app, "absent", "send", "quake-classify"], 2, "has no component `absent`"),
        case(&["dead-letters", "list"], 0, ""),
        case(&["dead-letters", "show", "7"], 1, "error:"),
        case(&["dead-letters", "retry", "--all"], 0, ""),
        case(&["dead-letters", "drop", "--all", "--json"], 0, ""),
        case(&["retained", "list"], 0, ""),
        case(&["retained", "clear", "x"], 1, "error:"),
    ]
}

/// Runs every command, with the standard input, output and error that `prepare` gives it.
fn every_command(attempt: &str, prepare: fn(Program) -> Program, check: fn(&Case, Ended)) {
    let folder = Folder::new();
    let sockets = folder.path().to_str().unwrap();
    let app = folder.write(
        "app.toml",
        format!("[app]\nname = \"idle\"\n[[component]]\nsource = {:?}\n", path("components/test-probe")),
    );
    let mut idle = airssys(["run", "-v", &app]).env("XDG_RUNTIME_DIR", sockets).start();
    idle.until_it_says("every component has started");
    for case in cases(&folder, attempt) {
        let ended = prepare(airssys(&case.args)).env("XDG_RUNTIME_DIR", sockets).run();
        assert!(!ended.stderr.contains("panicked") && !ended.stdout.contains("panicked"), "{ended}");
        check(&case, ended);
    }
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// The writing end of a pipe whose reader has gone.
fn closed() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

const INCOMPLETE: &str = "the standard output cannot be written, so the result is incomplete";

#[test]
fn every_command_says_that_its_output_is_incomplete() {
    every_command(
        "full",
        |program| program.output_to(full()),
        |case, ended| match case.code {
            0 => drop(ended.exits(1).says(&[INCOMPLETE, "No space left on device"])),
            code => drop(ended.exits(code).says(&[case.error])),
        },
    );
}

#[test]
fn no_command_minds_a_closed_pipe() {
    every_command(
        "closed",
        |program| program.output_to(closed()),
        |case, ended| {
            assert!(!ended.stderr.contains(INCOMPLETE), "{ended}");
            drop(ended.exits(case.code).says(&[case.error]));
        },
    );
}

#[test]
fn every_command_prints_its_error_on_the_output_if_the_standard_error_is_full() {
    every_command(
        "errors",
        |program| program.errors_to(full()),
        |case, ended| drop(ended.exits(case.code).prints(&[case.error])),
    );
}

#[test]
fn every_command_has_its_exit_status_if_no_output_can_be_written() {
    every_command(
        "both",
        |program| program.output_to(full()).errors_to(closed()),
        |case, ended| drop(ended.exits(case.code.max(1))),
    );
}

#[test]
fn service_that_was_stopped_says_that_its_output_is_incomplete() {
    let folder = Folder::new();
    let probe = path("components/test-probe");
    let app =
        folder.write("app.toml", format!("[app]\nname = \"idle\"\n[[component]]\nsource = {probe:?}\n"));
    let sockets = folder.path().to_str().unwrap();
    for args in [&["run", "-v", &app][..], &["run", "-v", &app, "--json"]] {
        let mut running = airssys(args).env("XDG_RUNTIME_DIR", sockets).output_to(full()).start();
        running.until_it_says("every component has started");
        running.signal("TERM");
        running.end().exits(1).says(&["stopped by SIGTERM", INCOMPLETE, "No space left on device"]);
    }
}
