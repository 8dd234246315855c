//! Building components of any language, if their inputs have changed since the last build.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::BuildError;
use crate::event::BuildEvent;
use crate::files::{file_error, locked};
use crate::language::Language;
use crate::record::{self, Record};
use crate::{javascript, python, rust};

/// Builds the component in a folder, optimised, and returns the path of its `.wasm` file.
///
/// A component is built again only if a file that its last build read has changed, or this program has.
/// Its record of these files is in the component's folder `target/airssys`. No tool runs for that check.
///
/// Missing tools of a language are installed first. For Rust, rustup adds the compilation target.
/// For JavaScript and Python, the pinned tools go into a folder of their own
/// (`$AIRSSYS_TOOLS_DIR`, else `airssys-tools` in the user's cache folder). Blocks until the build
/// has ended.
///
/// # Errors
/// [`BuildError`], with the output of the tools.
pub fn build(folder: &Path, mut tell: impl FnMut(BuildEvent)) -> Result<PathBuf, BuildError> {
    let Some(language) = Language::of(folder) else {
        return Err(BuildError::NoProject { folder: folder.to_owned() });
    };
    let folder = &folder.canonicalize().map_err(file_error(folder))?;
    let program = match language {
        Language::Rust => rust::program(),
        Language::JavaScript => javascript::RECIPE.program(),
        Language::Python => python::RECIPE.program(),
    };
    // Before anything is written, because the folder of a component that is built may be read-only.
    if let Some(artifact) = Record::current_artifact(folder, &program) {
        return Ok(artifact);
    }
    let build_folder = record::create_build_folder(folder)?;
    let _one_at_a_time = locked(&build_folder.join("lock"))?;
    if let Some(artifact) = Record::current_artifact(folder, &program) {
        return Ok(artifact);
    }
    let began = SystemTime::now();
    let built = match language {
        Language::Rust => rust::build(folder, &mut tell)?,
        Language::JavaScript => javascript::build(folder, &mut tell)?,
        Language::Python => python::build(folder, &mut tell)?,
    };
    let record = Record::new(folder, &program, &built.artifact, &built.inputs, began);
    if let Err(reason) = record.and_then(|record| record.write(folder)) {
        tell(BuildEvent::NotRecorded { folder: folder.clone(), reason });
    }
    Ok(built.artifact)
}
