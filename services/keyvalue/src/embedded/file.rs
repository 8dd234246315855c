//! The items in a file, written by a thread that commits all waiting writes together.

mod tables;

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use airssys_rt::BoxError;
use airssys_spec::file;
use airssys_wasm::FailureLog;
use async_trait::async_trait;
use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::embedded::options::Quota;
use crate::embedded::rules::{Item, Write, Written};
use crate::embedded::shared::Engine;
use crate::error::StoreError;
use crate::store::Page;
use tables::{Reader, Writer};

/// The most writes of one commit.
const MAX_COMMIT: usize = 512;

/// The most calls that wait for a thread. Further callers wait for a place.
const MAX_WAITING: usize = 1_024;

/// The kibibytes of keys and values that wait for a commit. Further callers wait for room: 64 MiB.
const MAX_WAITING_KIB: u32 = 64 << 10;

/// The threads that read. A long list leaves the others to further callers.
const READERS: usize = 4;

/// The bytes of the file that are kept in memory.
const CACHE_BYTES: usize = 32 << 20;

/// A write, and the way back to its caller.
struct WriteJob {
    label: Arc<str>,
    quota: Quota,
    write: Write,
    reply: oneshot::Sender<Result<Written, StoreError>>,
    /// The room of the write among those that wait.
    room: OwnedSemaphorePermit,
}

type ReadJob = Box<dyn FnOnce(&Shared) + Send>;

/// A file with its threads. The last user of it waits for the write in progress.
pub(super) struct FileEngine {
    writes: Option<mpsc::Sender<WriteJob>>,
    reads: Option<mpsc::Sender<ReadJob>>,
    room: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

/// The open database, which all threads use.
struct Shared {
    path: PathBuf,
    /// `None` after an error of the disk: the next call opens it again.
    database: RwLock<Option<Database>>,
    log: FailureLog,
}

impl Shared {
    /// Works on the database. An error of the disk closes it, because redb refuses all further calls,
    /// and the next call opens it again.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        self.reopen()?;
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let done = database.as_ref().map(work).ok_or(StoreError::Unavailable)?;
        drop(database);
        match done {
            Ok(done) => {
                self.log.works();
                Ok(done)
            }
            Err(error) => {
                *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
                self.log.failed(&error);
                Err(if is_full(&error) { full() } else { StoreError::Unavailable })
            }
        }
    }

    fn reopen(&self) -> Result<(), StoreError> {
        if self.database.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            let opened = open(&self.path).inspect_err(|error| self.log.failed(error));
            *database = Some(opened.map_err(|_| StoreError::Unavailable)?);
        }
        Ok(())
    }
}

fn full() -> StoreError {
    StoreError::QuotaExceeded("the disk is full".to_owned())
}

/// Returns true if the disk, a quota of the user or a limit of the process has no room for the file.
fn is_full(error: &redb::Error) -> bool {
    let kinds = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
    matches!(error, redb::Error::Io(error) if kinds.contains(&error.kind()))
}

/// Opens the file, which only this user may read, and makes its tables.
fn open(path: &Path) -> Result<Database, BoxError> {
    if let Some(folder) = path.parent() {
        file::create_folder(folder)?;
    }
    let file = FileBackend::new(file::open_private(path)?)?;
    let made = || Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(file);
    let database = unless_damaged(made)??;
    unless_damaged(|| tables::create(&database).and_then(|()| tables::check(&database)))??;
    Ok(database)
}

/// Runs code of redb, which panics at some damages of a file.
fn unless_damaged<T>(work: impl FnOnce() -> T) -> Result<T, BoxError> {
    // Nothing that the code has changed is used after a panic.
    catch_unwind(AssertUnwindSafe(work))
        .map_err(|_| "it is damaged; restore a copy of it, or remove it".into())
}

impl FileEngine {
    /// Opens a file on its thread.
    pub(super) async fn open(path: PathBuf, log: FailureLog) -> Result<FileEngine, BoxError> {
        let (opened, is_open) = oneshot::channel();
        let (writes, jobs) = mpsc::channel(MAX_WAITING);
        let writer = thread("airssys-keyvalue", move || {
            let shared = open(&path)
                .map(|database| Arc::new(Shared { path, database: RwLock::new(Some(database)), log }));
            let shared = match shared {
                Ok(shared) => shared,
                Err(error) => {
                    // Without a receiver, the caller has given up.
                    opened.send(Err(error)).unwrap_or_default();
                    return;
                }
            };
            opened.send(Ok(Arc::clone(&shared))).unwrap_or_default();
            write_all(&shared, jobs);
        })?;
        let shared = is_open.await.map_err(|_| "its thread has ended")??;
        let (reads, jobs) = mpsc::channel::<ReadJob>(MAX_WAITING);
        let (jobs, mut threads) = (Arc::new(Mutex::new(jobs)), vec![writer]);
        for _ in 0..READERS {
            let (shared, jobs) = (Arc::clone(&shared), Arc::clone(&jobs));
            threads.push(thread("airssys-keyvalue-read", move || {
                // One thread waits for a job, and the others wait for their turn.
                let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                while let Some(job) = next() {
                    job(&shared);
                }
            })?);
        }
        let room = Arc::new(Semaphore::new(MAX_WAITING_KIB as usize));
        Ok(FileEngine { writes: Some(writes), reads: Some(reads), room, threads })
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader<'_>) -> Result<Result<T, StoreError>, redb::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: ReadJob = Box::new(move |shared| {
            // A caller that has given up while the job waited costs no further work.
            if reply.is_closed() {
                return;
            }
            let found = shared.with(|database| {
                let transaction = database.begin_read()?;
                work(&Reader::new(&transaction)?)
            });
            // A caller that has given up needs no answer.
            reply.send(found.and_then(|found| found)).unwrap_or_default();
        });
        let reads = self.reads.as_ref().ok_or(StoreError::Unavailable)?;
        reads.send(job).await.map_err(|_| StoreError::Unavailable)?;
        answer.await.map_err(|_| StoreError::Unavailable)?
    }
}

