//! Chores of the project, run as `cargo xtask`.

mod args;
mod bench;
mod counts;
mod coverage;
mod fuzz;
mod guests;
mod languages;
mod model;
mod newcomer;
mod progress;
mod target;
mod test;
mod tidy;
mod tool;

use std::path::Path;
use std::process::ExitCode;

use args::Chore;
use progress::Failed;

fn main() -> ExitCode {
    let chore = match args::parse(lexopt::Parser::from_env()) {
        Ok(chore) => chore,
        Err(error) => {
            eprintln!("error: {error}\n\n{}", args::HELP);
            return ExitCode::from(2);
        }
    };
    match run(chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed) => ExitCode::FAILURE,
    }
}

fn run(chore: Chore) -> Result<(), Failed> {
    let root = root();
    match chore {
        Chore::Help(text) => {
            println!("{text}");
            Ok(())
        }
        Chore::Test { filters } => test::test(root, &filters),
        Chore::Coverage => coverage::coverage(root),
        Chore::Bench(options) => bench::bench(root, &options),
        Chore::Fuzz(options) => fuzz::fuzz(root, &options),
        Chore::Tidy(options) => tidy::tidy(root, &options),
        Chore::Newcomer(options) => newcomer::newcomer(root, options),
    }
}

/// Returns the root folder of the repository.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}
