//! The model tests of airssys-rt: its mailbox and its requests under many interleavings.

use std::path::Path;
use std::process::Command;

use crate::tool::tool;

/// Returns the command that runs the model tests, or `None` if the filters leave out all of them.
///
/// The tests have a target folder of their own, because another flag recompiles everything.
pub(crate) fn tests(root: &Path, filters: &[String]) -> Option<Command> {
    let mut cargo = tool("cargo", root);
    cargo.env("RUSTFLAGS", "--cfg shuttle").env("CARGO_TARGET_DIR", root.join("target/model"));
    cargo.env("SHUTTLE_SILENCE_WARNINGS", "1");
    cargo.args(["test", "--package", "airssys-rt", "--lib", "--no-fail-fast", "--"]);
    let about_models = filters.iter().filter(|filter| filter.contains("model::"));
    match filters {
        [] => cargo.arg("model::"),
        _ => cargo.args(about_models.clone()),
    };
    (filters.is_empty() || about_models.count() > 0).then_some(cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_choose_among_the_models_too() {
        let args = |filters: &[&str]| {
            let filters: Vec<_> = filters.iter().map(|filter| (*filter).to_owned()).collect();
            let cargo = tests(Path::new("."), &filters)?;
            let args = cargo.get_args().map(|arg| arg.to_string_lossy().into_owned());
            Some(args.skip_while(|arg| arg != "--").skip(1).collect::<Vec<_>>())
        };
        assert_eq!(args(&[]).unwrap(), ["model::"]);
        assert_eq!(args(&["mailbox::model::wakes", "topic"]).unwrap(), ["mailbox::model::wakes"]);
        assert_eq!(args(&["topic"]), None);
    }
}
