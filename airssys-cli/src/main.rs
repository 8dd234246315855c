//! The `airssys` program: runs apps of supervised WebAssembly components.

mod args;
mod body;
mod build;
mod check;
mod columns;
mod control;
mod dead_letters;
mod explain;
mod failure;
mod grants;
mod inspect;
mod interrupt;
mod limit_usage;
mod new;
mod output;
mod plain;
mod retained;
mod run;
mod run_result;
mod service_calls;
mod services;
mod tables;
mod telemetry;
mod terminal;
mod top;
mod tree;
mod units;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// mimalloc, because message bodies are allocated on one worker and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let terminal = terminal::Terminal::new(args.verbose);
    let result = match args.command {
        Command::Run(run) => run::run(&run, &terminal),
        Command::Build(build) => build::build(&build, &terminal),
        Command::Check(check) => check::check(&check, &terminal),
        Command::New(new) => new::new(&new),
        Command::Inspect(inspect) => inspect::inspect(&inspect),
        Command::Top(top) => top::top(&top),
        Command::Grants(grants) => grants::grants(grants),
        Command::Explain(explain) => explain::explain(&explain),
        Command::DeadLetters(letters) => dead_letters::dead_letters(letters),
        Command::Retained(retained) => retained::retained(retained),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal.finish();
            output::show_failure(&failure);
            failure.code()
        }
    }
}
