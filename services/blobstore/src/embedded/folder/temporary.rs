//! Files and folders that are deleted when they are no longer needed.

use std::fs;
use std::path::{Path, PathBuf};

/// A path that is deleted when it is dropped, unless it was renamed.
pub(super) struct Temporary(Option<PathBuf>);

impl Temporary {
    pub(super) fn new(path: PathBuf) -> Temporary {
        Temporary(Some(path))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Forgets the path, because it has another name now.
    pub(super) fn renamed(mut self) {
        self.0 = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        let delete = move || {
            let deleted = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(_) => Ok(()),
            };
            if let Err(error) = deleted {
                let path = path.display();
                tracing::warn!(target: "airssys::blob", path = %path, "cannot be deleted: {error}");
            }
        };
        // A guest may drop a writer on a worker, which must not wait for a disk.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(delete)),
            Err(_) => delete(),
        }
    }
}
