//! Inspecting a running app.

use serde_json::Value;

use crate::support::*;

/// An app that keeps running after its work is done, and its control socket.
fn running(folder: &Folder) -> (Running, String) {
    let app = folder.quakes(&[
        ("until = \"quake-feed\"\n", ""),
        ("[supervisor]\n", "[limits]\nmemory = \"16 MiB\"\n\n[supervisor]\n"),
    ]);
    let socket = folder.path().join("control.sock").to_str().unwrap().to_owned();
    let mut running = airssys(["run", "--json", &app, "--control", &socket])
        .arg("--input")
        .arg(&path("examples/quakes/broken.ndjson"))
        .start();
    running.until_it_says("quake-feed: read ");
    (running, socket)
}

/// The snapshot of an app with nothing in flight.
fn idle_snapshot(socket: &str) -> Value {
    loop {
        let app = airssys(["inspect", "--json", "--control", socket]).run().exits(0).json();
        if app["in_flight"] == 0 {
            return app;
        }
    }
}

#[test]
fn inspect_shows_what_the_summary_shows() {
    let folder = Folder::new();
    let (running, socket) = running(&folder);
    let app = idle_snapshot(&socket);
    assert_eq!(app["app"], "quakes");
    let ended = airssys(["inspect", "--control", &socket]).run().exits(0);
    running.interrupt();
    let outcome = running.end().exits(130).json();
    for summary in outcome["components"].as_array().unwrap() {
        let name = summary["name"].as_str().unwrap();
        let shown = component(&app, name);
        for counter in
            ["received", "handled", "retried", "refused", "dead_lettered", "mailbox_full", "handling"]
        {
            assert_eq!(shown[counter], summary[counter], "{counter} of {name}");
        }
        let instances = shown["instances"].as_array().unwrap();
        assert_eq!(instances.len(), 1);
        assert_eq!(count(&instances[0], "restarts"), count_instances(summary, "restarts"));
        let (state, memory) = (&instances[0]["state"], instances[0]["memory_bytes"].as_u64().unwrap());
        match name {
            "quake-feed" => assert_eq!((state.as_str().unwrap(), memory), ("stopped", 0)),
            _ => assert!(state == "running" && memory >= 65_536, "{name}: {}", instances[0]),
        }
        assert_eq!(count(&shown["costs"], "linear_memory_bytes"), memory);
        if cfg!(target_os = "linux") {
            let resident = count(&shown["costs"], "resident_bytes");
            assert!(resident <= memory && (resident > 0) == (memory > 0), "{name}: {resident} of {memory}");
        }
        assert!(count(&shown["costs"], "dead_letter_bytes") > 0 || count(shown, "dead_lettered") == 0);
        assert_eq!((count(shown, "unfinished"), count(summary, "unfinished")), (0, 0));
        // The text shows the same in a row of the tree.
        let restarts = count(&instances[0], "restarts").to_string();
        let words = ended.words();
        let row = words.iter().find(|words| words.get(1) == Some(&name)).unwrap_or_else(|| panic!("{ended}"));
        assert_eq!(row[2], state.as_str().unwrap());
        assert!(row.contains(&&*restarts), "{row:?}");
    }
    let title = &ended.words()[0];
    assert_eq!(title[..3], ["quakes", "up", title[2]]);
    assert!(ended.stdout.contains("6 components, 6 instances, 0 in flight, 7 dead letters"), "{ended}");
    assert_eq!(ended.words()[3][..2], ["quakes", "running"], "{ended}");
    // Stopped components come last, because they have left the tree.
    let (tree, used) = ended.stdout.split_once("\nLimit usage\n").unwrap_or_else(|| panic!("{ended}"));
    let (tree, times) =
        tree.split_once("\n\np50, p99: time in the guest").unwrap_or_else(|| panic!("{ended}"));
    assert!(tree.lines().last().unwrap().contains("quake-feed") && times.contains("queued"), "{ended}");
    // A limit that is hardly used is only counted.
    let stats = component(&app, "quake-stats");
    let limits = stats["instances"][0]["usage"].as_array().unwrap();
    let subscriptions = limits.iter().find(|limit| limit["name"] == "subscriptions").unwrap();
    assert_eq!((subscriptions["used"].as_u64(), subscriptions["limit"].as_u64()), (Some(1), Some(64)));
    let (used, costs) = used.split_once("\nMemory on the host\n").unwrap_or_else(|| panic!("{ended}"));
    assert!(!used.contains("subscriptions"), "{ended}");
    let shares = used
        .lines()
        .filter(|line| !line.contains('…'))
        .filter_map(|line| line.strip_suffix(" %")?.split_whitespace().next_back());
    assert!(shares.clone().all(|share| share.parse::<u64>().is_ok_and(|share| share >= 2)), "{ended}");
    assert!(used.lines().any(|line| line.contains("memory") && line.contains("16.0 MiB")), "{ended}");
    assert!(used.contains(" more limits, each used at most 1 %"), "{ended}");
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 140), "{ended}");
    assert!(costs.lines().any(|line| line.starts_with("quake-stats ")), "{ended}");
    assert!(!used.contains("concurrent_requests"), "an unused limit has no row: {ended}");
    assert_eq!(app["audit"], Value::Null);
}

#[test]
fn inspect_fails_without_a_running_app() {
    let folder = Folder::new();
    let socket = folder.path().join("nobody.sock");
    for command in ["inspect", "inspect --json"] {
        let words = command.split(' ').chain(["--control", socket.to_str().unwrap()]);
        airssys(words).run().exits(1).says(&["the app cannot be reached", "no app answers at"]);
    }
}

#[test]
fn top_needs_a_terminal_and_names_the_alternative() {
    airssys(["top", "--json"]).run().exits(2).says(&["`airssys inspect --json`"]);
    airssys(["top"]).run().exits(2).says(&["the standard output is not a terminal", "`airssys inspect`"]);
}
