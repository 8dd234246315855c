//! A process with its children.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::host::STUCK;

/// Returns a process and its children, the process first.
pub(crate) fn with_children(process: &Child) -> Vec<Pid> {
    let process = Pid::from_child(process);
    let parent = process.as_raw_nonzero().get();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let children = processes.filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The second field after the name, which is in parentheses.
        let of: i32 = status.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Pid::from_raw(pid).filter(|_| of == parent)
    });
    [process].into_iter().chain(children).collect()
}

/// Sends a signal to each process. One may have ended since.
pub(crate) fn signal(processes: &[Pid], signal: Signal) {
    for process in processes {
        let _ended = kill_process(*process, signal);
    }
}

/// Waits until processes whose parent has ended have ended too.
pub(crate) fn wait_for_ends(processes: &[Pid]) {
    let began = Instant::now();
    while processes.iter().any(|process| runs(*process)) {
        assert!(began.elapsed() < STUCK, "a process of the server does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns true if a process has not ended.
fn runs(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    let state = status.ok().and_then(|status| status.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| state != 'Z')
}
