//! A container as a prefix in a bucket. Its mark, an empty object, says that it exists.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use airssys_blobstore::{BlobError, Container, Object, ObjectInfo, ObjectWriter, Page};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Attribute, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::bucket::{Bucket, seconds};
use crate::names::{self, Decoded, MARK};
use crate::prefix::{NAME, Prefix};
use crate::reader;
use crate::writer::Writer;

/// A container.
pub(crate) struct S3Container {
    bucket: Arc<Bucket>,
    prefix: Prefix,
}

impl S3Container {
    pub(crate) fn new(bucket: Arc<Bucket>, prefix: &str) -> S3Container {
        S3Container { prefix: Prefix::new(Arc::clone(&bucket), prefix), bucket }
    }

    /// Deletes the objects of all keys of the container, except its mark.
    async fn delete_all(&self) -> Result<(), BlobError> {
        let prefix = self.prefix.path("")?;
        let mark = self.prefix.path(MARK)?;
        let found = self.bucket.reads.list(Some(&prefix)).map_ok(|found| found.location);
        let objects = found.try_filter(move |path| std::future::ready(*path != mark)).boxed();
        self.bucket
            .writes
            .delete_stream(objects)
            .try_for_each(|_| async { Ok(()) })
            .await
            .map_err(|error| self.bucket.failed(&error))
    }

    /// Returns the name of an object whose key has not all of it, or `None` if it is another program's.
    async fn whole_name(&self, path: &Path, key: &str) -> Result<Option<String>, BlobError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = match self.bucket.reads.get_opts(path, options).await {
            // It was deleted meanwhile.
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(|error| self.bucket.failed(&error))?,
        };
        let name = found.attributes.get(&Attribute::Metadata(NAME.into()));
        Ok(name.and_then(|name| names::from_metadata(key, name)))
    }
}

#[async_trait]
impl Container for S3Container {
    async fn created(&self) -> Result<Option<u64>, BlobError> {
        self.prefix.found().await
    }

    async fn create(&self) -> Result<(), BlobError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let mark = self.prefix.path(MARK)?;
        match self.bucket.writes.put_opts(&mark, PutPayload::new(), options).await {
            Ok(_)
            | Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(())
            }
            // The bucket itself.
            Err(object_store::Error::NotFound { .. }) => Err(BlobError::Unavailable),
            Err(error) => Err(self.bucket.failed(&error)),
        }
    }

    async fn remove(&self) -> Result<(), BlobError> {
        self.delete_all().await?;
        let mark = self.prefix.path(MARK)?;
        match self.bucket.writes.delete(&mark).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.bucket.failed(&error)),
        }
    }

    async fn clear(&self) -> Result<(), BlobError> {
        self.prefix.check().await?;
        self.delete_all().await
    }

    async fn info(&self, name: &str) -> Result<Option<ObjectInfo>, BlobError> {
        let found = self.bucket.reads.head(&self.prefix.object(name)?).await;
        let found = self.prefix.unless_absent(found).await?;
        Ok(found.map(|found| ObjectInfo { size: found.size, created: seconds(&found) }))
    }

    async fn read(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<Object>, BlobError> {
        let path = self.prefix.object(name)?;
        let found = reader::open(&self.bucket, &path, &range).await;
        self.prefix.unless_absent(found).await
    }

    async fn write(&self, name: &str) -> Result<Box<dyn ObjectWriter>, BlobError> {
        self.prefix.check().await?;
        Ok(Box::new(Writer::new(self.prefix.clone(), name)?))
    }

    async fn delete(&self, names: &[String]) -> Result<(), BlobError> {
        self.prefix.check().await?;
        let paths =
            names.iter().map(|name| self.prefix.object(name)).collect::<Result<Vec<_>, BlobError>>()?;
        let paths = futures_util::stream::iter(paths.into_iter().map(Ok)).boxed();
        let mut deleted = self.bucket.writes.delete_stream(paths);
        while let Some(done) = deleted.next().await {
            match done {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.bucket.failed(&error)),
            }
        }
        Ok(())
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page, BlobError> {
        self.prefix.check().await?;
        let prefix = self.prefix.path("")?;
        let mut found = match after {
            Some(after) => {
                self.bucket.reads.list_with_offset(Some(&prefix), &self.prefix.path(&names::after(after))?)
            }
            None => self.bucket.reads.list(Some(&prefix)),
        };
        let mut names: Vec<String> = Vec::new();
        // The first names of those with one beginning, which are not in order.
        let (mut cut, mut beginning) = (BTreeSet::new(), Vec::new());
        while names.len() <= limit {
            let next = found.try_next().await.map_err(|error| self.bucket.failed(&error))?;
            let key = next.as_ref().and_then(|next| next.location.as_ref().strip_prefix(self.prefix.text()));
            let key = key.and_then(|key| key.strip_prefix('/')).unwrap_or_default();
            let decoded = names::decode(key);
            if !matches!(&decoded, Some(Decoded::Cut(same)) if *same == beginning) {
                names.extend(std::mem::take(&mut cut));
            }
            match (&next, decoded) {
                (None, _) => break,
                (Some(_), Some(Decoded::Name(name))) => names.push(name),
                (Some(next), Some(Decoded::Cut(same))) => {
                    beginning = same;
                    let name = self.whole_name(&next.location, key).await?;
                    cut.extend(name.filter(|name| after.is_none_or(|after| &**name > after)));
                    if cut.len() > limit + 1 {
                        cut.pop_last();
                    }
                }
                // The mark, or a key of another program.
                (Some(_), None) => {}
            }
        }
        let is_last = names.len() <= limit;
        names.truncate(limit);
        Ok(Page { names, is_last })
    }

    fn timeout(&self) -> Duration {
        self.bucket.timeout
    }
}
