//! Building a component, whatever its language.

use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::language::Language;
use crate::{project, rust};

/// Builds the component in a folder, optimised, and says where its `.wasm` file is.
///
/// What is missing of a language's tools is added: for Rust the compilation target, through
/// rustup; for JavaScript and Python what this library has pinned, into a folder of its own
/// (`$AIRSSYS_TOOLS_DIR`, else `airssys-tools` in the user's cache folder). Blocks until it is done.
///
/// # Errors
/// [`BuildError`], with what the tools printed.
pub fn build(folder: &Path, mut tell: impl FnMut(BuildEvent)) -> Result<PathBuf, BuildError> {
    match Language::of(folder) {
        Some(Language::Rust) => rust::build(folder, &mut tell),
        Some(Language::JavaScript) => project::build(folder, Language::JavaScript, &mut tell),
        Some(Language::Python) => project::build(folder, Language::Python, &mut tell),
        None => Err(BuildError::NoProject { folder: folder.to_owned() }),
    }
}
