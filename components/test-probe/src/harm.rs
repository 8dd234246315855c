//! Harmful commands, such as panics and endless loops.

use std::future::pending;
use std::hint::black_box;

use test_commands::{Answer, Command};

pub(crate) async fn run(command: Command) -> Answer {
    match command {
        Command::Panic(text) => panic!("{text}"),
        Command::Exit => std::process::exit(3),
        Command::Spin => loop {
            black_box(());
        },
        Command::Work(rounds) => {
            work(rounds);
            Ok("worked".to_owned())
        }
        Command::Recurse => Ok(recurse(0).to_string()),
        Command::Stall => pending().await,
        other => Err(format!("{other:?} is not for this component")),
    }
}

/// Does this many rounds of work, each of about 20 µs.
pub(crate) fn work(rounds: u32) {
    let mut state = 1_u64;
    for _ in 0..rounds {
        for _ in 0..20_000 {
            state = black_box(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
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
