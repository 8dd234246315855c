//! The reasons for which a component is not compiled.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// A component is not compiled.
#[derive(Debug)]
pub(crate) enum CompileError {
    /// The compiler refuses it.
    Refused(wasmtime::Error),
    /// The output of the compiler cannot be loaded.
    Unloadable(wasmtime::Error),
    /// The child process has not compiled it.
    Child(ChildError),
}

impl From<ChildError> for CompileError {
    fn from(error: ChildError) -> CompileError {
        CompileError::Child(error)
    }
}

/// The reasons for which a child process has not compiled a component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildError {
    /// The child process cannot be started or told.
    #[error("the compiler's process cannot be started: {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// The program is a child process itself, or does not call [`compile_worker`](super::compile_worker).
    #[error("{} does not compile: call airssys_wasm::compile_worker first in its main", program.display())]
    NotAWorker {
        /// The program.
        program: PathBuf,
    },
    /// The system allows no more threads or processes.
    #[error("the compiler's process cannot start: {text}")]
    NoThreads {
        /// The threads that it needs, and the way to allow them.
        text: String,
    },
    /// The compiler has taken all memory that it may.
    #[error("compiling took more than {} MiB of memory; divide its largest functions", memory_bytes >> 20)]
    Memory {
        /// The limit, in bytes.
        memory_bytes: u64,
    },
    /// The compiler has taken all time that it may.
    #[error("compiling took more than {cpu_seconds} s of processor time, or {} s in all; divide its largest \
             functions", wall_time.as_secs())]
    Time {
        /// The limit of the time on processors, in seconds.
        cpu_seconds: u64,
        /// The limit of the time from start to end.
        wall_time: Duration,
    },
    /// The code is larger than allowed.
    #[error("compiling made more than {} MiB of code; divide the component", max_bytes >> 20)]
    Output {
        /// The limit, in bytes.
        max_bytes: u64,
    },
    /// The compiler has failed otherwise.
    #[error("the compiler has failed ({ended}): {text}")]
    Failed {
        /// How the process has ended.
        ended: ExitStatus,
        /// The beginning of what it said.
        text: String,
    },
}
