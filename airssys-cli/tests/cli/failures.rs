//! Apps that fail, and components that do not fit.

use crate::support::*;

#[test]
fn failing_source_of_work_fails_the_run() {
    let folder = Folder::new();
    let week = std::fs::read(path("examples/quakes/earthquakes.json")).unwrap();
    let file = folder.write("cut.json", &week[..500_000]);
    let run = ["run", "examples/quakes/app.toml", "--json", "--input", &file];
    let ended = airssys(run).run().exits(1).says(&[
        "error: the app failed",
        "`quake-feed`, which the run waits for, ended before its work was done",
        "the FeatureCollection is broken at byte 500000: it ends where the end of a feature is expected",
    ]);
    // Events read before the failure are accounted for, too.
    let outcome = ended.json();
    for component in outcome["components"].as_array().unwrap() {
        let [received, handled, dead] =
            ["received", "handled", "dead_lettered"].map(|counter| count(component, counter));
        assert_eq!(received, handled + dead, "{component}");
    }
    assert!(count(component(&outcome, "quake-parse"), "received") > 0);
}

/// A number of events on which `quake-classify` panics.
fn drills(count: usize) -> String {
    let lines = std::fs::read(path("examples/quakes/broken.ndjson")).unwrap();
    let mut lines = lines.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    let drill = lines.find(|line| line.contains("panic-drill")).unwrap();
    format!("{drill}\n").repeat(count)
}

#[test]
fn messages_on_which_a_component_fails_are_dead_letters_and_the_run_goes_on() {
    // Each failure is that of a message, however many follow each other.
    for events in [4, 40] {
        let run = ["run", "examples/quakes/app.toml", "--json", "--input", "-"];
        let ended = airssys(run).input(drills(events)).run().exits(0);
        let outcome = ended.json();
        let classify = component(&outcome, "quake-classify");
        assert_eq!(count_instances(classify, "restarts"), events as u64);
        assert!(outcome["report"]["tables"].is_array(), "{outcome}");
        assert_eq!(count(classify, "dead_lettered"), count(classify, "received"), "{classify}");
        assert_eq!(count(&outcome["summary"], "dead_lettered"), events as u64, "{outcome}");
    }
}

#[test]
fn allowed_number_of_failures_does_not_fail_the_run() {
    let run = ["run", "examples/quakes/app.toml", "--json", "--input", "-"];
    let outcome = airssys(run).input(drills(3)).run().exits(0).json();
    assert_eq!(count_instances(component(&outcome, "quake-classify"), "restarts"), 3);
}

#[test]
fn a_component_that_does_not_start_fails_the_app() {
    let folder = Folder::new();
    let feed = "restart = \"temporary\"";
    let app = folder.quakes(&[(feed, &format!("{feed}\nconfig = {{ batch = 0 }}"))]);
    let ended = airssys(["run", &app]).run().exits(1).says(&[
        "error: the app does not start",
        "`quake-feed` failed while it started",
        "the setting `batch` is at least 1",
    ]);
    assert_eq!(ended.stdout, "");
}

const COMPONENT: &str = "[component]\nname = \"odd\"\nversion = \"0.1.0\"\n";

#[test]
fn a_component_that_does_not_compile_is_shown_with_the_compilers_error() {
    let folder = Folder::new();
    let manifest = "[package]\nname = \"odd\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";
    folder.write("odd/Cargo.toml", manifest);
    folder.write("odd/Component.toml", COMPONENT);
    folder.write("odd/src/lib.rs", "pub fn count() -> u32 { \"many\" }\n");
    let app = folder.write("app.toml", "[app]\nname = \"odd\"\n\n[[component]]\nsource = \"odd\"\n");
    let odd = folder.path().join("odd");
    let odd = odd.to_str().unwrap();
    for args in [["run", &app], ["build", &app], ["check", &app], ["build", odd], ["check", odd]] {
        let expected = ["odd does not build", "mismatched types", "src/lib.rs:1:25"];
        let ended = airssys(args).run().exits(4).says(&expected);
        assert_eq!(ended.stderr.matches("mismatched types").count(), 1, "{ended}");
    }
}

/// A component with an import that no host provides.
const FOREIGN: &str = r#"(component (import "acme:shop/stock" (instance (export "count" (func)))))"#;

/// A component that was built against the contract of an earlier version.
const EARLIER: &str = r#"(component (import "airssys:component/clock@0.1.0" (instance (export "now-ms" (func (result u64))))))"#;

#[test]
fn code_that_does_not_fit_is_refused_with_the_reason() {
    for (code, expected) in [
        (&b"hello"[..], "not a valid WebAssembly component: the file does not begin as WebAssembly does"),
        (b"\0asm\x01\0\0\0", "this is a core module"),
        (b"\0asm\x07\0\0\0", "it is damaged"),
        (b"(component)", "lacks exports of the world `airssys:component/component@0.2.0`"),
        (
            EARLIER.as_bytes(),
            "was built against `airssys:component@0.1.0`, and this host provides `airssys:component@0.2.0`; \
             rebuild it with the SDK of this airssys version",
        ),
        (FOREIGN.as_bytes(), "imports functions that this host does not provide: acme:shop/stock#count"),
    ] {
        let folder = Folder::new();
        // Text is translated first; garbage is left as it is.
        let code = wat::parse_bytes(code).map_or_else(|_| code.to_vec(), |binary| binary.into_owned());
        let wasm = folder.write("odd.wasm", code);
        folder.write("Component.toml", COMPONENT);
        let app = folder.write("app.toml", "[app]\nname = \"odd\"\n\n[[component]]\nsource = \"odd.wasm\"\n");
        airssys(["run", &app]).run().exits(3).says(&["`odd` cannot be loaded", expected]);
        airssys(["check", &app]).run().exits(3).says(&["`odd` does not fit", expected]);
        airssys(["check", &wasm]).run().exits(3).says(&["odd.wasm` does not fit", expected]);
    }
    airssys(["check", "/missing/odd.wasm"]).run().exits(3).says(&["/missing/odd.wasm cannot be read"]);
}
