//! Components that fail too often, and apps whose components have all ended.

use crate::support::*;

/// A component under test with this script, further keys of its table, and lines of its manifest.
fn entry(folder: &Folder, name: &str, script: &str, keys: &str, manifest: &str) -> String {
    let source = path("components/test-probe");
    let manifest = format!(
        "[component]\nname = \"{name}\"\nversion = \"0.1.0\"\n[capabilities]\nsend = [\"worker\"]\n{manifest}"
    );
    folder.write(&format!("{name}.toml"), manifest);
    format!(
        "[[component]]\nsource = {source:?}\nname = \"{name}\"\nmanifest = \"{name}.toml\"\n{keys}\n\
         {}\n[grants.{name}]\nsend = [\"worker\"]\n",
        config(keys, script)
    )
}

fn config(keys: &str, script: &str) -> String {
    match keys.contains("config") {
        true => String::new(),
        false => format!("config = {{ script = '''{script}''' }}"),
    }
}

fn app(folder: &Folder, lines: &str, components: &[String]) -> String {
    folder.write("app.toml", format!("[app]\nname = \"app\"\n{lines}\n{}", components.concat()))
}

#[test]
fn messages_that_fail_every_attempt_do_not_end_a_component() {
    let folder = Folder::new();
    // Ten messages fail on each of their attempts, with good ones behind and between them.
    let script = r#"[["worker", {"Panic": "a"}, 5], ["worker", {"Tally": ""}, 100],
        ["worker", {"Panic": "b"}, 5], ["worker", {"Tally": ""}, 100], ["worker", "Stop", 1]]"#;
    let retry = "[messages]\ndelivery = \"retry\"\nbackoff = \"immediate\"";
    let worker = entry(&folder, "worker", script, "restart = \"transient\"", retry);
    let lines = "until = \"worker\"\n[supervisor]\nbackoff = \"immediate\"";
    let app = app(&folder, lines, &[worker]);
    let outcome = airssys(["run", "--json", "--no-control", &app]).run().exits(0).json();
    let worker = component(&outcome, "worker");
    assert_eq!((count(worker, "handled"), count(worker, "dead_lettered")), (201, 10), "{worker}");
    assert_eq!((count_instances(worker, "restarts"), count(worker, "retried")), (30, 20), "{worker}");
}

#[test]
fn component_that_gives_up_is_quarantined_with_its_mailbox_until_it_is_resumed() {
    let folder = Folder::new();
    let script = r#"[["worker", {"Panic": "once"}, 1], ["worker", {"Tally": ""}, 3]]"#;
    let worker = entry(&folder, "worker", "", "config = { panic-after-restart = \"yes\" }", "");
    let sender = entry(&folder, "sender", script, "", "");
    let app = app(&folder, "", &[worker, sender]);
    let socket = folder.path().join("control.sock").to_str().unwrap().to_owned();
    let mut running = airssys(["run", "--json", &app, "--control", &socket]).start();
    running.until_it_says("is quarantined until it is resumed");
    let ask = |args: &[&str]| airssys(args.iter().chain(&["--control", &socket])).run();
    let state = || {
        let app = ask(&["inspect", "--json"]).exits(0).json();
        let instance = component(&app, "worker")["instances"][0].clone();
        (instance["state"].as_str().unwrap().to_owned(), count(&instance, "depth"))
    };
    assert_eq!(state(), ("quarantined".to_owned(), 3));
    ask(&["inspect"]).exits(0).prints(&["quarantined"]);
    ask(&["resume", "nobody"]).exits(1).says(&["no component and no group has the name `nobody`"]);
    ask(&["resume", "sender"]).exits(1).says(&["`sender` is not quarantined"]);
    // It fails again, and waits again with its mailbox.
    ask(&["resume", "worker"]).exits(0).prints(&["resumed: worker"]);
    while state().0 != "quarantined" {}
    assert_eq!(state().1, 3);
    running.interrupt();
    let outcome = running.end().json();
    assert_eq!(count(component(&outcome, "worker"), "dead_lettered"), 4, "{outcome}");
}

#[test]
fn component_whose_end_is_that_of_the_app_fails_the_run_when_it_gives_up() {
    let folder = Folder::new();
    let keys = "on_give_up = \"stop-app\"\nconfig = { panic-after-restart = \"yes\" }";
    let script = r#"[["worker", {"Panic": "once"}, 1]]"#;
    let components = [entry(&folder, "worker", "", keys, ""), entry(&folder, "sender", script, "", "")];
    let app = app(&folder, "", &components);
    let ended = airssys(["run", "--json", "--no-control", &app]).run().exits(1);
    let ended = ended.says(&["the app failed", "`worker` failed and is not restarted", "again"]);
    assert_eq!(count_instances(component(&ended.json(), "worker"), "restarts"), 4);
}

#[test]
fn run_with_an_end_does_not_wait_for_quarantined_components() {
    let folder = Folder::new();
    let script = r#"[["worker", {"Panic": "once"}, 1], ["worker", {"Tally": ""}, 3]]"#;
    let stop = "config = { stop-at-start = \"yes\" }";
    let worker = entry(&folder, "worker", "", "config = { panic-after-restart = \"yes\" }", "");
    let sender = entry(&folder, "sender", script, "", "");
    let last = entry(&folder, "last", "", &format!("restart = \"transient\"\n{stop}"), "");
    let app = app(&folder, "until = \"last\"", &[worker, sender, last]);
    let ended = airssys(["run", "--json", "--no-control", &app]).run().exits(1);
    let ended = ended.says(&["quarantined, because they failed too often: worker", "airssys resume"]);
    let outcome = ended.json();
    assert_eq!(count(component(&outcome, "worker"), "dead_lettered"), 4, "{outcome}");
}

#[test]
fn app_whose_components_have_all_ended_ends() {
    let folder = Folder::new();
    let keys = "restart = \"transient\"\ninstances = 2\nconfig = { stop-at-start = \"yes\" }";
    let components = [entry(&folder, "worker", "", keys, ""), entry(&folder, "other", "", keys, "")];
    let good = app(&folder, "", &components);
    let outcome = airssys(["run", "--json", &good]).run().exits(0).json();
    assert_eq!(outcome["components"].as_array().unwrap().len(), 2);
    let keys = "restart = \"temporary\"";
    let failing = entry(&folder, "worker", r#"[["worker", {"Panic": "drill"}, 1]]"#, keys, "");
    let bad = app(&folder, "", &[failing]);
    airssys(["run", &bad]).run().exits(1).says(&["`worker` failed and is not restarted", "drill"]);
}
