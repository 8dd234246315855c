//! Files that a build reads and writes.

use std::fs::File;
use std::path::Path;

use crate::error::BuildError;

/// Writes files into a folder.
pub(crate) fn write_all(folder: &Path, files: &[(&str, &str)]) -> Result<(), BuildError> {
    std::fs::create_dir_all(folder).map_err(file_error(folder))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(file_error(&path))?;
    }
    Ok(())
}

/// Locks a file, waiting until no other build holds it. Dropping the returned file unlocks it.
pub(crate) fn locked(path: &Path) -> Result<File, BuildError> {
    let file = File::create(path).map_err(file_error(path))?;
    file.lock().map_err(file_error(path))?;
    Ok(file)
}

/// Returns a function that adds the path of a file to an error.
pub(crate) fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::File { path, source }
}
