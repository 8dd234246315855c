//! The folder of the files, and the options of the labels in it.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_spec::file::open_private;
use tempfile::TempDir;

use crate::values::Error;

/// The options of the labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) bytes: u64,
    /// The most labels that have a file.
    pub(super) labels: usize,
}

/// The folder of the labels.
pub struct SqliteFolder {
    pub(super) path: PathBuf,
    pub(super) options: Options,
    /// The folder, if it ends with this value.
    _temporary: Option<TempDir>,
}

impl SqliteFolder {
    pub(super) fn new(path: PathBuf, options: Options) -> SqliteFolder {
        SqliteFolder { path, options, _temporary: None }
    }

    /// Makes a folder that is removed with the value.
    pub(super) fn temporary(options: Options) -> io::Result<SqliteFolder> {
        let folder = tempfile::tempdir()?;
        // SQLite refuses paths with links.
        Ok(SqliteFolder { path: folder.path().canonicalize()?, options, _temporary: Some(folder) })
    }
}

/// Makes the file of a label, which only this user can read, unless the folder has too many.
///
/// # Errors
/// [`Error::LimitExceeded`] if there are too many, or [`Error::Unavailable`] without the reason, which goes
/// to the log.
pub(super) fn make(file: &Path, options: &Options) -> Result<(), Error> {
    let made = || -> io::Result<bool> {
        if file.symlink_metadata().is_err() && files(file)? >= options.labels {
            return Ok(false);
        }
        open_private(file).map(|_| true)
    };
    match made() {
        Ok(true) => Ok(()),
        Ok(false) => {
            let labels = options.labels;
            Err(Error::LimitExceeded(format!("{labels} labels have a database, the most of the backend")))
        }
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "a database cannot be opened");
            Err(Error::Unavailable("the database cannot be opened".to_owned()))
        }
    }
}

/// Counts the databases beside a file.
fn files(file: &Path) -> io::Result<usize> {
    let Some(folder) = file.parent() else { return Ok(0) };
    let is_database = |entry: &io::Result<DirEntry>| {
        entry
            .as_ref()
            .is_ok_and(|entry| Path::new(&entry.file_name()).extension().is_some_and(|of| of == "db"))
    };
    Ok(fs::read_dir(folder)?.filter(is_database).count())
}

/// Returns the bytes of the file beside a database in which its changes are written first.
pub(super) fn log_bytes(file: &Path) -> u64 {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).map_or(0, |metadata| metadata.len())
}
