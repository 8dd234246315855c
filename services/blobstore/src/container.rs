//! The traits that a backend implements.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::BlobError;

/// The data about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its bytes.
    pub size: u64,
    /// The time at which it was written, in seconds since 1970.
    pub created: u64,
}

/// An object, or a range of it, that is open for reading.
pub struct Object {
    /// The bytes that the reader yields.
    pub size: u64,
    /// The reader.
    pub reader: Box<dyn ObjectReader>,
}

/// A page of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The names, in the order of their bytes.
    pub names: Vec<String>,
    /// True if no name follows.
    pub is_last: bool,
}

/// The bytes of an object, in order. It keeps the object as it was when it was opened, also if the object
/// is replaced or deleted meanwhile, or fails.
#[async_trait]
pub trait ObjectReader: Send {
    /// Returns the next bytes, at most [`CHUNK_BYTES`](crate::CHUNK_BYTES) and at least one, or `None`
    /// at the end. After an error it is not called again.
    async fn read(&mut self) -> Result<Option<Bytes>, BlobError>;
}

/// An object that is being written. Readers see the object that was there before, until
/// [`ObjectWriter::finish`]. Dropping the writer discards the bytes.
#[async_trait]
pub trait ObjectWriter: Send {
    /// Adds bytes, at most [`CHUNK_BYTES`](crate::CHUNK_BYTES). After an error it is not called again.
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError>;

    /// Puts the object into its place in one step.
    async fn finish(self: Box<Self>) -> Result<(), BlobError>;
}

/// One container.
///
/// The service checks rights and arguments before each call, and drops a call that takes longer than
/// [`Container::timeout`]. Names are UTF-8 and have 1 to [`MAX_NAME_BYTES`](crate::MAX_NAME_BYTES)
/// bytes of any kind. A function on objects of a container that does not exist fails with
/// [`BlobError::NoSuchContainer`].
#[async_trait]
pub trait Container: Send + Sync {
    /// Returns the time at which it was created, in seconds since 1970, or `None` if it does not exist.
    async fn created(&self) -> Result<Option<u64>, BlobError>;

    /// Creates it. One that exists keeps its objects.
    async fn create(&self) -> Result<(), BlobError>;

    /// Removes it with all its objects. Succeeds if it does not exist.
    async fn remove(&self) -> Result<(), BlobError>;

    /// Deletes all its objects.
    async fn clear(&self) -> Result<(), BlobError>;

    /// Returns the data about an object, or `None` if it does not exist.
    async fn info(&self, name: &str) -> Result<Option<ObjectInfo>, BlobError>;

    /// Opens the bytes of an object within a range, which is cut at the object's end. Returns `None` if
    /// the object does not exist.
    async fn read(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<Object>, BlobError>;

    /// Begins to write an object.
    async fn write(&self, name: &str) -> Result<Box<dyn ObjectWriter>, BlobError>;

    /// Deletes objects. Absent ones are skipped.
    async fn delete(&self, names: &[String]) -> Result<(), BlobError>;

    /// Gives an object another name in one step, in place of an object that has it. Returns false if the
    /// object does not exist. The two names differ.
    ///
    /// Returns `None` if the backend has no such step, as it does by default. Then the service copies the
    /// object chunk by chunk, and deletes it.
    async fn rename(&self, _from: &str, _to: &str) -> Result<Option<bool>, BlobError> {
        Ok(None)
    }

    /// Returns up to `limit` names after this one.
    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page, BlobError>;

    /// Returns the container with bounds on its objects and its bytes, for the writes of one component. A
    /// write beyond them is [`BlobError::QuotaExceeded`]. By default `None`: the backend cannot count them.
    fn limited(&self, objects: u64, bytes: u64) -> Option<Arc<dyn Container>> {
        let _ = (objects, bytes);
        None
    }

    /// Returns the time that a call may take. Reading or writing a chunk is one call.
    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }
}
