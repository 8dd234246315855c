//! Containers in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Bound, RangeInclusive};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::bounds::CHUNK_BYTES;
use crate::container::{Container, Object, ObjectInfo, ObjectReader, ObjectWriter, Page};
use crate::embedded::usage::{Quota, Reservation, Usage, seconds, weight};
use crate::error::BlobError;

/// The containers of a backend.
#[derive(Clone, Default)]
pub(super) struct MemoryEngine {
    containers: Arc<Mutex<HashMap<Arc<str>, Contents>>>,
    usage: Usage,
}

struct Contents {
    created: u64,
    objects: BTreeMap<String, Stored>,
}

#[derive(Clone)]
struct Stored {
    chunks: Arc<Vec<Bytes>>,
    info: ObjectInfo,
}

/// One container.
pub(super) struct MemoryContainer {
    pub(super) engine: MemoryEngine,
    pub(super) label: Arc<str>,
    pub(super) quota: Quota,
    pub(super) timeout: Duration,
}

impl MemoryEngine {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Contents>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryContainer {
    fn with<T>(&self, work: impl FnOnce(&mut Contents) -> T) -> Result<T, BlobError> {
        let mut containers = self.engine.lock();
        containers.get_mut(&self.label).map(work).ok_or(BlobError::NoSuchContainer)
    }

    fn forget(&self, objects: &BTreeMap<String, Stored>) {
        for (name, stored) in objects {
            self.engine.usage.deleted(&self.label, weight(name, stored.info.size));
        }
    }
}

#[async_trait]
impl Container for MemoryContainer {
    async fn created(&self) -> Result<Option<u64>, BlobError> {
        Ok(self.engine.lock().get(&self.label).map(|contents| contents.created))
    }

    async fn create(&self) -> Result<(), BlobError> {
        let contents = || Contents { created: seconds(SystemTime::now()), objects: BTreeMap::new() };
        self.engine.lock().entry(Arc::clone(&self.label)).or_insert_with(contents);
        Ok(())
    }

    async fn remove(&self) -> Result<(), BlobError> {
        if let Some(contents) = self.engine.lock().remove(&self.label) {
            self.forget(&contents.objects);
        }
        Ok(())
    }

    async fn clear(&self) -> Result<(), BlobError> {
        self.with(|contents| self.forget(&std::mem::take(&mut contents.objects)))
    }

    async fn info(&self, name: &str) -> Result<Option<ObjectInfo>, BlobError> {
        self.with(|contents| contents.objects.get(name).map(|stored| stored.info))
    }

    async fn read(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<Object>, BlobError> {
        let stored = self.with(|contents| contents.objects.get(name).cloned())?;
        Ok(stored.map(|stored| {
            let end = range.end().saturating_add(1).min(stored.info.size);
            let start = (*range.start()).min(end);
            let reader = MemoryReader { chunks: stored.chunks, next: 0, skip: start, left: end - start };
            Object { size: end - start, reader: Box::new(reader) }
        }))
    }

    async fn write(&self, name: &str) -> Result<Box<dyn ObjectWriter>, BlobError> {
        self.with(|_| ())?;
        let reservation = self.engine.usage.reserve(&self.label, self.quota, name)?;
        let (engine, label, name) = (self.engine.clone(), Arc::clone(&self.label), name.to_owned());
        Ok(Box::new(MemoryWriter {
            engine,
            label,
            name,
            chunks: Vec::new(),
            tail: BytesMut::new(),
            size: 0,
            reservation,
        }))
    }

    async fn delete(&self, names: &[String]) -> Result<(), BlobError> {
        self.with(|contents| {
            for name in names {
                if let Some(stored) = contents.objects.remove(name) {
                    self.engine.usage.deleted(&self.label, weight(name, stored.info.size));
                }
            }
        })
    }

    async fn rename(&self, from: &str, to: &str) -> Result<Option<bool>, BlobError> {
        let mut containers = self.engine.lock();
        let contents = containers.get_mut(&self.label).ok_or(BlobError::NoSuchContainer)?;
        let Some(stored) = contents.objects.get(from).cloned() else { return Ok(Some(false)) };
        contents.objects.remove(from);
        let (size, replaced) = (stored.info.size, contents.objects.insert(to.to_owned(), stored));
        let replaced = replaced.map(|replaced| replaced.info.size);
        self.engine.usage.renamed(&self.label, (from, to), size, replaced);
        Ok(Some(true))
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page, BlobError> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.with(|contents| {
            let mut rest = contents.objects.range::<str, _>((from, Bound::Unbounded)).map(|(name, _)| name);
            let names = rest.by_ref().take(limit).cloned().collect();
            Page { names, is_last: rest.next().is_none() }
        })
    }

    fn limited(&self, objects: u64, bytes: u64) -> Option<Arc<dyn Container>> {
        let (engine, label, timeout) = (self.engine.clone(), Arc::clone(&self.label), self.timeout);
        Some(Arc::new(MemoryContainer { engine, label, quota: self.quota.limited(objects, bytes), timeout }))
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

struct MemoryReader {
    chunks: Arc<Vec<Bytes>>,
    next: usize,
    /// The bytes before the range that are not passed over yet.
    skip: u64,
    left: u64,
}

#[async_trait]
impl ObjectReader for MemoryReader {
    async fn read(&mut self) -> Result<Option<Bytes>, BlobError> {
        while self.left > 0 {
            let Some(chunk) = self.chunks.get(self.next) else { break };
            self.next += 1;
            let size = chunk.len() as u64;
            if size == 0 || self.skip >= size {
                self.skip -= size;
                continue;
            }
            let start = std::mem::take(&mut self.skip);
            let end = size.min(start + self.left);
            self.left -= end - start;
            // Both fit, because they are within the chunk.
            return Ok(Some(chunk.slice(start as usize..end as usize)));
        }
        Ok(None)
    }
}

struct MemoryWriter {
    engine: MemoryEngine,
    label: Arc<str>,
    name: String,
    chunks: Vec<Bytes>,
    /// The bytes of the next chunk. Many small writes make few chunks.
    tail: BytesMut,
    size: u64,
    reservation: Reservation,
}

#[async_trait]
impl ObjectWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.reservation.grow(bytes.len() as u64)?;
        self.size += bytes.len() as u64;
        self.tail.extend_from_slice(&bytes);
        while self.tail.len() >= CHUNK_BYTES {
            self.chunks.push(Bytes::copy_from_slice(&self.tail.split_to(CHUNK_BYTES)));
        }
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), BlobError> {
        let MemoryWriter { engine, label, name, mut chunks, tail, size, reservation } = *self;
        // A copy has no spare room.
        chunks.push(Bytes::copy_from_slice(&tail));
        let mut containers = engine.lock();
        let contents = containers.get_mut(&label).ok_or(BlobError::NoSuchContainer)?;
        reservation.check_objects(!contents.objects.contains_key(&name))?;
        let info = ObjectInfo { size, created: seconds(SystemTime::now()) };
        let old = contents.objects.insert(name.clone(), Stored { chunks: Arc::new(chunks), info });
        if let Some(old) = old {
            engine.usage.deleted(&label, weight(&name, old.info.size));
        }
        reservation.keep();
        Ok(())
    }
}
