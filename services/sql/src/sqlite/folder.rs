//! The folder of the files, and the options of the labels in it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

/// The options of the labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) bytes: u64,
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
        Ok(SqliteFolder { path: folder.path().to_owned(), options, _temporary: Some(folder) })
    }
}
