//! A process that does not run for a while.

use std::thread::sleep;
use std::time::Duration;

use crate::support::*;

/// An app of one component, which logs `begun` and then works until 2 s have passed.
fn app(folder: &Folder) -> String {
    let source = path("components/test-probe");
    let script = r#"[["worker", {"Say": "begun"}, 1], ["worker", {"Work": 2000}, 1], ["worker", "Stop", 1]]"#;
    folder.write(
        "Component.toml",
        "[component]\nname = \"worker\"\nversion = \"0.1.0\"\n[limits]\nexecution_time = \"1 s\"\n",
    );
    folder.write(
        "app.toml",
        format!(
            "[app]\nname = \"stopped\"\nuntil = \"worker\"\n[[component]]\nsource = {source:?}\n\
             manifest = \"Component.toml\"\nrestart = \"transient\"\nconfig = {{ script = '{script}' }}\n"
        ),
    )
}

#[test]
fn time_in_which_the_process_is_stopped_is_not_execution_time() {
    let folder = Folder::new();
    let mut running = airssys(["run", "--json", "--no-control", &app(&folder)]).start();
    running.until_it_says("worker: log begun");
    running.signal("STOP");
    // By the clock of the guest, its work is over when it goes on.
    sleep(Duration::from_millis(2_500));
    running.signal("CONT");
    let outcome = running.end().exits(0).json();
    let worker = component(&outcome, "worker");
    assert_eq!((count(worker, "handled"), count(worker, "dead_lettered")), (3, 0), "{worker}");
    assert_eq!(count_instances(worker, "restarts"), 0, "{worker}");
}
