//! The state folder of an app: what outlives the host.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use airssys_rt::TopicPattern;
use serde::{Deserialize, Serialize};
use thiserror::Error;

const SUBSCRIPTIONS: &str = "subscriptions.json";
const LOCK: &str = "lock";

/// The form of `subscriptions.json`. Another number means another form.
const VERSION: u32 = 1;

/// Why a state folder cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// It cannot be made, or its lock cannot.
    #[error("the state folder {} cannot be used", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another host uses it.
    #[error("the state folder {} is in use: stop the other run, or give each app a folder of its own", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file in it cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file in it is not what it should be.
    #[error("{} is not what a host has written: mend it, or delete it to begin anew", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A file in it is of another version of airssys.
    #[error("{} has version {found}, not {VERSION}: run the airssys that wrote it, or delete it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The thread that writes it does not start.
    #[error("the thread that writes the state folder does not start")]
    Thread(#[source] io::Error),
}

/// `subscriptions.json`: the patterns that instances have subscribed to by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscriptions {
    version: u32,
    instances: BTreeMap<String, BTreeSet<String>>,
}

/// What outlives the host: the subscriptions that instances made by themselves.
///
/// Changes are written by a thread of its own, the newest state each time, so that no guest waits
/// for a disk. Closing it writes what is left.
pub(crate) struct StateFolder {
    subscriptions: Arc<Mutex<Subscriptions>>,
    /// None when it is closed.
    writer: Mutex<Option<Writer>>,
}

struct Writer {
    changed: SyncSender<()>,
    thread: JoinHandle<()>,
    /// Locked as long as the folder is used.
    _lock: File,
}

impl StateFolder {
    /// Makes the folder if it is not there, and reads it.
    pub(crate) fn open(path: &Path) -> Result<StateFolder, StateError> {
        let folder = |source| StateError::Folder { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(folder)?;
        let lock = File::create(path.join(LOCK)).map_err(folder)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(folder(source)),
        }
        let file = path.join(SUBSCRIPTIONS);
        let subscriptions = Arc::new(Mutex::new(Subscriptions::read(&file)?));
        // One that waits is enough: the state is read when it is written.
        let (changed, changes) = sync_channel(1);
        let shared = Arc::clone(&subscriptions);
        let run = move || write_changes(&changes, &shared, &file);
        let thread = std::thread::Builder::new().name("airssys-state".to_owned()).spawn(run);
        let writer = Writer { changed, thread: thread.map_err(StateError::Thread)?, _lock: lock };
        Ok(StateFolder { subscriptions, writer: Mutex::new(Some(writer)) })
    }

    /// What an instance has subscribed to, in an order that is always the same.
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

    /// Forgets an instance.
    pub(crate) fn forget(&self, instance: &str) {
        self.change(|all| all.instances.remove(instance).is_some());
    }

    /// Writes what is not written, and leaves the folder to others. Waits for the disk.
    pub(crate) fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Writer { changed, thread, _lock }) = writer else { return };
        drop(changed);
        if thread.join().is_err() {
            tracing::error!("the thread that writes the state folder has panicked");
        }
    }

    /// Changes the subscriptions, and has them written if that made a difference.
    fn change(&self, how: impl FnOnce(&mut Subscriptions) -> bool) {
        if !how(&mut lock(&self.subscriptions)) {
            return;
        }
        if let Some(writer) = &*self.writer.lock().unwrap_or_else(PoisonError::into_inner) {
            match writer.changed.try_send(()) {
                Ok(()) | Err(TrySendError::Full(())) => {}
                Err(TrySendError::Disconnected(())) => {
                    tracing::error!("the state folder is not written any more")
                }
            }
        }
    }
}

impl Drop for StateFolder {
    fn drop(&mut self) {
        self.close();
    }
}

impl Subscriptions {
    fn read(file: &Path) -> Result<Subscriptions, StateError> {
        let path = || file.to_owned();
        let text = match fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Subscriptions { version: VERSION, ..Subscriptions::default() });
            }
            Err(source) => return Err(StateError::Read { path: path(), source }),
        };
        let content = |source| StateError::Content { path: path(), source };
        let read: Subscriptions = serde_json::from_slice(&text).map_err(content)?;
        if read.version != VERSION {
            return Err(StateError::Version { path: path(), found: read.version });
        }
        for pattern in read.instances.values().flatten() {
            TopicPattern::parse(pattern).map_err(|error| content(serde::de::Error::custom(error)))?;
        }
        Ok(read)
    }

    /// Writes all of it in place of the file: whoever reads it meanwhile, or after a crash, finds
    /// the old or the new.
    fn write(&self, file: &Path) -> io::Result<()> {
        let new = file.with_extension("json.new");
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut written = File::create(&new)?;
        written.write_all(&text)?;
        written.sync_all()?;
        fs::rename(&new, file)
    }
}

/// Writes the newest state whenever there is one, until nobody can change it any more.
fn write_changes(changes: &Receiver<()>, subscriptions: &Mutex<Subscriptions>, file: &Path) {
    let mut failed = false;
    while changes.recv().is_ok() {
        let newest = lock(subscriptions).clone();
        match newest.write(file) {
            Ok(()) => failed = false,
            // Once for each time that it stops to work: the next change tries again.
            Err(error) if !failed => {
                failed = true;
                tracing::error!(file = %file.display(), "subscriptions cannot be saved: {error}");
            }
            Err(_) => {}
        }
    }
}

fn lock(subscriptions: &Mutex<Subscriptions>) -> MutexGuard<'_, Subscriptions> {
    subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "state_folder/tests.rs"]
mod tests;