impl Drop for FileEngine {
    fn drop(&mut self) {
        (self.writes, self.reads) = (None, None);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(target: "airssys::keyvalue", "a thread of the store has panicked");
            }
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, BoxError> {
    Ok(std::thread::Builder::new().name(name.to_owned()).spawn(work)?)
}

/// Takes all writes that wait, up to a bound, commits them together, and answers each.
fn write_all(shared: &Shared, mut jobs: mpsc::Receiver<WriteJob>) {
    while let Some(first) = jobs.blocking_recv() {
        let (mut replies, mut writes, mut rooms) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(WriteJob { label, quota, write, reply, room }) = next {
            // A caller that has given up while the write waited costs no further work.
            if !reply.is_closed() {
                replies.push(reply);
                writes.push((label, quota, write));
                rooms.push(room);
            }
            next = if writes.len() < MAX_COMMIT { jobs.try_recv().ok() } else { None };
        }
        if writes.is_empty() {
            continue;
        }
        let results = shared.with(|database| {
            let transaction = database.begin_write()?;
            let results = {
                let mut writer = Writer::new(&transaction)?;
                let results: Vec<_> = writes
                    .into_iter()
                    .map(|(label, quota, write)| writer.apply(&label, &quota, write))
                    .collect();
                writer.finish()?;
                results
            };
            transaction.commit()?;
            Ok(results)
        });
        drop(rooms);
        match results {
            Ok(results) => {
                for (reply, result) in replies.into_iter().zip(results) {
                    reply.send(result).unwrap_or(());
                }
            }
            Err(error) => {
                for reply in replies {
                    reply.send(Err(error.clone())).unwrap_or(());
                }
            }
        }
    }
}

#[async_trait]
impl Engine for FileEngine {
    async fn write(&self, label: &Arc<str>, quota: Quota, write: Write) -> Result<Written, StoreError> {
        let (reply, answer) = oneshot::channel();
        let kib = u32::try_from(write.bytes() / 1024 + 1).unwrap_or(u32::MAX).min(MAX_WAITING_KIB);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await;
        let room = room.map_err(|_| StoreError::Unavailable)?;
        let job = WriteJob { label: Arc::clone(label), quota, write, reply, room };
        let writes = self.writes.as_ref().ok_or(StoreError::Unavailable)?;
        writes.send(job).await.map_err(|_| StoreError::Unavailable)?;
        answer.await.map_err(|_| StoreError::Unavailable)?
    }

    async fn items(&self, label: &Arc<str>, keys: Vec<String>) -> Result<Vec<Option<Item>>, StoreError> {
        let label = Arc::clone(label);
        self.read(move |reader| reader.items(&label, &keys)).await
    }

    async fn keys(
        &self,
        label: &Arc<str>,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let label = Arc::clone(label);
        self.read(move |reader| reader.keys(&label, &prefix, after.as_deref(), limit).map(Ok)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SetOptions;

    const QUOTA: Quota = Quota { label_keys: 1_000, label_bytes: 1 << 20, total_bytes: 1 << 20 };

    fn set(key: &str) -> Write {
        let (key, value) = (key.to_owned(), vec![1; 1_000]);
        Write::Set { key, value, options: SetOptions::default() }
    }

    /// Numbers that look random, the same in each run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, most: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % most
        }
    }

    /// A thread may panic at the damage. The program goes on, and so do the calls.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn damaged_file_ends_no_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let label: Arc<str> = Arc::from("label");
        let engine = FileEngine::open(path.clone(), FailureLog::new("redb")).await.unwrap();
        for number in 0..50 {
            engine.write(&label, QUOTA, set(&number.to_string())).await.unwrap();
        }
        drop(engine);
        let whole = std::fs::read(&path).unwrap();
        for damages in [20, 2_000] {
            for seed in 0..30 {
                let (mut bytes, mut numbers) = (whole.clone(), Numbers(seed));
                for _ in 0..damages {
                    let at = numbers.below(bytes.len());
                    bytes[at] = numbers.below(256) as u8;
                }
                std::fs::write(&path, bytes).unwrap();
                let Ok(engine) = FileEngine::open(path.clone(), FailureLog::new("redb")).await else {
                    continue;
                };
                let written = engine.write(&label, QUOTA, set("another")).await;
                let read = engine.items(&label, vec!["1".to_owned()]).await;
                let listed = engine.keys(&label, String::new(), None, 100).await;
                for refused in [written.err(), read.err(), listed.err()].into_iter().flatten() {
                    assert!(matches!(refused, StoreError::Unavailable), "{seed}: {refused:?}");
                }
            }
        }
    }
}
