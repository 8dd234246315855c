//! The bytes of an object, part by part.

use std::ops::RangeInclusive;

use airssys_blobstore::{BlobError, CHUNK_BYTES, ObjectReader};
use async_trait::async_trait;
use bytes::Bytes;

use super::meta::Meta;
use super::store::ObjectStore;

/// A reader, which keeps the parts of its object from being deleted by this host.
pub(super) struct Reader {
    store: ObjectStore,
    parts: String,
    /// The sequence from which the next part is found.
    from: u64,
    /// The bytes before the range that are not passed over yet.
    skip: u64,
    left: u64,
    /// The rest of a part.
    part: Bytes,
}

impl Reader {
    pub(super) fn new(store: ObjectStore, meta: &Meta, range: &RangeInclusive<u64>) -> Reader {
        let end = range.end().saturating_add(1).min(meta.size);
        let start = (*range.start()).min(end);
        let (from, skip) = meta.place(start);
        let parts = store.parts(&meta.nuid);
        store.stream().connection.holds.hold(&parts);
        Reader { store, parts, from, skip, left: end - start, part: Bytes::new() }
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }
}

#[async_trait]
impl ObjectReader for Reader {
    async fn read(&mut self) -> Result<Option<Bytes>, BlobError> {
        while self.left > 0 {
            if !self.part.is_empty() {
                let most = self.left.min(CHUNK_BYTES as u64).min(self.part.len() as u64);
                let bytes = self.part.split_to(usize::try_from(most).unwrap_or(CHUNK_BYTES));
                self.left -= bytes.len() as u64;
                return Ok(Some(bytes));
            }
            let next = self.store.stream().next(&self.parts, self.from).await?;
            let gone = || BlobError::Other("the object was deleted while it was read".to_owned());
            let message = next.ok_or_else(gone)?;
            self.from = message.sequence.saturating_add(1);
            self.part = message.payload;
            let skipped = self.skip.min(self.part.len() as u64);
            self.skip -= skipped;
            self.part = self.part.split_off(usize::try_from(skipped).unwrap_or(self.part.len()));
        }
        Ok(None)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let deletes = self.store.stream().connection.holds.release(&self.parts);
        // Without the runtime, the program ends.
        if deletes && tokio::runtime::Handle::try_current().is_ok() {
            drop(self.store.purge(std::mem::take(&mut self.parts)));
        }
    }
}
