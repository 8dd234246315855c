//! The sources of a runtime configuration.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::file;
use crate::manifest::diagnostic::{Diagnostics, Document};
use crate::manifest::unreadable;

/// The most bytes of one source of a runtime configuration: 256 KiB.
const MAX_SOURCE_BYTES: u64 = 256 << 10;

/// A file, or a line of a command line, with a part of the runtime configuration.
#[derive(Clone)]
pub struct RuntimeSource {
    pub(super) file: PathBuf,
    pub(super) text: Arc<str>,
    pub(super) is_shared: bool,
}

impl fmt::Debug for RuntimeSource {
    /// Hides the text, because it may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeSource").field("file", &self.file).finish_non_exhaustive()
    }
}

impl RuntimeSource {
    /// Makes a source of a text. Diagnostics call it `file`, and paths in it are relative to the folder
    /// of `file`.
    pub fn new(file: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> RuntimeSource {
        RuntimeSource { file: file.into(), text: text.into(), is_shared: false }
    }

    /// Reads a source from a file.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 256 KiB, or is not UTF-8.
    pub fn read(file: &Path) -> Result<RuntimeSource, Diagnostics> {
        let text = file::read(file, MAX_SOURCE_BYTES).and_then(unreadable::text);
        match text {
            Ok(text) => Ok(RuntimeSource::new(file, text)),
            Err(error) => Err(Document::unreadable(file, &error).into_diagnostics()),
        }
    }

    /// As [`RuntimeSource::read`]. Returns `None` if the file does not exist.
    ///
    /// # Errors
    /// Those of [`RuntimeSource::read`].
    pub fn read_if_exists(file: &Path) -> Result<Option<RuntimeSource>, Diagnostics> {
        match file.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => RuntimeSource::read(file).map(Some),
        }
    }

    /// Marks a source that several apps share. A label in it that an app lacks is not a mistake.
    #[must_use]
    pub fn shared(self) -> RuntimeSource {
        RuntimeSource { is_shared: true, ..self }
    }
}
