//! A look whether threads can be started, for code that panics if they cannot.

use std::io;
use std::sync::Mutex;
use std::thread;

use crate::sync::lock;

/// The system allows fewer threads than the program needs.
#[derive(Debug, thiserror::Error)]
#[error(
    "the system lets this program start {started} more threads, and it needs {needed}; raise the number of \
     processes that its user or its container may have (`ulimit -u`, `pids.max`)"
)]
pub struct TooFewThreads {
    /// The threads that could be started.
    pub started: usize,
    /// The threads that are needed.
    pub needed: usize,
    /// The error of the next thread.
    pub source: io::Error,
}

/// Starts so many threads at once, and ends them.
///
/// tokio's runtime panics if the system refuses it a thread. A program that calls this before can say
/// what is missing. It takes some 20 µs for each thread.
///
/// ```
/// airssys_wasm::ensure_threads(4)?;
/// # Ok::<(), airssys_wasm::TooFewThreads>(())
/// ```
///
/// # Errors
/// [`TooFewThreads`] if the system refuses one of them.
pub fn ensure_threads(needed: usize) -> Result<(), TooFewThreads> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        // Each thread waits at the gate, so that all exist at once. Dropping the lock ends them.
        let closed = lock(&gate);
        for started in 0..needed {
            let thread = thread::Builder::new().spawn_scoped(scope, || drop(lock(&gate)));
            if let Err(source) = thread {
                return Err(TooFewThreads { started, needed, source });
            }
        }
        drop(closed);
        Ok(())
    })
}
