//! A prefix in a bucket, with the mark that says that it is a container.

use std::sync::Arc;

use airssys_blobstore::BlobError;
use object_store::path::Path;

use crate::bucket::Bucket;
use crate::names::{self, MARK};

/// The entry of the metadata with the name of an object whose key has not all of it.
pub(crate) const NAME: &str = "airssys-name";

/// A prefix. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Prefix {
    pub(crate) bucket: Arc<Bucket>,
    text: Arc<str>,
}

impl Prefix {
    pub(crate) fn new(bucket: Arc<Bucket>, prefix: &str) -> Prefix {
        Prefix { bucket, text: prefix.into() }
    }

    /// Returns the text before the slash.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn path(&self, key: &str) -> Result<Path, BlobError> {
        let refused = |_| BlobError::InvalidArgument("the name has no key".to_owned());
        Path::parse(format!("{}/{key}", self.text)).map_err(refused)
    }

    pub(crate) fn object(&self, name: &str) -> Result<Path, BlobError> {
        self.path(&names::encode(name))
    }

    /// Returns the time at which the mark was written, or `None` without one.
    pub(crate) async fn found(&self) -> Result<Option<u64>, BlobError> {
        let mark = self.path(MARK)?;
        self.bucket.exists(&mark).await.map_err(|error| self.bucket.failed(&error))
    }

    /// Fails unless the container exists.
    pub(crate) async fn check(&self) -> Result<(), BlobError> {
        self.found().await?.map(drop).ok_or(BlobError::NoSuchContainer)
    }

    /// Returns `None` for an object that does not exist in a container that does.
    pub(crate) async fn unless_absent<T>(
        &self,
        found: object_store::Result<T>,
    ) -> Result<Option<T>, BlobError> {
        match found.map_err(|error| self.bucket.failed(&error)) {
            Ok(found) => Ok(Some(found)),
            Err(BlobError::NoSuchObject) => self.check().await.map(|()| None),
            Err(error) => Err(error),
        }
    }
}
