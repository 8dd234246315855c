//! The bytes of an object, as the server sends them.

use std::ops::RangeInclusive;
use std::sync::Arc;

use airssys_blobstore::{BlobError, CHUNK_BYTES, Object, ObjectReader};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt};

use crate::bucket::Bucket;

struct Reader {
    bucket: Arc<Bucket>,
    /// `None` at the end.
    stream: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    left: u64,
    chunk: Bytes,
}

/// Opens a range of an object. The server answers for one version of it, also after it is replaced.
pub(crate) async fn open(
    bucket: &Arc<Bucket>,
    path: &Path,
    range: &RangeInclusive<u64>,
) -> object_store::Result<Object> {
    loop {
        let mut options = GetOptions::default();
        if *range != (0..=u64::MAX) {
            let found = bucket.reads.head(path).await?;
            let end = range.end().saturating_add(1).min(found.size);
            let start = (*range.start()).min(end);
            // A server refuses a range that is empty.
            if start == end {
                let reader =
                    Reader { bucket: Arc::clone(bucket), stream: None, left: 0, chunk: Bytes::new() };
                return Ok(Object { size: 0, reader: Box::new(reader) });
            }
            options.range = Some(GetRange::Bounded(start..end));
            options.if_match = found.e_tag;
        }
        let found = match bucket.reads.get_opts(path, options).await {
            // It was replaced meanwhile.
            Err(Error::Precondition { .. }) => continue,
            found => found?,
        };
        let left = found.range.end - found.range.start;
        let reader = Reader {
            bucket: Arc::clone(bucket),
            stream: Some(found.into_stream()),
            left,
            chunk: Bytes::new(),
        };
        return Ok(Object { size: left, reader: Box::new(reader) });
    }
}

#[async_trait]
impl ObjectReader for Reader {
    async fn read(&mut self) -> Result<Option<Bytes>, BlobError> {
        while self.chunk.is_empty() {
            let Some(stream) = self.stream.as_mut().filter(|_| self.left > 0) else { return Ok(None) };
            let next = stream.try_next().await.map_err(|error| match self.bucket.failed(&error) {
                BlobError::NoSuchObject => BlobError::Other("the object was deleted meanwhile".to_owned()),
                error => error,
            })?;
            self.chunk = next.ok_or(BlobError::Unavailable)?;
        }
        let most = self.left.min(CHUNK_BYTES as u64).min(self.chunk.len() as u64);
        let bytes = self.chunk.split_to(usize::try_from(most).unwrap_or(CHUNK_BYTES));
        self.left -= bytes.len() as u64;
        Ok(Some(bytes))
    }
}
