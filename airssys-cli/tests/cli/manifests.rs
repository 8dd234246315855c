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
    airssys(["run", folder.path().to_str().unwrap()])
        .run()
        .exits(3)
        .says(&[missing.to_str().unwrap(), "the file cannot be read"]);
}
