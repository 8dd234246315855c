//! Help, the log, colours.

use crate::support::*;

#[test]
fn every_command_has_a_help_that_fits_the_page() {
    for command in [
        "",
        "run",
        "build",
        "check",
        "new",
        "inspect",
        "top",
        "grants",
        "grants list",
        "grants give",
        "grants revoke",
        "explain",
        "dead-letters",
        "dead-letters list",
        "dead-letters show",
        "dead-letters retry",
        "dead-letters drop",
        "retained",
        "retained list",
        "retained show",
        "retained clear",
        "resume",
    ] {
        for help in ["-h", "--help"] {
            let args = command.split(' ').chain([help]).filter(|arg| !arg.is_empty());
            let ended = airssys(args).run().exits(0).prints(&["Usage: airssys"]);
            let widest = ended.stdout.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= 100, "{ended}");
            assert!(!ended.stdout.contains('\u{1b}'), "{ended}");
        }
    }
    airssys(["--help"]).run().exits(0).prints(&["Exit status:", "130", "RUST_LOG", "NO_COLOR"]);
    airssys(["--version"]).run().exits(0).prints(&[env!("CARGO_PKG_VERSION")]);
}

#[test]
fn a_wrong_command_line_is_answered_with_the_usage() {
    for args in [&[][..], &["frob"], &["run", "app.toml", "--jsno"], &["new"]] {
        airssys(args).run().exits(2).says(&["Usage: airssys"]);
    }
}

const BROKEN: [&str; 5] =
    ["run", "examples/quakes/app.toml", "--json", "--input", "examples/quakes/broken.ndjson"];

#[test]
fn verbose_logs_more() {
    let dead_letter = "rejected: magnitude is missing";
    let restart = "WARN quake-classify: ";
    let quiet = airssys(BROKEN).run().exits(0).says(&[restart, "INFO quake-alerts: magnitude"]);
    assert!(!quiet.stderr.contains(dead_letter) && !quiet.stderr.contains("airssys::"), "{quiet}");

    let verbose = airssys(BROKEN).arg("-v").run().exits(0);
    verbose.json();
    let verbose =
        verbose.says(&[dead_letter, "WARN airssys::dead_letter quake-parse: ", "DEBUG airssys_rt::"]);
    assert!(!verbose.stderr.contains(" airssys::build "), "{verbose}");
    // A component that is built anew, because only then a tool runs.
    let folder = Folder::new();
    let manifest = "[package]\nname = \"odd\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";
    folder.write("Cargo.toml", manifest);
    folder.write("Component.toml", "[component]\nname = \"odd\"\nversion = \"0.1.0\"\n");
    folder.write("src/lib.rs", "pub fn count() -> u32 { \"many\" }\n");
    let build = ["build", folder.path().to_str().unwrap()];
    airssys(build).arg("-vv").run().exits(4).says(&["DEBUG airssys::build "]);
}

#[test]
fn rust_log_overrides_verbose() {
    // Without a control socket, because a run says so if another test runs the same app.
    let run = || airssys(BROKEN).arg("--no-control");
    let silent = run().arg("-v").env("RUST_LOG", "off").run().exits(0);
    assert_eq!(silent.stderr, "");
    let letters = run().env("RUST_LOG", "airssys::dead_letter=warn").run().exits(0);
    // Letters of one kind for one component get a first line, and a later line counts the rest.
    let letters_in = |line: &str| match line.split_once(" more since the last line") {
        Some((before, _)) => before.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap(),
        None => 1,
    };
    assert_eq!(letters.stderr.lines().map(letters_in).sum::<u64>(), 7, "{letters}");
    assert!(letters.stderr.lines().count() < 7, "{letters}");
    let wrong = run().env("RUST_LOG", "airssys=loud").run();
    wrong.says(&["RUST_LOG"]).exits(0);
}

#[test]
fn colour_can_be_forced_and_forbidden() {
    let missing = ["build", "missing.toml"];
    for args in [&BROKEN[..], &missing] {
        let coloured = airssys(args).env("CLICOLOR_FORCE", "1").run();
        assert!(coloured.stderr.contains("\u{1b}["), "{coloured}");
        let plain = airssys(args).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run();
        assert!(!plain.stderr.contains('\u{1b}'), "{plain}");
    }
    airssys(BROKEN).env("CLICOLOR_FORCE", "1").run().exits(0).json();
}

#[test]
fn input_cannot_send_control_characters_to_the_terminal() {
    let feature = r#"{"type":"Feature","id":"x","properties":{"mag":6.1,"place":"\u001b[2Jnowhere\nERROR","time":0},"geometry":{"type":"Point","coordinates":[0,0,0]}}"#;
    let run = ["run", "examples/quakes/app.toml", "--input", "-"];
    let ended = airssys(run).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").input(feature).run().exits(0);
    let ended = ended.prints(&["\\u{1b}[2Jnowhere\\nERROR"]).says(&["\\u{1b}[2Jnowhere"]);
    assert!(!ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'), "{ended}");
    assert!(!ended.stderr.lines().any(|line| line.starts_with("ERROR")), "{ended}");
}
