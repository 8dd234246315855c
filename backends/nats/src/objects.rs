//! A container as an object store of JetStream.
//!
//! The parts of an object are messages on a subject of its own, and one message on the subject of its name
//! describes them. That message puts an object into its place, so it is in place at once or not at all.

mod meta;
mod reader;
mod store;
mod writer;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use airssys_blobstore::{BlobError, Container, MAX_NAME_BYTES, Object, ObjectInfo, ObjectWriter, Page};
use async_nats::jetstream;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::connection::Connection;
use crate::errors::Failure;
use crate::stream::Listing;

use meta::Meta;
use reader::Reader;
use store::ObjectStore;
use writer::Writer;

/// The most deletions at once.
const BATCH: usize = 8;

/// The most descriptions that a list asks for at once.
const LISTED: usize = 256;

/// A container on a server.
pub(crate) struct NatsContainer {
    store: ObjectStore,
    max_bytes: i64,
}

impl NatsContainer {
    pub(crate) fn new(connection: Arc<Connection>, bucket: &str, max_bytes: i64) -> NatsContainer {
        NatsContainer { store: ObjectStore::new(connection, bucket), max_bytes }
    }

    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Page, Failure> {
        let listing = Listing {
            filter: format!("{}>", self.store.names()),
            from: None,
            headers_only: false,
            batch: LISTED,
        };
        // The first names after the last one. Others are passed over, so that a large container does not
        // fill the memory.
        let (mut first, mut is_last) = (BTreeSet::new(), true);
        let mut visit = |message: &jetstream::Message, _: u64, _: u64| {
            let name = message.subject.strip_prefix(self.store.names()).and_then(meta::decode);
            let name = name.filter(|name| after.is_none_or(|after| &**name > after));
            if let Some(name) = name.filter(|name| (1..=MAX_NAME_BYTES).contains(&name.len()))
                && serde_json::from_slice::<Meta>(&message.payload).is_ok_and(|meta| meta.is_object())
            {
                first.insert(name);
                if first.len() > limit {
                    first.pop_last();
                    is_last = false;
                }
            }
            true
        };
        self.store.stream().each(listing, &mut visit).await?;
        Ok(Page { names: first.into_iter().collect(), is_last })
    }
}

#[async_trait]
impl Container for NatsContainer {
    async fn created(&self) -> Result<Option<u64>, BlobError> {
        match self.store.stream().info().await {
            Ok(info) => Ok(Some(u64::try_from(info.created.unix_timestamp()).unwrap_or_default())),
            Err(Failure::NoStream) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn create(&self) -> Result<(), BlobError> {
        let config = Config {
            subjects: self.store.subjects(),
            max_bytes: self.max_bytes,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            ..Config::default()
        };
        Ok(self.store.stream().create(config).await.map(drop)?)
    }

    async fn remove(&self) -> Result<(), BlobError> {
        Ok(self.store.stream().remove().await?)
    }

    async fn clear(&self) -> Result<(), BlobError> {
        Ok(self.store.stream().purge(None).await?)
    }

    async fn info(&self, name: &str) -> Result<Option<ObjectInfo>, BlobError> {
        let found = self.store.found(name).await?;
        Ok(found.map(|found| ObjectInfo { size: found.meta.size, created: found.created }))
    }

    async fn read(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<Object>, BlobError> {
        loop {
            let Some(found) = self.store.found(name).await? else { return Ok(None) };
            let reader = Reader::new(self.store.clone(), &found.meta, &range);
            let size = reader.left();
            // Between the two reads, the object may have been replaced, and its parts deleted.
            let present = self.store.found(name).await?;
            if present.is_some_and(|present| present.sequence == found.sequence) {
                return Ok(Some(Object { size, reader: Box::new(reader) }));
            }
        }
    }

    async fn write(&self, name: &str) -> Result<Box<dyn ObjectWriter>, BlobError> {
        // A handle that is open does not bring a container back.
        self.store.stream().info().await?;
        Ok(Box::new(Writer::new(self.store.clone(), name)))
    }

    async fn delete(&self, names: &[String]) -> Result<(), BlobError> {
        // A container that does not exist fails, also if no name is given.
        self.store.stream().info().await?;
        let deletions: Vec<_> = names.iter().map(|name| self.store.delete_one(name)).collect();
        Ok(stream::iter(deletions).buffer_unordered(BATCH).try_collect::<()>().await?)
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page, BlobError> {
        match self.page(after, limit).await {
            // The connection was lost: a list is sent once more, as other reads are.
            Err(Failure::Unavailable) => Ok(self.page(after, limit).await?),
            page => Ok(page?),
        }
    }

    fn timeout(&self) -> Duration {
        self.store.stream().connection.timeout
    }
}
