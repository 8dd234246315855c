//! Settings of components, and the services through which they read them and write their logs.

use crate::support::*;

/// An app whose only component logs its settings.
fn app(folder: &Folder, config: &str) -> String {
    let source = path("components/test-config");
    folder.write(
        "app.toml",
        format!("[app]\nname = \"set\"\n\n[[component]]\nsource = {source:?}\nconfig = {config}\n"),
    )
}

#[test]
fn component_reads_its_settings_under_every_published_name() {
    let folder = Folder::new();
    folder.write("motd.txt", "good morning\nall\n");
    let config = "{ greeting = \"hello\", limit = 0x10, token = { env = \"TEST_TOKEN\" }, motd = { file = \"motd.txt\" } }";
    let app = app(&folder, config);
    let program = || airssys(["run", &app]).env("XDG_RUNTIME_DIR", folder.path().to_str().unwrap());
    let mut running = program().env("TEST_TOKEN", "open sesame").env("TEST_OTHER", "not given").start();
    running.until_it_says("all settings are read");
    running.signal("TERM");
    let ended = running.end().exits(0).says(&[
        "test-config: setting: greeting is `hello`",
        "test-config: setting: limit is `16`",
        "test-config: setting: token is `open sesame`",
        "test-config: setting: motd is `good morning",
    ]);
    assert!(!ended.stderr.contains("not given"), "{ended}");
    let level = ended.stderr.lines().find(|line| line.contains("all settings are read")).unwrap();
    assert!(level.contains("ERROR"), "a critical line is an error in the log: {level}");
}

#[test]
fn missing_variable_or_file_of_a_setting_is_reported_before_the_start() {
    let folder = Folder::new();
    let config = "{ token = { env = \"TEST_ABSENT\" }, motd = { file = \"none.txt\" }, pair = { env = \"A\", file = \"b\" } }";
    let app = app(&folder, config);
    for command in ["check", "run"] {
        airssys([command, &app]).run().exits(3).says(&[
            "`token` in [component.config] names the environment variable `TEST_ABSENT`, which is not set",
            "set `TEST_ABSENT`, or write `token = { file = \"/run/secrets/NAME\" }`",
            "`motd` in [component.config] names the file",
            "none.txt, which cannot be read",
            "`pair` in [component.config] is a table, not a setting",
            "error: 3 mistakes in the manifests",
        ]);
    }
}

#[test]
fn app_is_built_and_explained_without_the_secrets_of_its_settings() {
    let folder = Folder::new();
    let app = app(&folder, "{ token = { env = \"TEST_ABSENT\" } }");
    airssys(["build", &app]).run().exits(0);
    airssys(["explain", &app, "test-config", "send", "other"]).run().exits(0);
}
