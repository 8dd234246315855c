//! Files that a build reads and writes.

use std::fs::File;
use std::path::Path;

use airssys_spec::file;

use crate::error::BuildError;

/// The most bytes of a file that a build reads: 64 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a file, which must be a regular one of at most 64 MiB.
pub(crate) fn read(path: impl AsRef<Path>) -> std::io::Result<Vec<u8>> {
    file::read(path.as_ref(), MAX_BYTES)
}

/// Reads a file as text, like [`read`].
pub(crate) fn read_text(path: impl AsRef<Path>) -> std::io::Result<String> {
    file::read_text(path.as_ref(), MAX_BYTES)
}

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
    let file = file::open_private(path).map_err(file_error(path))?;
    file.lock().map_err(file_error(path))?;
    Ok(file)
}

/// Returns a function that adds the path of a file to an error.
pub(crate) fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::File { path, source }
}
