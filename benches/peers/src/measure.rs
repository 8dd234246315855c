//! One measurement, in a separate process.

use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use thiserror::Error;

use crate::systems::System;
use crate::tally::Failure;
use crate::workload::Workload;

/// Divisor of a warm-up's operations.
const WARM_UP: u64 = 10;

/// Time of the last handler failure, in nanoseconds since [`START`].
static STRUCK: AtomicU64 = AtomicU64::new(0);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Marks the time. A handler calls it right before it fails.
pub(crate) fn struck() {
    STRUCK.store(START.elapsed().as_nanos() as u64, Ordering::SeqCst);
}

/// Returns the nanoseconds from the last handler failure to `end`.
pub(crate) fn since_struck(end: Instant) -> f64 {
    let end = end.saturating_duration_since(*START).as_nanos() as u64;
    end.saturating_sub(STRUCK.load(Ordering::SeqCst)) as f64
}

/// One measurement to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) system: System,
    pub(crate) workload: Workload,
    pub(crate) operations: u64,
}

/// An error that ends a run early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum RunError {
    #[error("`{}` on {}: {failure}", .job.workload.name(), .job.system.name())]
    Failed { job: Job, failure: Failure },
    #[error("`{}` on {}: {why}", .job.workload.name(), .job.system.name())]
    Process { job: Job, why: String },
    #[error("{file}: {error}")]
    Write { file: String, error: std::io::Error },
}

/// Measures in this process and prints the result.
pub(crate) fn here(job: Job) -> Result<(), RunError> {
    silence_intended_panics();
    let failed = |failure| RunError::Failed { job, failure };
    if job.workload.warms_up() {
        let operations = (job.operations / WARM_UP).max(1);
        job.system.run(job.workload, operations).map_err(failed)?;
    }
    match job.system.run(job.workload, job.operations).map_err(failed)? {
        Some(figure) => println!("{figure}"),
        None => println!("{ABSENT}"),
    }
    Ok(())
}

/// Measures in another process. Returns `None` if the system cannot do the workload.
pub(crate) fn apart(job: Job) -> Result<Option<f64>, RunError> {
    let failed = |why: String| RunError::Process { job, why };
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(["--measure", job.system.name(), job.workload.name(), &job.operations.to_string()]);
    // Failures go straight to the terminal.
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(format!("the measurement ended with {}", output.status)));
    }
    figure(&String::from_utf8_lossy(&output.stdout)).map_err(failed)
}

const ABSENT: &str = "absent";

fn figure(printed: &str) -> Result<Option<f64>, String> {
    match printed.trim() {
        ABSENT => Ok(None),
        text => text.parse().map(Some).map_err(|_| format!("`{text}` is not a number")),
    }
}

/// Panic message of an intended panic.
pub(crate) const INTENDED: &str = "as told";

/// Silences intended panics, because printing them would dominate the measured time.
fn silence_intended_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&INTENDED) {
            usual(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_results_are_parsed() {
        assert_eq!(figure("12.5\n"), Ok(Some(12.5)));
        assert_eq!(figure("absent\n"), Ok(None));
        assert!(figure("").is_err());
    }
}
