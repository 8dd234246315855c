//! The program within the child process: it compiles one component and ends.
//!
//! The component comes from the standard input, and the code goes to the standard output.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use airssys_spec::file::MAX_COMPONENT_BYTES;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::settings::{Kind, Settings};
use super::threads::{TooFewThreads, ensure_threads};

/// The first argument of a program that is started to compile.
pub(super) const ARGUMENT: &str = "airssys-compile-worker";

/// The exit status of a refusal, whose text is the output.
pub(super) const REFUSED: i32 = 3;

/// The exit status if the limits cannot be set or the streams fail.
const UNUSABLE: i32 = 4;

/// The exit status if the system refuses threads to the compiler.
pub(super) const NO_THREADS: i32 = 5;

/// The threads of the compiler. More of them need more memory at once.
pub(super) const THREADS: usize = 4;

/// True if this program calls [`compile_worker`], and so can be started to compile.
static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// Compiles a component and ends the process, if it was started for that. Otherwise it returns at once, and
/// [`Compiler::this_program`](super::Compiler::this_program) starts this program again for each component
/// that it compiles.
///
/// Call it first in `main`, before threads start and arguments are read:
///
/// ```no_run
/// airssys_wasm::compile_worker();
/// // The program begins here.
/// ```
pub fn compile_worker() {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if arguments.first().is_none_or(|first| first != ARGUMENT) {
        IS_WORKER.store(true, Ordering::Relaxed);
        return;
    }
    let status = match work(&arguments[1..]) {
        Ok(()) => {
            report_cpu_time();
            0
        }
        Err(Failed::Refused(error)) => {
            report_cpu_time();
            // The exit status tells of the refusal, too.
            drop(write!(io::stdout(), "{error:#}"));
            REFUSED
        }
        Err(Failed::NoThreads(error)) => {
            drop(write!(io::stderr(), "{error}"));
            NO_THREADS
        }
        Err(Failed::Unusable(error)) => {
            drop(write!(io::stderr(), "{error}"));
            UNUSABLE
        }
    };
    std::process::exit(status);
}

/// The beginning of the line of the standard error that tells the time on processors, in milliseconds.
pub(super) const CPU_TIME: &str = "processor time in ms: ";

/// Tells how much time of the component's budget this process has taken.
fn report_cpu_time() {
    let taken = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let taken = Duration::try_from(taken).unwrap_or_default();
    // The program counts the time on the clock if this line is missing.
    drop(writeln!(io::stderr(), "{CPU_TIME}{}", taken.as_millis()));
}

/// Returns this program, if it calls [`compile_worker`].
pub(super) fn this_program() -> Option<PathBuf> {
    if !IS_WORKER.load(Ordering::Relaxed) {
        return None;
    }
    // This link leads to the program that runs, even if an update has replaced its file.
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() { Some(link) } else { std::env::current_exe().ok() }
}

/// The limits of a child process, as its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WorkerLimits {
    pub(super) memory_bytes: u64,
    pub(super) cpu_seconds: u64,
    /// The process that has started it.
    pub(super) parent: u32,
}

impl WorkerLimits {
    pub(super) fn arguments(self, settings: Settings, kind: Kind) -> [String; 6] {
        let WorkerLimits { memory_bytes, cpu_seconds, parent } = self;
        [
            ARGUMENT.to_owned(),
            settings.name().to_owned(),
            kind.name().to_owned(),
            memory_bytes.to_string(),
            cpu_seconds.to_string(),
            parent.to_string(),
        ]
    }

    fn parse(arguments: &[OsString]) -> Option<(Settings, Kind, WorkerLimits)> {
        let [settings, kind, memory, cpu, parent] = arguments else { return None };
        let settings = Settings::ALL.into_iter().find(|known| settings == known.name())?;
        let kind = Kind::ALL.into_iter().find(|known| kind == known.name())?;
        let number = |text: &OsString| text.to_str()?.parse::<u64>().ok();
        let parent = u32::try_from(number(parent)?).ok()?;
        let limits = WorkerLimits { memory_bytes: number(memory)?, cpu_seconds: number(cpu)?, parent };
        Some((settings, kind, limits))
    }

    /// Sets the limits of this process, which it cannot raise again.
    fn set(self) -> io::Result<()> {
        end_with_parent(self.parent)?;
        limit(Resource::As, self.memory_bytes)?;
        // The signal at this limit differs from the one with which the system ends a process.
        limit_within(Resource::Cpu, self.cpu_seconds, self.cpu_seconds.saturating_add(5))?;
        // Neither files nor dumps are written, and no more files are opened than the system's.
        limit(Resource::Core, 0)?;
        limit(Resource::Fsize, 0)?;
        limit(Resource::Nofile, 32)
    }
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    limit_within(resource, most, most)
}

/// Sets the limit of a resource, and the most to which it can be raised. A limit that is lower already
/// stays.
fn limit_within(resource: Resource, most: u64, raised: u64) -> io::Result<()> {
    let inherited = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit { current: Some(most.min(inherited)), maximum: Some(raised.min(inherited)) };
    Ok(setrlimit(resource, limit)?)
}

/// Ends this process when the one that has started it ends.
#[cfg(target_os = "linux")]
fn end_with_parent(parent: u32) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The other one can have ended before.
    let now = getppid().map_or(0, |pid| pid.as_raw_nonzero().get().cast_unsigned());
    if now == parent { Ok(()) } else { Err(io::Error::other("the program that has started it has ended")) }
}

/// Other systems have no such signal. The limit of time ends this process there.
#[cfg(not(target_os = "linux"))]
fn end_with_parent(_parent: u32) -> io::Result<()> {
    Ok(())
}

enum Failed {
    Refused(wasmtime::Error),
    NoThreads(TooFewThreads),
    Unusable(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        Failed::Unusable(error)
    }
}

/// Starts the threads on which wasmtime compiles. Started by wasmtime, one that the system refuses would end
/// the process as a lack of memory does.
fn start_threads() -> Result<(), TooFewThreads> {
    ensure_threads(THREADS)?;
    let started = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global();
    started.map_err(|error| TooFewThreads { started: 0, needed: THREADS, source: io::Error::other(error) })
}

fn work(arguments: &[OsString]) -> Result<(), Failed> {
    let parsed = WorkerLimits::parse(arguments);
    let (settings, kind, limits) =
        parsed.ok_or_else(|| io::Error::other("this command is for the program itself"))?;
    // Before its memory is limited, so that the reason of a refusal is known.
    start_threads().map_err(Failed::NoThreads)?;
    limits.set()?;
    let mut wasm = Vec::new();
    io::stdin().lock().take(MAX_COMPONENT_BYTES).read_to_end(&mut wasm)?;
    let engine = wasmtime::Engine::new(&settings.config());
    let code = engine.and_then(|engine| kind.compile(&engine, &wasm)).map_err(Failed::Refused)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&code)?;
    Ok(stdout.flush()?)
}
