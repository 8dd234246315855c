//! `cargo bench -p airssys-peers`: see the crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    airssys_peers::main()
}
