//! The target that components are compiled for.

use std::path::Path;

use crate::tool::{self, ToolError, clean_tool};

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Returns true if the toolchain that a folder pins has the target.
pub(crate) fn is_installed(folder: &Path) -> Result<bool, ToolError> {
    let mut rustc = clean_tool("rustc", folder);
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    Ok(Path::new(tool::read(rustc)?.trim()).is_dir())
}

/// Adds the target through rustup if it is missing, and prints that.
pub(crate) fn ensure(folder: &Path) -> Result<(), ToolError> {
    if is_installed(folder)? {
        return Ok(());
    }
    println!("the target {TARGET} is missing: adding it through rustup");
    let mut rustup = clean_tool("rustup", folder);
    rustup.args(["target", "add", TARGET]);
    tool::run(rustup)
}

/// Removes the target from the toolchain that a folder pins.
pub(crate) fn remove(folder: &Path) -> Result<(), ToolError> {
    if !is_installed(folder)? {
        return Ok(());
    }
    let mut rustup = clean_tool("rustup", folder);
    rustup.args(["target", "remove", TARGET]);
    tool::run(rustup)
}
