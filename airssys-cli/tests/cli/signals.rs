//! Ctrl-C, SIGTERM and SIGHUP.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::support::*;

const SIGNALS: [(&str, &str, i32); 3] =
    [("INT", "Ctrl-C", 130), ("TERM", "SIGTERM", 143), ("HUP", "SIGHUP", 129)];

/// A component of an app that says goodbye.
fn probe(name: &str) -> String {
    let source = path("components/test-probe");
    format!(
        "[[component]]\nsource = {source:?}\nname = \"{name}\"\nconfig = {{ shutdown-note = \"bye\" }}\n\n"
    )
}

/// The quakes app as a service: it runs until it is stopped.
fn service(folder: &Folder) -> String {
    let feed = format!("[[component]]\nsource = {:?}\nrestart", path("components/quake-feed"));
    folder.quakes(&[
        ("until = \"quake-feed\"\n", ""),
        (&feed, &format!("{}{}{feed}", probe("first"), probe("second"))),
    ])
}

fn pipe(folder: &Folder) -> PathBuf {
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    pipe
}

/// The program with its control sockets in this folder.
fn within(folder: &Folder, args: &[&str]) -> Program {
    airssys(args).env("XDG_RUNTIME_DIR", folder.path().to_str().unwrap())
}

#[test]
fn a_stopped_app_is_shut_down_in_order_and_prints_its_report() {
    for (signal, name, code) in SIGNALS {
        let folder = Folder::new();
        let mut running = within(&folder, &["run", "--json", &service(&folder)]).start();
        running.until_it_says("quake-feed: read 1707 events");
        running.signal(signal);
        // SIGTERM and SIGHUP are the usual end of a service.
        let code = if signal == "INT" { code } else { 0 };
        let ended = running.end().exits(code).says(&[&format!("stopped by {name}")]);
        assert!(!ended.stderr.contains("error"), "{ended}");
        let said =
            |text: &str| ended.stderr.find(text).unwrap_or_else(|| panic!("it does not say {text}: {ended}"));
        assert!(said("second: bye") < said("first: bye"), "{ended}");
        let outcome = ended.json();
        assert!(!outcome["report"]["tables"].as_array().unwrap().is_empty(), "{ended}");
        // Every message is accounted for, wherever the signal met it.
        for component in outcome["components"].as_array().unwrap() {
            let [received, handled, dead] =
                ["received", "handled", "dead_lettered"].map(|counter| count(component, counter));
            assert_eq!(received, handled + dead, "{component}");
        }
        assert!(!folder.path().join("airssys/quakes.sock").exists(), "the control socket is left behind");
    }
}

#[test]
fn stopped_app_with_work_left_does_not_succeed() {
    for (signal, name, code) in SIGNALS {
        let folder = Folder::new();
        let pipe = pipe(&folder);
        let args = ["run", "-v", "examples/quakes/app.toml", "--input", pipe.to_str().unwrap()];
        let mut running = within(&folder, &args).start();
        let input = File::options().write(true).open(&pipe).unwrap();
        running.until_it_says("every component has started");
        running.signal(signal);
        running.until_it_says("the app is stopping");
        drop(input);
        running.end().exits(code).says(&[&format!("stopped by {name}")]).prints(&["Components"]);
    }
}

#[test]
fn a_signal_is_heard_while_the_app_waits_for_its_input_to_be_opened() {
    for (signal, name, code) in SIGNALS {
        let folder = Folder::new();
        let pipe = pipe(&folder);
        let args = [
            "run",
            "-v",
            "examples/quakes/app.toml",
            "--stop-timeout",
            "3600",
            "--input",
            pipe.to_str().unwrap(),
        ];
        let mut running = within(&folder, &args).start();
        running.until_it_says("is opened for writing");
        running.until_it_says("every component has started");
        running.signal(signal);
        running.until_it_says("the app is stopping");
        // The feed handles its input until it ends. For reading and writing, it is opened at once.
        drop(File::options().read(true).write(true).open(&pipe).unwrap());
        let ended = running.end().exits(code).says(&[&format!("stopped by {name}")]);
        assert!(!ended.stderr.contains("did not stop in time"), "{ended}");
        ended.prints(&["Components", "quake-feed"]);
    }
}

#[test]
fn json_of_a_run_that_is_stopped_while_it_starts_has_the_components_that_had_started() {
    let folder = Folder::new();
    let waiter = format!(
        "[[component]]\nsource = {:?}\nname = \"slow\"\nconfig = {{ never-starts = true }}\n",
        path("components/test-waiter")
    );
    let app = folder.write("app.toml", format!("[app]\nname = \"slow\"\n\n{}{waiter}", probe("first")));
    let mut running = within(&folder, &["run", &app, "--json"]).start();
    running.until_it_says("slow: starting");
    running.signal("INT");
    let ended = running.end();
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("a JSON document");
    assert_eq!(document["components"][0]["name"], "first", "{document}");
}

