//! Starts child processes that compile, and takes their results.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::budget::{Budget, CPU_SECONDS, Spent, WALL_TIME};
use super::cache::MAX_ENTRY_BYTES;
use super::error::{ChildError, CompileError};
use super::settings::{Kind, Settings};
use super::worker::{ARGUMENT, CPU_TIME, NO_THREADS, REFUSED, THREADS, WorkerLimits};
use crate::sync::lock;

/// The most memory of a child process, in bytes: 2 GiB of address space.
const MEMORY_BYTES: u64 = 2 << 30;

/// The most child processes at once, because each can take its memory.
const MAX_CHILDREN: usize = 2;

/// The most bytes of an error's text.
const MAX_TEXT_BYTES: usize = 4 << 10;

/// Compiles a component or a module in a child process, within the budget of the component. Waits while
/// others compile, which the budget does not count.
pub(super) fn compile(
    program: &Path,
    settings: Settings,
    kind: Kind,
    wasm: &[u8],
    budget: &Budget,
) -> Result<Vec<u8>, CompileError> {
    let left = budget.left().ok_or_else(time)?;
    let _slot = Slot::take();
    if std::env::args_os().nth(1).is_some_and(|first| first == ARGUMENT) {
        // It would start itself without end.
        return Err(ChildError::NotAWorker { program: program.to_owned() }.into());
    }
    // The limit of the system has whole seconds.
    let cpu_seconds = left.cpu.as_millis().div_ceil(1_000) as u64;
    let limits = WorkerLimits { memory_bytes: MEMORY_BYTES, cpu_seconds, parent: std::process::id() };
    let start = |source| ChildError::Start { program: program.to_owned(), source };
    let absolute = std::path::absolute(program).map_err(start)?;
    let spawned = Command::new(absolute)
        .args(limits.arguments(settings, kind))
        .env_clear()
        .env("RAYON_NUM_THREADS", THREADS.to_string())
        .current_dir("/")
        // Ctrl-C is for the program, whose end ends its children.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let (began, running) = (Instant::now(), Running { child: spawned.map_err(start)? });
    let output = running.exchange(wasm, left.wall).map_err(start)?;
    let wall = began.elapsed();
    budget.spend(Spent { cpu: output.cpu_time().unwrap_or(wall), wall });
    output.code(program)
}

/// The end of a child process.
struct Output {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// True if it took longer than it may.
    is_late: bool,
}

impl Output {
    /// Returns the time on processors that the process has told.
    fn cpu_time(&self) -> Option<Duration> {
        let text = std::str::from_utf8(&self.stderr).ok()?;
        let told = text.lines().next_back()?.strip_prefix(CPU_TIME)?;
        told.parse().ok().map(Duration::from_millis)
    }

    fn code(self, program: &Path) -> Result<Vec<u8>, CompileError> {
        let Output { status, stdout, stderr, is_late } = self;
        let max_bytes = MAX_ENTRY_BYTES;
        if stdout.len() as u64 > max_bytes {
            return Err(ChildError::Output { max_bytes }.into());
        }
        if status.success() {
            return match stdout.is_empty() {
                false => Ok(stdout),
                true => Err(ChildError::NotAWorker { program: program.to_owned() }.into()),
            };
        }
        let is_refusal = status.code() == Some(REFUSED);
        let text = beginning(if is_refusal { &stdout } else { &stderr });
        let is_out_of_memory = OUT_OF_MEMORY.iter().any(|words| text.contains(words));
        match status.signal() {
            _ if is_late => Err(time().into()),
            Some(signal) if signal == Signal::XCPU.as_raw() => Err(time().into()),
            _ if status.code() == Some(NO_THREADS) => Err(ChildError::NoThreads { text }.into()),
            _ if is_out_of_memory => Err(ChildError::Memory { memory_bytes: MEMORY_BYTES }.into()),
            _ if is_refusal => Err(CompileError::Refused(wasmtime::Error::msg(text))),
            _ if text.is_empty() => {
                Err(ChildError::Failed { ended: status, text: "it said nothing".to_owned() }.into())
            }
            _ => Err(ChildError::Failed { ended: status, text }.into()),
        }
    }
}

fn time() -> ChildError {
    ChildError::Time { cpu_seconds: CPU_SECONDS, wall_time: WALL_TIME }
}

/// The words with which the allocator, the system or wasmtime say that memory is exhausted.
const OUT_OF_MEMORY: [&str; 4] =
    ["memory allocation of", "Cannot allocate memory", "out of memory", "Resource temporarily unavailable"];

fn beginning(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TEXT_BYTES)]).trim().to_owned()
}

/// A child process.
struct Running {
    child: Child,
}

impl Running {
    /// Sends the component, and waits for the end, which comes after `timeout` at the latest.
    fn exchange(mut self, wasm: &[u8], timeout: Duration) -> io::Result<Output> {
        let streams = (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = streams else {
            self.end();
            return Err(io::Error::other("its streams are missing"));
        };
        thread::scope(|scope| {
            let (code, coded) = channel();
            let write = move || drop(stdin.write_all(wasm));
            let read = move || {
                let mut bytes = Vec::new();
                // After an error the code is too short, which its loading finds.
                drop(stdout.take(MAX_ENTRY_BYTES + 1).read_to_end(&mut bytes));
                drop(code.send(bytes));
            };
            // The write fails if the process ends before it has read everything, which its status tells.
            let started = spawn(scope, write)
                .and_then(|_| spawn(scope, read))
                .and_then(|_| spawn(scope, move || read_and_drain(stderr, MAX_TEXT_BYTES as u64)));
            let said = match started {
                Ok(said) => said,
                Err(refused) => {
                    // The threads that have started end with its streams.
                    self.end();
                    self.child.wait()?;
                    return Err(refused);
                }
            };
            // The code can have come while this thread did not run.
            let received = coded.recv_timeout(timeout).or_else(|_| coded.try_recv());
            let is_late = received.is_err();
            let stdout = received.unwrap_or_default();
            if is_late || stdout.len() as u64 > MAX_ENTRY_BYTES {
                self.end();
            }
            let status = self.wait()?;
            Ok(Output { status, stdout, stderr: said.join().unwrap_or_default(), is_late })
        })
    }

    /// Waits for the end of a process that has closed its output, which it does when it ends. Then ends
    /// those that it has started, because they can hold the standard error open.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        for _ in 0..1_000 {
            if self.has_ended() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // Before the process is waited for, because its group's number can belong to others afterwards.
        self.end();
        self.child.wait()
    }

    /// Returns true if the process has ended. It can still be waited for.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.pid().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
    }

    /// Ends the process, and those that it could have started.
    fn end(&mut self) {
        if let Some(pid) = self.pid() {
            // The process has ended already if that fails.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

/// Starts a thread, if the system allows it.
fn spawn<'scope, R: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> R + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, R>> {
    thread::Builder::new().spawn_scoped(scope, work)
}

/// Reads the first bytes of a stream, and drops the rest.
fn read_and_drain(mut stream: impl Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    drop(stream.by_ref().take(most).read_to_end(&mut bytes));
    drop(io::copy(&mut stream, &mut io::sink()));
    bytes
}

/// The right to run a child process.
struct Slot;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Slot {
    /// Waits until fewer than [`MAX_CHILDREN`] run.
    fn take() -> Slot {
        let mut taken = lock(&TAKEN);
        while *taken >= MAX_CHILDREN {
            taken = FREED.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Slot
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *lock(&TAKEN) -= 1;
        FREED.notify_one();
    }
}

#[cfg(test)]
mod tests;
