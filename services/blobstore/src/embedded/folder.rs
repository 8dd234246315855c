//! Containers as folders, and objects as files.
//!
//! A file is written under another name, synced, and renamed into its place. Only one host uses a
//! folder. All work is done on the threads for blocking work, a few calls at once.

mod container;
mod names;
mod temporary;

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airssys_spec::file;
use airssys_wasm::FailureLog;
use tokio::sync::Semaphore;

use crate::embedded::usage::{Usage, weight};
use crate::error::BlobError;
use temporary::Temporary;

pub(super) use container::FolderContainer;

/// The folder of files that are being written, and of those that are being deleted.
const TEMPORARY: &str = ".tmp";

/// The file that the host locks.
const LOCK: &str = ".lock";

/// The file whose time is that of the container.
const MARKER: &str = ".container";

/// The most calls that work on the disk at once.
const MAX_WORKING: usize = 16;

/// Reasons for which work on the folder fails.
#[derive(Debug)]
enum Failure {
    Disk(io::Error),
    Blob(BlobError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Disk(error)
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Failure {
        Failure::Blob(error)
    }
}

/// A folder of containers.
pub(super) struct FolderEngine {
    root: PathBuf,
    /// Locked as long as the engine lives.
    _lock: File,
    usage: Usage,
    /// Held while objects come into their places or leave them.
    changes: Mutex<()>,
    working: Arc<Semaphore>,
    next_temporary: AtomicU64,
    log: FailureLog,
}

impl FolderEngine {
    /// Opens the folder, deletes what a crash has left, and counts the objects.
    pub(super) async fn open(root: PathBuf, log: FailureLog) -> io::Result<FolderEngine> {
        let open = move || {
            file::create_folder(&root)?;
            let root = root.canonicalize()?;
            let lock = file::open_private(&root.join(LOCK))?;
            lock.try_lock().map_err(|error| match error {
                fs::TryLockError::WouldBlock => {
                    io::Error::other(format!("another host uses {}", root.display()))
                }
                fs::TryLockError::Error(error) => error,
            })?;
            let temporary = root.join(TEMPORARY);
            if temporary.symlink_metadata().is_ok() {
                fs::remove_dir_all(&temporary)?;
            }
            file::create_folder(&temporary)?;
            let usage = Usage::default();
            for entry in fs::read_dir(&root)? {
                let entry = entry?;
                let name = entry.file_name();
                let label = name.to_str().and_then(names::decode).filter(|(_, goes_on)| !goes_on);
                let Some(label) = label.and_then(|(bytes, _)| String::from_utf8(bytes).ok()) else {
                    continue;
                };
                if entry.file_type()?.is_dir() {
                    let label: Arc<str> = label.into();
                    each_object(&entry.path(), &mut |name, found| {
                        usage.found(&label, weight(&name, found.len()));
                    })?;
                }
            }
            let working = Arc::new(Semaphore::new(MAX_WORKING));
            let next_temporary = AtomicU64::new(0);
            let changes = Mutex::default();
            Ok(FolderEngine { root, _lock: lock, usage, changes, working, next_temporary, log })
        };
        tokio::task::spawn_blocking(open).await.map_err(io::Error::other)?
    }

    /// Works on the disk. Work that was begun is done, also if the caller gives up.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<FolderEngine>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, BlobError> {
        let place = Arc::clone(&self.working).acquire_owned().await.map_err(|_| BlobError::Unavailable)?;
        let engine = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&engine);
            drop(place);
            done
        });
        match done.await.map_err(|_| BlobError::Unavailable)? {
            Ok(done) => {
                self.log.works();
                Ok(done)
            }
            Err(Failure::Blob(error)) => Err(error),
            Err(Failure::Disk(error)) if error.kind() == io::ErrorKind::StorageFull => {
                Err(BlobError::QuotaExceeded("the disk is full".to_owned()))
            }
            Err(Failure::Disk(error)) => {
                self.log.failed(&error);
                Err(BlobError::Unavailable)
            }
        }
    }

    fn changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn temporary(&self) -> Temporary {
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        Temporary::new(self.root.join(TEMPORARY).join(number.to_string()))
    }
}

/// Returns the metadata of a path, or `None` if nothing is there. A link is not followed.
fn found(path: &Path) -> io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Visits every object below a folder, with its name. Files that no object has are passed over, links
/// among them.
fn each_object(folder: &Path, visit: &mut dyn FnMut(String, Metadata)) -> io::Result<()> {
    visit_parts(folder, &[], visit)
}

fn visit_parts(folder: &Path, before: &[u8], visit: &mut dyn FnMut(String, Metadata)) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // It was deleted meanwhile.
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let Some((bytes, goes_on)) = entry.file_name().to_str().and_then(names::decode) else { continue };
        let name = [before, &bytes].concat();
        let Some(found) = found(&entry.path())? else { continue };
        if found.is_dir() && goes_on && name.len() <= crate::MAX_NAME_BYTES {
            visit_parts(&entry.path(), &name, visit)?;
        } else if found.is_file()
            && !goes_on
            && let Ok(name) = String::from_utf8(name)
        {
            visit(name, found);
        }
    }
    Ok(())
}

/// Makes a change of a folder outlive a crash.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
