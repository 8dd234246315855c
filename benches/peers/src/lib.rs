//! The same workloads on raw tokio, airssys-rt and its peers, one after the other in one run.
//!
//! Each round measures every workload on every system once, in an order that changes from round to
//! round. A ratio compares two results of the same round. Each measurement is a separate process,
//! so that it inherits neither heap nor registry. Handlers count their messages, and a lost message
//! fails the run.

mod args;
mod measure;
mod memory;
mod names;
mod report;
mod stats;
mod systems;
mod table;
mod tally;
mod workload;

use std::process::ExitCode;

use args::{Command, HELP};

/// Runs the command line.
pub fn main() -> ExitCode {
    let done = match args::parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(Command::Measure(job)) => measure::here(job),
        Ok(Command::Run(plan)) => report::run(&plan),
        Err(error) => {
            eprintln!("error: {error}\n\nTry `cargo bench -p airssys-peers -- --help`.");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
