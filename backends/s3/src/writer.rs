//! An object that is being written: at once if it is small, or else in parts.

use std::time::Duration;

use airssys_blobstore::{BlobError, ObjectWriter};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
};
use tokio::sync::OwnedSemaphorePermit;

use crate::names;
use crate::prefix::{NAME, Prefix};

/// The bytes of each part, except the last one: the least that S3 takes.
const PART_BYTES: usize = 5 << 20;

/// The time in which an upload that was given up is aborted.
const ABORT_TIME: Duration = Duration::from_secs(30);

/// A writer. Dropped before `finish`, it aborts its upload.
pub(crate) struct Writer {
    prefix: Prefix,
    path: Path,
    attributes: Attributes,
    /// The bytes of the next part.
    tail: BytesMut,
    /// `None` until a part is full, and after the end.
    upload: Option<Box<dyn MultipartUpload>>,
    _place: OwnedSemaphorePermit,
}

impl Writer {
    pub(crate) fn new(prefix: Prefix, name: &str) -> Result<Writer, BlobError> {
        let full = |_| BlobError::QuotaExceeded("too many objects are written at once".to_owned());
        let place = prefix.bucket.writers.clone().try_acquire_owned().map_err(full)?;
        let mut attributes = Attributes::new();
        if names::is_cut(name) {
            attributes.insert(Attribute::Metadata(NAME.into()), names::to_metadata(name).into());
        }
        let path = prefix.object(name)?;
        Ok(Writer { prefix, path, attributes, tail: BytesMut::new(), upload: None, _place: place })
    }

    async fn write_part(&mut self) -> object_store::Result<()> {
        let part = self.tail.split_to(PART_BYTES.min(self.tail.len())).freeze();
        let upload = match &mut self.upload {
            Some(upload) => upload,
            upload => {
                let options =
                    PutMultipartOptions { attributes: self.attributes.clone(), ..Default::default() };
                let begun = self.prefix.bucket.writes.put_multipart_opts(&self.path, options).await?;
                upload.insert(begun)
            }
        };
        upload.put_part(PutPayload::from_bytes(part)).await
    }

    async fn put(&mut self) -> object_store::Result<()> {
        if self.upload.is_none() {
            let bytes = std::mem::take(&mut self.tail).freeze();
            let options = PutOptions { attributes: self.attributes.clone(), ..PutOptions::default() };
            let put = self.prefix.bucket.writes.put_opts(&self.path, PutPayload::from_bytes(bytes), options);
            return put.await.map(drop);
        }
        if !self.tail.is_empty() {
            self.write_part().await?;
        }
        if let Some(upload) = &mut self.upload {
            upload.complete().await?;
        }
        self.upload = None;
        Ok(())
    }
}

#[async_trait]
impl ObjectWriter for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.tail.extend_from_slice(&bytes);
        // One more byte shows that the part is not the last one.
        while self.tail.len() > PART_BYTES {
            self.write_part().await.map_err(|error| self.prefix.bucket.failed(&error))?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BlobError> {
        // The container may have been removed meanwhile.
        self.prefix.check().await?;
        self.put().await.map_err(|error| self.prefix.bucket.failed(&error))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else { return };
        // Without the runtime, the program ends.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Ok(Err(error)) = tokio::time::timeout(ABORT_TIME, upload.abort()).await {
                tracing::debug!(target: "airssys::s3", "an upload is left: {error}");
            }
        });
    }
}
