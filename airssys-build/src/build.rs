//! Building components of any language.

use std::path::{Path, PathBuf};

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::language::Language;
use crate::{project, rust};

/// Builds the component in a folder, optimised, and returns the path of its `.wasm` file.
///
/// Missing tools of a language are installed first. For Rust, rustup adds the compilation target.
/// For JavaScript and Python, the pinned tools go into a folder of their own
/// (`$AIRSSYS_TOOLS_DIR`, else `airssys-tools` in the user's cache folder). Blocks until the build
/// has ended.
///
/// # Errors
/// [`BuildError`], with the output of the tools.
pub fn build(folder: &Path, mut tell: impl FnMut(BuildEvent)) -> Result<PathBuf, BuildError> {
    match Language::of(folder) {
        Some(Language::Rust) => rust::build(folder, &mut tell),
        Some(Language::JavaScript) => project::build(folder, Language::JavaScript, &mut tell),
        Some(Language::Python) => project::build(folder, Language::Python, &mut tell),
        None => Err(BuildError::NoProject { folder: folder.to_owned() }),
    }
}
