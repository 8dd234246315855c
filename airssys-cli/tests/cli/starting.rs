//! A start that takes long: signals, the control socket, and its deadline.

use crate::support::*;

/// A component, with keys of its entry.
fn entry(component: &str, name: &str, keys: &str) -> String {
    let source = path(&format!("components/{component}"));
    format!("[[component]]\nsource = {source:?}\nname = \"{name}\"\n{keys}\n\n")
}

fn within(folder: &Folder, args: &[&str]) -> Program {
    airssys(args).env("XDG_RUNTIME_DIR", folder.path().to_str().unwrap())
}

#[test]
fn control_socket_answers_while_a_component_starts() {
    let folder = Folder::new();
    let first = entry("test-probe", "first", "config = { shutdown-note = \"bye\" }");
    let slow = entry("test-waiter", "slow", "config = { never-starts = true }");
    let last = entry("test-probe", "last", "");
    let app = folder.write("app.toml", format!("[app]\nname = \"starts\"\n\n{first}{slow}{last}"));
    let mut running = within(&folder, &["run", &app, "--metrics", "127.0.0.1:0"]).start();
    running.until_it_says("slow: starting");
    let inspected = within(&folder, &["inspect"]).run().exits(0).prints(&["starting slow, up"]);
    let state = |name: &str| {
        inspected.words().into_iter().find(|row| row.get(1) == Some(&name)).unwrap()[2].to_owned()
    };
    assert_eq!((state("first"), state("slow")), ("running".to_owned(), "starting".to_owned()), "{inspected}");
    let json = within(&folder, &["inspect", "--json"]).run().exits(0).json();
    assert_eq!(json["starting"]["starting"], "slow", "{json}");
    within(&folder, &["resume", "other"]).run().exits(1).says(&[
        "no component and no group has the name `other`; the app is still starting: `slow` is started",
    ]);
    within(&folder, &["dead-letters", "list"]).run().exits(0);
    running.signal("INT");
    let ended = running.end().exits(130).says(&["first: bye", "stopped by Ctrl-C"]);
    assert!(!ended.stderr.contains("did not stop in time"), "{ended}");
}

#[test]
fn app_with_a_start_over_its_deadline_fails_and_says_what_waited() {
    let folder = Folder::new();
    folder.write(
        "slow.toml",
        "[component]\nname = \"slow\"\nversion = \"0.1.0\"\n[limits]\nstart_timeout = \"300 ms\"\n",
    );
    let first = entry("test-probe", "first", "config = { shutdown-note = \"bye\" }");
    let slow = entry("test-waiter", "slow", "manifest = \"slow.toml\"\nconfig = { waits-in = \"health\" }");
    let app = folder.write("app.toml", format!("[app]\nname = \"starts\"\n\n{first}{slow}"));
    within(&folder, &["run", &app]).run().exits(1).says(&[
        "the app does not start",
        "slow",
        "`health` took longer than 300 ms (start_timeout), and waited for a timer",
        "first: bye",
    ]);
}
