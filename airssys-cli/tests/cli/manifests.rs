//! Mistakes in manifests are shown before anything runs.

use crate::support::*;

const FEED: &str = "components/quake-feed/Component.toml:";

#[test]
fn without_the_grant_of_its_input_the_feed_does_not_start() {
    let folder = Folder::new();
    let file = format!("input = {:?}\n", path("examples/quakes/earthquakes.json"));
    let app = folder.quakes(&[(&file, "")]);
    for command in ["run", "check"] {
        let ended = airssys([command, &app]).run().exits(3).says(&[
            "`quake-feed` asks to read a standard input",
            &format!("{FEED}12:9"),
            "[grants.quake-feed]",
            "input = \"-\"",
            "error: 1 mistake in the manifests",
        ]);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn without_the_grant_of_its_target_the_feed_does_not_start() {
    let folder = Folder::new();
    let app = folder.quakes(&[("send = [\"quake-parse\"]\n", "")]);
    airssys(["run", &app]).run().exits(3).says(&[
        "`quake-feed` asks to send to `quake-parse`",
        &format!("{FEED}11:9"),
        "replace the table at",
        "send = [\"quake-parse\"]",
    ]);
}

#[test]
fn all_mistakes_of_all_files_are_shown_at_once() {
    let folder = Folder::new();
    let app = folder.quakes(&[
        ("until = \"quake-feed\"", "until = \"quake-fed\""),
        ("max_restarts = 3", "max_restart = 3"),
        ("within = \"5 s\"", "within = \"5 sec\""),
        ("request = [\"quake-region\"]\n", ""),
        ("[grants.quake-stats]", "[grants.quake-statistics]"),
    ]);
    let ended = airssys(["check", &app]).run().exits(3).says(&[
        "`until` names `quake-fed`",
        "app.toml:5:9",
        "`max_restart`",
        "app.toml:9:1",
        "\"sec\" is not a unit of time",
        "app.toml:10:10",
        "quake-statistics",
        "quake-classify/Component.toml:10:12",
        "request = [\"quake-region\"]",
        "error: 5 mistakes in the manifests",
    ]);
    assert!(!ended.stderr.contains('\u{1b}'), "{ended}");
}

#[test]
fn a_missing_component_is_shown_where_it_is_named() {
    let folder = Folder::new();
    let app = folder.quakes(&[("components/quake-alerts\"", "components/quake-alarms\"")]);
    airssys(["run", &app]).run().exits(3).says(&["quake-alarms` does not exist", "app.toml:16:10"]);
}

#[test]
fn a_missing_manifest_is_named() {
    let folder = Folder::new();
    let missing = folder.path().join("app.toml");
    for command in ["run", "build", "check"] {
        airssys([command, missing.to_str().unwrap()])
            .run()
            .exits(3)
            .says(&[missing.to_str().unwrap(), "the file cannot be read"]);
    }
    let folder = folder.path().to_str().unwrap();
    airssys(["run", folder])
        .run()
        .exits(2)
        .says(&[folder, "has no app.toml; give an app.toml, or its folder"]);
}

#[test]
fn path_of_another_kind_is_named_with_what_to_give_instead() {
    let folder = Folder::new();
    let code = folder.write("feed/feed.wasm", "");
    let manifest = folder.write("feed/Component.toml", "[component]\nname = \"feed\"\nversion = \"0.1.0\"\n");
    let feed = folder.path().join("feed").to_str().unwrap().to_owned();
    for (command, path, found, instead) in [
        ("run", &code, "is the code of a component", "give an app.toml that has a [[component]]"),
        ("run", &manifest, "is the manifest of a component", "give the app.toml of an app that lists it"),
        ("run", &feed, "is the folder of a component, and has no app.toml", "or `airssys check "),
        ("check", &manifest, "is the manifest of a component", "give its folder, `"),
        ("build", &manifest, "is the manifest of a component", "give its folder, `"),
        ("build", &code, "is the code of a component", "it is built already"),
    ] {
        airssys([command, path]).run().exits(2).says(&[&format!("error: `{path}` {found}; "), instead]);
    }
    // Without a path, every command takes the folder that it is started in.
    for command in ["run", "build", "check"] {
        airssys([command]).within(folder.path()).run().exits(2).says(&["`.` has n", "app.toml"]);
    }
}
