//! The limits of the process that compiles, which the program starts with arguments of its own.
//!
//! Other systems have no signal for the end of a parent, and other places for the limits of a process.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::*;

/// 2 GiB, in bytes.
const MEMORY: &str = "2147483648";

/// The program as it is started to compile a component, by the process with this id.
fn compiler(cpu_seconds: u64, parent: u32) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airssys"));
    command.args(["airssys-compile-worker", "pooled", "component", MEMORY]);
    command.args([cpu_seconds.to_string(), parent.to_string()]);
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Ends a process when a test fails.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends a component to the compiler. Returns its end, and what it said.
fn compiled(command: &mut Command, wasm: &[u8]) -> (ExitStatus, String) {
    let mut child = command.spawn().unwrap();
    // The write fails if the process ends before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(wasm);
    let output = child.wait_with_output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn until(what: &str, mut is_done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The limits of a process: the name of each, with the present and the largest value.
fn limits(process: u32) -> Vec<(String, String, String)> {
    let text = fs::read_to_string(format!("/proc/{process}/limits")).unwrap_or_default();
    let fields = |line: &str| {
        let (name, rest) = line.split_at_checked(26)?;
        let mut values = rest.split_whitespace().map(str::to_owned);
        Some((name.trim().to_owned(), values.next()?, values.next()?))
    };
    text.lines().skip(1).filter_map(fields).collect()
}

/// Waits until a process has set its limits, and so the signal for its parent's end.
fn until_limited(process: u32) -> Vec<(String, String, String)> {
    // The last limit that it sets.
    let is_limited = |(name, most, _): &(String, String, String)| name == "Max open files" && most == "32";
    until("the compiler sets its limits", || limits(process).iter().any(is_limited));
    limits(process)
}

#[test]
fn compiler_limits_its_memory_time_and_files_before_it_reads() {
    let running = Ending(compiler(7, std::process::id()).spawn().unwrap());
    let limits = until_limited(running.0.id());
    for (name, most, raised) in [
        ("Max cpu time", "7", "12"),
        ("Max file size", "0", "0"),
        ("Max core file size", "0", "0"),
        ("Max open files", "32", "32"),
        ("Max address space", MEMORY, MEMORY),
    ] {
        let found =
            limits.iter().find(|(found, ..)| found == name).map(|(_, most, raised)| (&**most, &**raised));
        assert_eq!(found, Some((most, raised)), "{name}");
    }
}

#[test]
fn compiler_ends_at_its_limit_of_processor_time() {
    let values = "i64 ".repeat(1_000);
    let blocks = "(br_if 0 (i32.const 0)) (block (result i32) (i32.const 1)) drop ".repeat(1_600);
    let function = format!("(func (local {values}) {blocks})");
    let wasm = wat::parse_str(format!("(component (core module {}))", function.repeat(256))).unwrap();
    let (ended, said) = compiled(&mut compiler(1, std::process::id()), &wasm);
    assert_eq!(ended.signal(), Some(rustix::process::Signal::XCPU.as_raw()), "{ended}: {said}");
}

#[test]
fn compiler_writes_no_file() {
    let folder = Folder::new();
    let file = folder.path().join("output");
    let wasm = wat::parse_str("(component (core module (func)))").unwrap();
    let mut to_file = compiler(60, std::process::id());
    to_file.stdout(File::create(&file).unwrap());
    let (ended, said) = compiled(&mut to_file, &wasm);
    assert!(!ended.success(), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().len(), 0);
    let (ended, said) = compiled(&mut compiler(60, std::process::id()), &wasm);
    assert!(ended.success(), "{said}");
}

/// Its input stays open, so that only the end of its parent ends it.
#[test]
fn compiler_ends_with_its_parent() {
    let compiler = env!("CARGO_BIN_EXE_airssys");
    let script = format!(
        "exec 3<&0; {compiler} airssys-compile-worker pooled component {MEMORY} 60 $$ <&3 >/dev/null & \
         echo $!; wait"
    );
    let shell = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut shell = Ending(shell.unwrap());
    let mut id = Vec::new();
    let mut stdout = shell.0.stdout.take().unwrap();
    while id.last() != Some(&b'\n') {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        id.push(byte[0]);
    }
    let id: u32 = String::from_utf8(id).unwrap().trim().parse().unwrap();
    until_limited(id);
    shell.0.kill().unwrap();
    shell.0.wait().unwrap();
    // The process can still be there as one that has ended and was not waited for.
    until("the compiler ends", || {
        let state = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        state.rsplit(')').next().is_none_or(|rest| !rest.trim_start().starts_with(['R', 'S', 'D']))
    });
}

#[test]
fn compiler_whose_parent_has_ended_already_does_not_start() {
    let (ended, said) = compiled(&mut compiler(60, 1), b"");
    assert_eq!(ended.code(), Some(4));
    assert!(said.contains("the program that has started it has ended"), "{said}");
}
