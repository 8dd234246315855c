//! The state folder of an app: subscriptions that survive a restart of the host, and the dead letters
//! of its runs.

mod letters_file;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use airssys_rt::TopicPattern;
use airssys_spec::file;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::observe::dead_letters::DeadLetter;
use crate::sync::lock;

const SUBSCRIPTIONS: &str = "subscriptions.json";
const DEAD_LETTERS: &str = "dead-letters.jsonl";
const LOCK: &str = "lock";

/// The most bytes of `subscriptions.json`: 256 MiB.
const MAX_BYTES: u64 = 256 << 20;

/// The version of the format of `subscriptions.json`.
const VERSION: u32 = 1;

/// Errors of opening a state folder.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The folder or its lock file cannot be created.
    #[error("the state folder {} cannot be created", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// Another host uses the folder.
    #[error("the state folder {} is in use; stop the other run, or give each app its own folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file in the folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// A file in the folder has invalid content.
    #[error("{} is not a valid subscriptions file; repair it, or delete it to start without it", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The mistake in the file.
        source: serde_json::Error,
    },
    /// A file in the folder was written by another version of airssys.
    #[error("{} has version {found}, not {VERSION}; run the airssys that wrote it, or delete it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u32,
    },
    /// The writer thread cannot be started.
    #[error("the thread that writes the state folder cannot be started")]
    Thread(#[source] io::Error),
}

/// The content of `subscriptions.json`: the patterns that instances subscribed to at run time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscriptions {
    version: u32,
    instances: BTreeMap<String, BTreeSet<String>>,
}

/// An open state folder: the subscriptions that instances made at run time.
///
/// A thread writes the newest state after a change, so that no guest waits for the disk. Closing
/// the folder writes pending changes.
pub(crate) struct StateFolder {
    path: PathBuf,
    subscriptions: Arc<Mutex<Subscriptions>>,
    /// `None` after [`StateFolder::close`].
    writer: Mutex<Option<Writer>>,
}

struct Writer {
    changed: SyncSender<()>,
    thread: JoinHandle<()>,
    /// The lock file, locked until the folder is closed.
    lock_file: File,
}

