//! The progress of a chore, printed step by step with times.

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

/// A failed chore, whose reason has been printed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// Prints the steps of a chore.
pub(crate) struct Progress {
    chore: &'static str,
    started: Instant,
    steps: usize,
    left: VecDeque<String>,
}

impl Progress {
    pub(crate) fn new(chore: &'static str, plan: Vec<String>) -> Progress {
        Progress { chore, started: Instant::now(), steps: plan.len(), left: plan.into() }
    }

    /// Runs the next step of the plan. If the step fails, prints its name, the reason and the steps that
    /// are not run.
    pub(crate) fn step<T, E: Error>(&mut self, step: impl FnOnce() -> Result<T, E>) -> Result<T, Failed> {
        let name = self.left.pop_front().unwrap_or_default();
        let number = self.steps - self.left.len();
        println!("==> {} [{number}/{}] {name}", self.chore, self.steps);
        let started = Instant::now();
        let done = step();
        let took = seconds(started.elapsed());
        done.inspect(|_| println!("==> {} [{number}/{}] {name}: done in {took}", self.chore, self.steps))
            .map_err(|error| {
                println!("==> {} [{number}/{}] {name}: FAILED after {took}", self.chore, self.steps);
                self.print_failure(&error);
                Failed
            })
    }

    /// Prints that every step succeeded.
    pub(crate) fn finish(&self) {
        let took = seconds(self.started.elapsed());
        println!("==> {}: all {} steps done in {took}", self.chore, self.steps);
    }

    fn print_failure(&self, error: &dyn Error) {
        println!("error: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            println!("  because {cause}");
            source = cause.source();
        }
        if !self.left.is_empty() {
            let left: Vec<&str> = self.left.iter().map(String::as_str).collect();
            println!("not run: {}", left.join(", "));
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_returns_its_value_and_a_failure_leaves_the_rest() {
        let mut progress = Progress::new("chore", ["one", "two", "three"].map(str::to_owned).into());
        assert_eq!(progress.step(|| Ok::<_, std::fmt::Error>(1)), Ok(1));
        assert_eq!(progress.step(|| Err::<(), _>(std::fmt::Error)), Err(Failed));
        assert_eq!(progress.left, ["three"]);
    }
}
