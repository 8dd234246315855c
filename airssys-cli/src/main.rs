//! The `airssys` program: runs apps of supervised WebAssembly components.

// Only `output` prints, because these macros panic if their stream cannot be written.
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_macros)]

mod args;
mod body;
mod build;
mod building;
mod check;
mod columns;
mod control;
mod dead_letters;
mod explain;
mod failure;
mod grants;
mod host_costs;
mod http;
mod inspect;
mod limit_usage;
mod memory_costs;
mod new;
mod output;
mod place;
mod reload;
mod resume;
mod retained;
mod run;
mod run_result;
mod runtime;
mod service_calls;
mod services;
mod signals;
mod tables;
mod telemetry;
mod terminal;
mod top;
mod tree;
mod unhandled;
mod units;

use std::process::ExitCode;

use airssys_wasm::plain;
use clap::Parser;

use args::{Args, Command};
use failure::Failure;
use output::Output;
use signals::Signals;
use terminal::Terminal;

/// mimalloc, because message bodies are allocated on one worker and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    airssys_wasm::compile_worker();
    let signals = Signals::listen(output::flush_errors);
    let output = Output::default();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(answer) => return answered(&answer, &output),
    };
    let terminal = Terminal::new(args.verbose);
    let result = run_command(args.command, &terminal, &output, &signals);
    terminal.finish();
    end(result, &output)
}

fn run_command(
    command: Command,
    terminal: &Terminal,
    output: &Output,
    signals: &Signals,
) -> Result<(), Failure> {
    match command {
        Command::Run(run) => run::run(&run, terminal, output, signals),
        Command::Build(build) => build::build(&build, terminal, output),
        Command::Check(check) => check::check(&check, terminal, output),
        Command::New(new) => new::new(&new, output),
        Command::Inspect(inspect) => inspect::inspect(&inspect, output),
        Command::Top(top) => top::top(&top, output, signals),
        Command::Grants(grants) => grants::grants(grants, output),
        Command::Explain(explain) => explain::explain(&explain, output),
        Command::DeadLetters(letters) => dead_letters::dead_letters(letters, terminal, output, signals),
        Command::Retained(retained) => retained::retained(retained, output),
        Command::Resume(resume) => resume::resume(resume, output),
        Command::Reload(reload) => reload::reload(&reload, output),
    }
}

/// Prints help that was asked for, or a mistake in the command line.
fn answered(answer: &clap::Error, output: &Output) -> ExitCode {
    // The arguments are in the text: the names of files, for example.
    let is_plain = std::env::args_os().all(|arg| !arg.to_string_lossy().contains(plain::is_unsafe));
    let text = match is_plain {
        true => output::painted(&answer.render().ansi().to_string()),
        false => answer.render().to_string(),
    };
    if answer.use_stderr() {
        output.failure(text.trim_end());
        return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
    }
    output.line(text.trim_end());
    end(Ok(()), output)
}

/// Says what has failed, an output that cannot be written included. Returns the exit status.
fn end(result: Result<(), Failure>, output: &Output) -> ExitCode {
    let failures = [result.err(), output.finish().err()];
    failures.iter().flatten().for_each(|failure| output.failure(failure.text()));
    // The last lines of the log.
    output::flush_errors();
    // A service that was stopped as usual has status 0, and its output can still be incomplete.
    let mut statuses = failures.iter().flatten().map(Failure::status);
    statuses.find(|status| *status != 0).map_or(ExitCode::SUCCESS, ExitCode::from)
}
