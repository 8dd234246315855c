//! Harmful commands, such as panics and endless loops.

use std::future::pending;
use std::hint::black_box;
use std::time::{Duration, Instant};

use test_commands::{Answer, Command};

pub(crate) async fn run(command: Command) -> Answer {
    match command {
        Command::Panic(text) => panic!("{text}"),
        Command::Exit => std::process::exit(3),
        Command::Spin => loop {
            black_box(());
        },
        Command::Work(milliseconds) => {
            work(milliseconds);
            Ok("worked".to_owned())
        }
        Command::Recurse => Ok(recurse(0).to_string()),
        Command::Stall => pending().await,
        other => Err(format!("{other:?} is not for this component")),
    }
}

/// Uses the processor for this many milliseconds.
pub(crate) fn work(milliseconds: u64) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(milliseconds) {
        black_box(());
    }
}

#[allow(unconditional_recursion, reason = "it tests the limit of the stack")]
fn recurse(depth: u64) -> u64 {
    recurse(black_box(depth) + 1) + black_box(1)
}

/// The view through WASI, which is empty unless the host gives more than it should.
pub(crate) fn surroundings() -> String {
    let arguments = std::env::args().count();
    let variables = std::env::vars().count();
    format!("{arguments} arguments, {variables} variables")
}
