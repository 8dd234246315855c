//! The data of an instance.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bounds::MAX_OPEN;
use crate::error::BlobError;

/// The data of an instance.
pub struct BlobData {
    open: Arc<Semaphore>,
    /// The bytes of its values whose objects are not named yet.
    pub(crate) unnamed_bytes: Arc<AtomicUsize>,
}

/// A place among the values that an instance has open.
pub(crate) type Place = OwnedSemaphorePermit;

impl Default for BlobData {
    fn default() -> BlobData {
        BlobData { open: Arc::new(Semaphore::new(MAX_OPEN)), unnamed_bytes: Arc::default() }
    }
}

impl BlobData {
    /// Takes a place for a value that is to be opened.
    pub(crate) fn place(&self) -> Result<Place, BlobError> {
        let full = |_| BlobError::QuotaExceeded(format!("the instance has {MAX_OPEN} values and lists open"));
        Arc::clone(&self.open).try_acquire_owned().map_err(full)
    }
}
