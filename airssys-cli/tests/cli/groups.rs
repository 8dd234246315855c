//! Groups of components in a running app.

use crate::support::*;

#[test]
fn inspect_draws_groups_with_strategy_restarts_and_state() {
    let folder = Folder::new();
    let source = path("components/test-probe");
    let component = |name: &str| format!("[[component]]\nname = {name:?}\nsource = {source:?}\n");
    let text = ["gate", "cache", "store"].map(component).concat();
    let groups = "[[group]]\nname = \"storage\"\nmembers = [\"cache\", \"disk\"]\nstrategy = \"rest-for-one\"\n\
                  [[group]]\nname = \"disk\"\nmembers = [\"store\"]\n";
    let app = folder.write("app.toml", format!("[app]\nname = \"shop\"\n{text}{groups}"));
    let socket = folder.path().join("control.sock").to_str().unwrap().to_owned();
    let mut running = airssys(["run", "-v", &app, "--control", &socket]).start();
    running.until_it_says("every component has started");
    let inspected = airssys(["inspect", "--control", &socket]).run().exits(0);
    let rows: Vec<&str> = inspected.stdout.lines().skip(3).take(6).collect();
    for (row, start) in rows.iter().zip([
        "shop ",
        "├ gate ",
        "└ storage (rest-for-one)  running",
        "  ├ cache ",
        "  └ disk ",
        "    └ store ",
    ]) {
        assert!(row.starts_with(start), "{inspected}");
    }
    let storage = rows[2].split_whitespace().collect::<Vec<_>>();
    assert!(storage.contains(&"0"), "the group has a count of restarts: {inspected}");
    running.interrupt();
    running.end().exits(130);
}

#[test]
fn wrong_groups_are_reported_before_anything_runs() {
    let folder = Folder::new();
    let group = "\n[[group]]\nname = \"quake\"\nmembers = [\"quake-fed\", \"quake\"]\n";
    let app = folder.quakes(&[("[grants.quake-feed]", &format!("{group}\n[grants.quake-feed]"))]);
    airssys(["check", &app]).run().exits(3).says(&[
        "`members` names `quake-fed`, which is neither a component nor a group of the app",
        "did you mean `quake-feed`?",
        "the group `quake` lists itself as a member",
        "error: 2 mistakes in the manifests",
    ]);
}
