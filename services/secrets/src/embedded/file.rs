//! An encrypted file, replaced as a whole at every write. Only one host uses it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_spec::file;
use airssys_spec::manifest::Secret;
use async_trait::async_trait;
use tokio::sync::Mutex as AsyncMutex;

use crate::embedded::sealed::{SealError, Sealed};
use crate::error::SecretError;
use crate::locker::{Locker, Page, Value};

/// The most bytes of a file: 16 MiB.
const MAX_FILE_BYTES: usize = 16 << 20;

/// An open file.
pub(super) struct SealedFile {
    path: PathBuf,
    /// Locked as long as the file is open. It lies beside the file, which is replaced.
    _lock: File,
    /// The content of the file. Readers never wait for the disk.
    content: Mutex<Arc<Sealed>>,
    /// Held by the one write at a time.
    writing: Arc<AsyncMutex<()>>,
}

impl SealedFile {
    /// Opens the file. One that does not exist is made at the first write.
    pub(super) async fn open(path: PathBuf, key: Secret) -> Result<SealedFile, BoxError> {
        tokio::task::spawn_blocking(move || SealedFile::open_now(&path, &key)).await?
    }

    fn open_now(path: &Path, key: &Secret) -> Result<SealedFile, BoxError> {
        let (folder, name) =
            path.parent().zip(path.file_name()).ok_or("the path does not end with a name")?;
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        file::create_folder(folder)?;
        let path = file::check_trusted(folder)?.join(name);
        let lock = file::open_private(&beside(&path, ".lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other(format!("another host uses {}", path.display())),
            TryLockError::Error(error) => error,
        })?;
        let sealed = match read(&path, key)? {
            Some(sealed) => sealed,
            None => Sealed::new(key.reveal())?,
        };
        let (content, writing) = (Mutex::new(Arc::new(sealed)), Arc::default());
        Ok(SealedFile { path, _lock: lock, content, writing })
    }

    /// Checks that the file can be opened, also while another host uses it.
    pub(super) async fn check(path: PathBuf, key: Secret) -> Result<(), BoxError> {
        tokio::task::spawn_blocking(move || read(&path, &key).map(drop)).await?
    }

    fn content(&self) -> Arc<Sealed> {
        Arc::clone(&self.content.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read<T>(&self, read: impl FnOnce(&Sealed) -> Result<T, SealError>) -> Result<T, SecretError> {
        read(&self.content()).map_err(|error| self.failed(&error))
    }

    /// Changes the secrets, and replaces the file. On an error, nothing has changed. Blocks.
    fn change(
        &self,
        change: impl FnOnce(&mut Sealed) -> Result<bool, SecretError>,
    ) -> Result<(), SecretError> {
        let mut changed = Sealed::clone(&self.content());
        if !change(&mut changed)? {
            return Ok(());
        }
        let bytes = changed.bytes().map_err(|error| self.failed(&error))?;
        if bytes.len() > MAX_FILE_BYTES {
            let message = format!("the file has too many bytes: {MAX_FILE_BYTES} are allowed");
            return Err(SecretError::QuotaExceeded(message));
        }
        replace(&self.path, &bytes).map_err(|error| self.failed(&error))?;
        *self.content.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(changed);
        Ok(())
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> SecretError {
        tracing::warn!(target: "airssys::secrets", path = %self.path.display(), "the file failed: {error}");
        SecretError::Unavailable
    }
}

/// Reads a file. Returns `None` if it does not exist.
fn read(path: &Path, key: &Secret) -> Result<Option<Sealed>, BoxError> {
    let bytes = match file::read(path, MAX_FILE_BYTES as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display()).into()),
    };
    let sealed = Sealed::open(key.reveal(), &bytes);
    Ok(Some(sealed.map_err(|error| format!("{} cannot be opened: {error}", path.display()))?))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Replaces a file in one step, which outlives a crash. Readers see the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = beside(path, ".new");
    // One that a crash has left may have another mode.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = file::open_private(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// One locker.
pub(super) struct FileLocker {
    pub(super) file: Arc<SealedFile>,
    pub(super) locker: Arc<str>,
    pub(super) max_secrets: usize,
    pub(super) timeout: Duration,
}

impl FileLocker {
    /// Changes the file on a thread for blocking work, one write after the other. A write that has begun
    /// is done, even if its caller no longer waits.
    async fn change(
        &self,
        change: impl FnOnce(&SealedFile, &mut Sealed) -> Result<bool, SecretError> + Send + 'static,
    ) -> Result<(), SecretError> {
        let turn = Arc::clone(&self.file.writing).lock_owned().await;
        let file = Arc::clone(&self.file);
        let done = tokio::task::spawn_blocking(move || {
            let done = file.change(|sealed| change(&file, sealed));
            drop(turn);
            done
        });
        done.await.map_err(|_| SecretError::Unavailable)?
    }
}

#[async_trait]
impl Locker for FileLocker {
    async fn get(&self, id: &str) -> Result<Option<Value>, SecretError> {
        self.file.read(|sealed| sealed.get(&self.locker, id))
    }

    async fn set(&self, id: &str, value: Value) -> Result<(), SecretError> {
        let (locker, id, most) = (Arc::clone(&self.locker), id.to_owned(), self.max_secrets);
        self.change(move |file, sealed| {
            if !sealed.exists(&locker, &id) && sealed.count(&locker) >= most {
                let message = format!("the locker has too many secrets: {most} are allowed");
                return Err(SecretError::QuotaExceeded(message));
            }
            sealed.set(&locker, &id, &value).map_err(|error| file.failed(&error))?;
            Ok(true)
        })
        .await
    }

    async fn delete(&self, id: &str) -> Result<(), SecretError> {
        let (locker, id) = (Arc::clone(&self.locker), id.to_owned());
        self.change(move |_, sealed| Ok(sealed.delete(&locker, &id))).await
    }

    async fn exists(&self, id: &str) -> Result<bool, SecretError> {
        self.file.read(|sealed| Ok(sealed.exists(&self.locker, id)))
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page, SecretError> {
        self.file.read(|sealed| Ok(sealed.list(&self.locker, after, limit)))
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}
