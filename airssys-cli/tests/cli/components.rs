//! Creating, building and checking components.

use crate::support::*;

#[test]
fn a_new_component_builds_runs_and_joins_an_app() {
    let folder = Folder::kept("cli-new");
    folder.remove("greeter");
    folder.share_target();
    let in_folder = |args: &[&str]| airssys(args).within(folder.path());
    in_folder(&["new", "greeter"])
        .run()
        .exits(0)
        .prints(&["airssys run greeter/app.toml", "source = \"greeter\""]);

    let built = in_folder(&["build", "greeter"]).run().exits(0);
    let wasm = built.stdout.split(" (").next().unwrap();
    assert!(wasm.ends_with("greeter.wasm") && std::path::Path::new(wasm).is_file(), "{built}");
    assert!(built.stdout.ends_with(" KiB)\n"), "{built}");

    let fits = ["greeter: fits; runs directly"];
    in_folder(&["check", "greeter"]).run().exits(0).prints(&fits);
    in_folder(&["check", "greeter/app.toml"]).run().exits(0).prints(&fits);
    in_folder(&["check", wasm]).run().exits(0).prints(&["fits; runs directly"]);

    let ran =
        in_folder(&["run", "greeter/app.toml"]).run().exits(0).says(&["greeter: greeter says hello, world"]);
    let row = ["greeter", "1", "1", "0", "0", "0"];
    assert!(ran.words().iter().any(|words| words.starts_with(&row)), "{ran}");

    let joined =
        "[[component]]\nsource = \"greeter\"\nconfig = { greet = \"quakes\" }\n\n[grants.quake-feed]";
    let app = folder.quakes(&[("[grants.quake-feed]", joined)]);
    let outcome = airssys(["run", "--json", &app]).run().exits(0).says(&["says hello, quakes"]).json();
    crate::quakes::is_the_week(&outcome);
    assert_eq!(count(component(&outcome, "greeter"), "handled"), 1);
}

#[test]
fn new_refuses_taken_folders_and_bad_names() {
    let folder = Folder::new();
    folder.write("taken/notes.txt", "mine");
    let new = |name: &str| airssys(["new", name]).within(folder.path()).run();
    new("taken").exits(2).says(&["taken exists already, and is not empty; name a new folder"]);
    assert_eq!(folder.path().join("taken").read_dir().unwrap().count(), 1);
    for (name, reason) in [
        ("Shouting", "cannot be a component's name"),
        ("under_score", "cannot be a component's name"),
        ("9lives", "cannot be a component's name"),
        ("a b", "cannot be a component's name"),
        ("host", "cannot be a component's name, because Rust, the SDK or the host uses it"),
        ("serde", "cannot be a component's name, because Rust, the SDK or the host uses it"),
    ] {
        new(name).exits(2).says(&[&format!("error: `{name}` {reason}")]);
        assert!(!folder.path().join(name).exists());
    }
    let other_sdk = ["new", "fine", "--sdk", "taken"];
    airssys(other_sdk).within(folder.path()).run().exits(2).says(&["taken holds no airssys-sdk crate"]);
    assert!(!folder.path().join("fine").exists());
}

#[test]
fn new_accepts_an_empty_folder() {
    let folder = Folder::new();
    let empty = folder.path().join("fresh");
    std::fs::create_dir(&empty).unwrap();
    airssys(["new", empty.to_str().unwrap()]).run().exits(0);
    let app = std::fs::read_to_string(empty.join("app.toml")).unwrap();
    assert!(app.contains("until = \"fresh\""), "{app}");
}

const QUAKES: [&str; 6] =
    ["quake-alerts", "quake-stats", "quake-region", "quake-classify", "quake-parse", "quake-feed"];

#[test]
fn build_prints_the_files_it_made() {
    let built = airssys(["build", "examples/quakes"]).run().exits(0);
    let lines: Vec<&str> = built.stdout.lines().collect();
    assert_eq!(lines.len(), QUAKES.len(), "{built}");
    for (name, line) in QUAKES.iter().zip(lines) {
        let file = line.split(" (").next().unwrap();
        assert!(file.ends_with(&format!("{}.wasm", name.replace('-', "_"))), "{line}");
        assert!(std::fs::read(file).unwrap().starts_with(b"\0asm"), "{line}");
    }
    airssys(["build", env!("CARGO_TARGET_TMPDIR")])
        .run()
        .exits(2)
        .says(&["has neither an app.toml nor a Component.toml; give"]);
}

#[test]
fn check_shows_for_each_component_that_it_fits_and_how_it_runs() {
    let checked = airssys(["check", "examples/quakes/app.toml"]).run().exits(0);
    let lines: Vec<&str> = checked.stdout.lines().collect();
    assert_eq!(lines.len(), QUAKES.len(), "{checked}");
    for (name, line) in QUAKES.iter().zip(lines) {
        // Only the feed reads an input, which can wait.
        let how = if *name == "quake-feed" { "on a fiber" } else { "directly" };
        assert!(line.starts_with(&format!("{name}: fits; runs {how}")), "{line}");
    }
}

#[test]
fn cache_folder_that_cannot_be_made_is_a_warning_whichever_variable_names_it() {
    let probe = path("components/test-probe");
    let check = || airssys(["check", &probe]).env("AIRSSYS_CACHE_DIR", "");
    for (name, folder) in [("AIRSSYS_CACHE_DIR", "/dev/null/cache"), ("XDG_CACHE_HOME", "/dev/null")] {
        let checked = check().env(name, folder).run().exits(0).prints(&["fits"]);
        checked.says(&["/dev/null/", "cannot be used, so compiled components are not cached"]);
    }
}
