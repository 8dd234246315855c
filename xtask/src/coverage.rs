//! `cargo xtask coverage`: the lines of airssys-rt that its tests run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::progress::{Failed, Progress};
use crate::test::Runner;
use crate::tool::{self, ToolError, clean_tool, tool};

/// The version to install if cargo-llvm-cov is missing.
const VERSION: &str = "0.9.1";

/// The least share of covered lines, in percent.
const LEAST: &str = "95";

/// Measures the coverage and prints it by file. Fails if too few lines are covered.
pub(crate) fn coverage(root: &Path) -> Result<(), Failed> {
    let plan = ["the component llvm-tools", "cargo-llvm-cov", "the tests of airssys-rt, with their coverage"];
    let mut progress = Progress::new("coverage", plan.map(str::to_owned).into());
    progress.step(|| ensure_llvm_tools(root))?;
    progress.step(|| ensure_llvm_cov(root))?;
    progress.step(|| tool::run(measure(root)))?;
    println!("at least {LEAST} % of the lines are covered");
    progress.finish();
    Ok(())
}

/// Adds llvm-tools through rustup if it is missing, and prints that.
fn ensure_llvm_tools(root: &Path) -> Result<(), ToolError> {
    let mut list = clean_tool("rustup", root);
    list.args(["component", "list", "--installed"]);
    if tool::read(list)?.lines().any(|line| line.starts_with("llvm-tools")) {
        return Ok(());
    }
    println!("llvm-tools is missing: adding it through rustup");
    let mut add = clean_tool("rustup", root);
    add.args(["component", "add", "llvm-tools"]);
    tool::run(add)
}

/// Installs cargo-llvm-cov into the target folder if it is missing, and prints that. Builds it without
/// optimisation, because optimising takes longer than all of its work.
fn ensure_llvm_cov(root: &Path) -> Result<(), ToolError> {
    let mut version = llvm_cov(root);
    version.arg("--version");
    if tool::succeeds(version) {
        return Ok(());
    }
    println!("cargo-llvm-cov is missing: installing {VERSION} into target/ci-tools");
    let mut install = clean_tool("cargo", root);
    install.args(["install", "cargo-llvm-cov", "--version", VERSION, "--locked", "--debug", "--root"]);
    install.arg(tools(root));
    tool::run(install)
}

fn tools(root: &Path) -> PathBuf {
    root.join("target/ci-tools")
}

/// Returns the command `cargo llvm-cov`: the user's own, or the one that was installed here.
fn llvm_cov(root: &Path) -> Command {
    let mut cargo = tool("cargo", root);
    let own = tools(root).join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path)));
    // A folder with a `:` in its name cannot be on the path. Only the user's own is found then.
    if let Ok(path) = path {
        cargo.env("PATH", path);
    }
    cargo.arg("llvm-cov");
    cargo
}

/// Returns the command that runs the tests and measures them. Dependencies are compiled again, because
/// they are instrumented too. Optimising them, or adding line numbers, would take longer than the tests.
fn measure(root: &Path) -> Command {
    let mut cargo = llvm_cov(root);
    if let Runner::Nextest = Runner::of(root) {
        cargo.arg("nextest");
    }
    cargo.args(["--package", "airssys-rt", "--fail-under-lines", LEAST]);
    cargo.args(["--config", r#"profile.dev.package."*".opt-level=0"#, "--config", "profile.dev.debug=false"]);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installed_tool_is_found_first() {
        let root = Path::new("somewhere");
        let cargo = llvm_cov(root);
        let path = cargo.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).unwrap();
        assert_eq!(std::env::split_paths(path).next().unwrap(), root.join("target/ci-tools/bin"));
    }
}
