//! An object that is being written, part by part.

use airssys_blobstore::{BlobError, ObjectWriter};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use ring::digest::{Context, SHA256};

use super::meta::{Index, Meta, Options, PART_BYTES, digest};
use super::store::ObjectStore;
use crate::errors::Failure;
use crate::stream::Publish;

/// A writer. Dropped before `finish`, it deletes its parts.
pub(super) struct Writer {
    store: ObjectStore,
    name: String,
    nuid: String,
    /// The bytes of the next part.
    tail: BytesMut,
    digest: Context,
    size: u64,
    parts: u64,
    index: Index,
    /// True from the moment at which the object may be in its place.
    is_finished: bool,
}

impl Writer {
    pub(super) fn new(store: ObjectStore, name: &str) -> Writer {
        let nuid = store.stream().connection.unique_name();
        Writer {
            store,
            name: name.to_owned(),
            nuid,
            tail: BytesMut::new(),
            digest: Context::new(&SHA256),
            size: 0,
            parts: 0,
            index: Index::default(),
            is_finished: false,
        }
    }

    async fn write_part(&mut self) -> Result<(), Failure> {
        let part = self.tail.split_to(PART_BYTES.min(self.tail.len())).freeze();
        self.digest.update(&part);
        self.size += part.len() as u64;
        let subject = self.store.parts(&self.nuid);
        // Counted before, because a part whose answer is lost may be there.
        self.parts += 1;
        let sequence = self.store.stream().publish(&subject, Publish::default(), part).await?;
        self.index.add(self.parts - 1, sequence);
        Ok(())
    }

    /// Returns true if the first part is still there.
    async fn is_whole(&self) -> Result<bool, Failure> {
        let Some(first) = self.index.first() else { return Ok(true) };
        let found = self.store.stream().next(&self.store.parts(&self.nuid), first).await?;
        Ok(found.is_some_and(|found| found.sequence == first))
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.tail.extend_from_slice(&bytes);
        while self.tail.len() >= PART_BYTES {
            self.write_part().await?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BlobError> {
        if !self.tail.is_empty() {
            self.write_part().await?;
        }
        let options = Options { max_chunk_size: Some(PART_BYTES as u64), ..Options::default() };
        let mut meta = Meta {
            name: self.name.clone(),
            bucket: self.store.bucket().to_owned(),
            nuid: self.nuid.clone(),
            size: self.size,
            chunks: self.parts,
            digest: Some(digest(self.digest.clone().finish().as_ref())),
            options: Some(options),
            ..Meta::default()
        };
        meta.set_index(&self.index);
        self.is_finished = true;
        let old = self.store.replace(&meta, None).await?;
        if let Some(old) = old {
            self.store.delete_parts(&old.meta.nuid).await;
        }
        // `clear` may have deleted the parts before the object came into its place. Then it is cleared too.
        if !self.is_whole().await? {
            self.store.delete_one(&self.name).await?;
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Without the runtime, the program ends.
        if !self.is_finished && self.parts > 0 && tokio::runtime::Handle::try_current().is_ok() {
            drop(self.store.purge(self.store.parts(&self.nuid)));
        }
    }
}
