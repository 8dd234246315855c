//! `cargo bench -p airssys-peers`: the crate's documentation describes it.

use std::process::ExitCode;

fn main() -> ExitCode {
    airssys_peers::main()
}
