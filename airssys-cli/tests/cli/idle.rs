//! The cost of an app that has nothing to do.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::support::*;

/// The number of times that a thread of the process has waited, over all its threads so far.
fn waits(process: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let status = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
    let waits = status.map(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    });
    waits.sum()
}

/// The ids of the threads of the process.
fn threads(process: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let mut ids: Vec<String> = tasks.map(|task| task.unwrap().file_name().into_string().unwrap()).collect();
    ids.sort();
    ids
}

#[test]
fn idle_app_neither_wakes_threads_nor_makes_any() {
    let folder = Folder::new();
    let source = path("components/test-probe");
    let app =
        folder.write("app.toml", format!("[app]\nname = \"idle\"\n[[component]]\nsource = {source:?}\n"));
    let sockets = folder.path().to_str().unwrap();
    let mut running = airssys(["run", "-v", &app]).env("XDG_RUNTIME_DIR", sockets).start();
    running.until_it_says("every component has started");
    let process = running.id();
    // A ticker wakes 1,000 times a second, a spinner 10 times.
    let is_quiet = || {
        let before = (waits(process), threads(process));
        sleep(Duration::from_secs(1));
        let after = (waits(process), threads(process));
        after.0.saturating_sub(before.0) <= 2 && after.1 == before.1
    };
    // The start and the ticker's last ticks take a while.
    assert!((0..30).any(|_| is_quiet()), "no second passes without a wake-up");
    running.interrupt();
    running.end().exits(130);
}