#[test]
fn a_signal_is_heard_while_a_component_starts() {
    let folder = Folder::new();
    let waiter = format!(
        "[[component]]\nsource = {:?}\nname = \"slow\"\nconfig = {{ never-starts = true }}\n",
        path("components/test-waiter")
    );
    let app = folder.write("app.toml", format!("[app]\nname = \"slow\"\n\n{}{waiter}", probe("first")));
    for (signal, name, code) in SIGNALS {
        let mut running = within(&folder, &["run", &app, "--stop-timeout", "3600"]).start();
        running.until_it_says("slow: starting");
        running.signal(signal);
        let code = if signal == "INT" { code } else { 0 };
        let ended = running.end().exits(code).says(&["first: bye", &format!("stopped by {name}")]);
        assert!(!ended.stderr.contains("did not stop in time"), "{ended}");
    }
}

#[test]
fn signal_ends_a_complete_app_that_waits_for_its_report() {
    let folder = Folder::new();
    let done = format!(
        "[[component]]\nsource = {:?}\nname = \"done\"\nconfig = {{ stop-at-start = true }}\nrestart = \"temporary\"\n",
        path("components/test-probe")
    );
    let late = format!(
        "[[component]]\nsource = {:?}\nname = \"late\"\nconfig = {{ reports-late = true }}\n\n",
        path("components/test-waiter")
    );
    let app = "[app]\nname = \"late\"\nuntil = \"done\"\nreport = \"late\"\n\n";
    let app = folder.write("app.toml", format!("{app}{late}{done}"));
    for (signal, name, code) in SIGNALS {
        let mut running = within(&folder, &["run", &app, "--stop-timeout", "1"]).start();
        running.until_it_says("late: reporting");
        running.signal(signal);
        running.end().exits(code).says(&[&format!("stopped by {name}")]).prints(&["Components"]);
    }
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    for (signal, _, code) in SIGNALS {
        let folder = Folder::new();
        let pipe = pipe(&folder);
        // The feed handles its input until it ends, and a report waits for that.
        let app = folder.quakes(&[("report = \"quake-stats\"", "report = \"quake-feed\"")]);
        let args = ["run", "-v", &app, "--stop-timeout", "3600", "--input", pipe.to_str().unwrap()];
        let mut running = within(&folder, &args).start();
        let _input = File::options().write(true).open(&pipe).unwrap();
        running.until_it_says("every component has started");
        running.signal("INT");
        running.until_it_says("the app is stopping");
        running.signal(signal);
        let ended = running.end().exits(code);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_signal_ends_a_program_whose_reader_is_stuck() {
    let (_reader, writer) = std::io::pipe().unwrap();
    // Fills the pipe.
    let nonblocking = |on| rustix::io::ioctl_fionbio(&writer, on).unwrap();
    nonblocking(true);
    while !(&writer).write(&[b'\n'; 1 << 12]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {}
    nonblocking(false);
    let args = ["run", "examples/quakes/app.toml", "--no-control"];
    let mut running = airssys(args).output_to(writer).start();
    running.until_it_says("quake-feed: read 1707 events");
    while running.is_running() {
        running.signal("TERM");
        sleep(Duration::from_millis(50));
    }
    running.end().exits(143);
}

#[test]
fn signals_that_were_ignored_at_the_start_do_not_stop_an_app() {
    for ignored in ["HUP", "INT"] {
        let folder = Folder::new();
        let app = folder.write("app.toml", format!("[app]\nname = \"kept\"\n\n{}", probe("first")));
        let mut running = within(&folder, &["run", "-v", &app])
            .wrapped(&["sh", "-c", &format!("trap '' {ignored}; exec \"$@\""), "sh"])
            .start();
        running.until_it_says("every component has started");
        running.signal(ignored);
        let inspected = within(&folder, &["inspect"]).run().exits(0);
        inspected.prints(&["first"]);
        running.signal("TERM");
        running.end().exits(0).says(&["stopped by SIGTERM"]);
    }
}

/// As in a container. The kernel drops signals without a handler that come to the first process.
#[test]
#[cfg(target_os = "linux")]
fn a_signal_stops_an_app_that_is_the_first_process() {
    let unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"];
    if !Command::new(unshare[0]).args(&unshare[1..]).arg("true").status().is_ok_and(|status| status.success())
    {
        return;
    }
    let folder = Folder::new();
    let app = folder.write("app.toml", format!("[app]\nname = \"first\"\n\n{}", probe("first")));
    let mut running = within(&folder, &["run", "-v", &app]).wrapped(&unshare).start();
    running.until_it_says("every component has started");
    running.signal_children("TERM");
    running.end().exits(0).says(&["first: bye", "stopped by SIGTERM"]);
}