impl StateFolder {
    /// Creates the folder if it does not exist, locks it, and reads it.
    pub(crate) fn open(path: &Path) -> Result<StateFolder, StateError> {
        let folder = |source| StateError::Folder { path: path.to_owned(), source };
        file::create_folder(path).map_err(folder)?;
        let lock_file = file::open_private(&path.join(LOCK)).map_err(folder)?;
        match lock_file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(folder(source)),
        }
        let file = path.join(SUBSCRIPTIONS);
        let subscriptions = Arc::new(Mutex::new(Subscriptions::read(&file)?));
        // One pending signal is enough, because the writer reads the newest state.
        let (changed, changes) = sync_channel(1);
        let shared = Arc::clone(&subscriptions);
        let write = move || write_changes(&changes, &shared, &file);
        let thread = std::thread::Builder::new().name("airssys-state".to_owned()).spawn(write);
        let writer = Writer { changed, thread: thread.map_err(StateError::Thread)?, lock_file };
        Ok(StateFolder { path: path.to_owned(), subscriptions, writer: Mutex::new(Some(writer)) })
    }

    /// Returns the saved subscriptions of an instance, sorted.
    pub(crate) fn subscriptions(&self, instance: &str) -> Vec<TopicPattern> {
        let subscriptions = lock(&self.subscriptions);
        let patterns = subscriptions.instances.get(instance);
        patterns.into_iter().flatten().filter_map(|pattern| pattern.parse().ok()).collect()
    }

    pub(crate) fn subscribed(&self, instance: &str, pattern: &TopicPattern) {
        let pattern = pattern.as_str().to_owned();
        self.change(|all| all.instances.entry(instance.to_owned()).or_default().insert(pattern));
    }

    pub(crate) fn unsubscribed(&self, instance: &str, pattern: &TopicPattern) {
        self.change(|all| {
            let Some(patterns) = all.instances.get_mut(instance) else { return false };
            let removed = patterns.remove(pattern.as_str());
            if patterns.is_empty() {
                all.instances.remove(instance);
            }
            removed
        });
    }

    /// Removes the subscriptions of an instance.
    pub(crate) fn forget(&self, instance: &str) {
        self.change(|all| all.instances.remove(instance).is_some());
    }

    /// Writes pending changes and the dead letters of the run, and unlocks the folder. Does nothing if it
    /// is closed, because another run may use it then. Blocks on the disk.
    pub(crate) fn close(&self, letters: impl FnOnce() -> Vec<DeadLetter>) {
        let writer = lock(&self.writer).take();
        let Some(Writer { changed, thread, lock_file }) = writer else { return };
        drop(changed);
        if thread.join().is_err() {
            tracing::error!("the thread that writes the state folder has panicked");
        }
        self.append(&letters());
        drop(lock_file);
    }

    /// Appends dead letters to those of earlier runs.
    fn append(&self, letters: &[DeadLetter]) {
        if letters.is_empty() {
            return;
        }
        let file = self.path.join(DEAD_LETTERS);
        match letters_file::append(&file, letters) {
            Ok(()) => tracing::info!("{} dead letters are written to {}", letters.len(), file.display()),
            Err(error) => {
                tracing::error!("the dead letters cannot be written to {}: {error}", file.display())
            }
        }
    }

    /// Changes the subscriptions, and signals the writer if `change` returns true.
    fn change(&self, change: impl FnOnce(&mut Subscriptions) -> bool) {
        if !change(&mut lock(&self.subscriptions)) {
            return;
        }
        if let Some(writer) = &*lock(&self.writer) {
            match writer.changed.try_send(()) {
                Ok(()) | Err(TrySendError::Full(())) => {}
                Err(TrySendError::Disconnected(())) => {
                    tracing::error!("the writer of the state folder has ended; changes are no longer saved")
                }
            }
        }
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        self.close(Vec::new);
    }
}

impl Subscriptions {
    fn read(path: &Path) -> Result<Subscriptions, StateError> {
        let text = match file::read(path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Subscriptions { version: VERSION, ..Subscriptions::default() });
            }
            Err(source) => return Err(StateError::Read { path: path.to_owned(), source }),
        };
        let content = |source| StateError::Content { path: path.to_owned(), source };
        let read: Subscriptions = serde_json::from_slice(&text).map_err(content)?;
        if read.version != VERSION {
            return Err(StateError::Version { path: path.to_owned(), found: read.version });
        }
        for pattern in read.instances.values().flatten() {
            TopicPattern::parse(pattern).map_err(|error| content(serde::de::Error::custom(error)))?;
        }
        Ok(read)
    }

    /// Replaces the file by a rename, so that a reader and a crash see the old or the new content.
    fn write(&self, path: &Path) -> io::Result<()> {
        let new = path.with_extension("json.new");
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut written = file::open_private(&new)?;
        // A file of an earlier run that was interrupted.
        written.set_len(0)?;
        written.write_all(&text)?;
        written.sync_all()?;
        fs::rename(&new, path)
    }
}

/// Writes the newest state after each signal, until the folder is closed.
fn write_changes(changes: &Receiver<()>, subscriptions: &Mutex<Subscriptions>, file: &Path) {
    let mut failed = false;
    while changes.recv().is_ok() {
        let newest = lock(subscriptions).clone();
        match newest.write(file) {
            Ok(()) => failed = false,
            // Logged once until a write succeeds again. The next change retries.
            Err(error) if !failed => {
                failed = true;
                tracing::error!(
                    file = %file.display(),
                    "subscriptions cannot be saved; the next change retries: {error}"
                );
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
#[path = "state_folder/tests.rs"]
mod tests;
