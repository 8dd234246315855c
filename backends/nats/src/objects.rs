//! A container as an object store of JetStream.
//!
//! The parts of an object are messages on a subject of its own, and one message on the subject of its name
//! describes them. That message puts an object into its place, so it is in place at once or not at all.

mod meta;
mod reader;
mod writer;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use airssys_blobstore::{BlobError, Container, MAX_NAME_BYTES, Object, ObjectInfo, ObjectWriter, Page};
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::{header, jetstream};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::connection::Connection;
use crate::errors::Failure;
use crate::stream::{Listing, Publish, Stream};

use meta::{Found, Meta};
use reader::Reader;
use writer::Writer;

/// The time for which the server keeps the mark of a deleted object.
const MARK_TTL: Duration = Duration::from_secs(300);

/// The most attempts of a change of an object. Each that fails means that another change came before.
const MAX_ATTEMPTS: u32 = 100;

/// The most deletions at once.
const BATCH: usize = 8;

/// The most descriptions that a list asks for at once.
const LISTED: usize = 256;

/// A container on a server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct NatsContainer(Arc<Place>);

struct Place {
    stream: Stream,
    /// The text before the name of an object, and the one before that of its parts.
    names: String,
    parts: String,
    bucket: String,
    max_bytes: i64,
}

impl NatsContainer {
    pub(crate) fn new(connection: Arc<Connection>, bucket: &str, max_bytes: i64) -> NatsContainer {
        NatsContainer(Arc::new(Place {
            stream: Stream::new(connection, format!("OBJ_{bucket}")),
            names: format!("$O.{bucket}.M."),
            parts: format!("$O.{bucket}.C."),
            bucket: bucket.to_owned(),
            max_bytes,
        }))
    }

    fn subject(&self, name: &str) -> String {
        format!("{}{}", self.0.names, meta::encode(name))
    }

    /// Returns the description of a name, also that of a deleted object.
    async fn last(&self, name: &str) -> Result<Option<Found>, Failure> {
        let message = self.0.stream.last(&self.subject(name)).await?;
        message.map(|message| Found::parse(&message)).transpose()
    }

    /// Returns the description of an object.
    async fn found(&self, name: &str) -> Result<Option<Found>, Failure> {
        Ok(self.last(name).await?.filter(|found| found.meta.is_object()))
    }

    /// Puts a description into its place, and returns the one that it replaces. The parts of the latter
    /// stay.
    async fn replace(&self, meta: &Meta, ttl: Option<Duration>) -> Result<Option<Found>, Failure> {
        let bytes = serde_json::to_vec(meta).map_err(|_| Failure::Refused(0))?;
        for _ in 0..MAX_ATTEMPTS {
            let old = self.last(&meta.name).await?;
            if meta.deleted && old.as_ref().is_none_or(|old| !old.meta.is_object()) {
                return Ok(None);
            }
            let expected = Some(old.as_ref().map_or(0, |old| old.sequence));
            let mut publish = Publish { expected, ttl, ..Publish::default() };
            publish.headers.insert(header::NATS_ROLLUP, "sub");
            let written =
                self.0.stream.publish(&self.subject(&meta.name), publish, bytes.clone().into()).await;
            match written {
                // Another change came before, and nothing was written.
                Err(Failure::Conflict) => {}
                Err(failure) => return Err(failure),
                Ok(_) => return Ok(old.filter(|old| old.meta.is_object())),
            }
        }
        Err(Failure::Conflict)
    }

    async fn delete_one(&self, name: &str) -> Result<(), Failure> {
        let old = self.replace(&Meta::deleted(name, &self.0.bucket), Some(MARK_TTL)).await?;
        if let Some(old) = old {
            self.delete_parts(&old.meta.nuid).await;
        }
        Ok(())
    }

    fn parts(&self, nuid: &str) -> String {
        format!("{}{nuid}", self.0.parts)
    }

    /// Deletes the parts of an object that is gone, now or after its last reader. The work goes on if the
    /// caller gives up, and a failure leaves parts that nobody reads.
    async fn delete_parts(&self, nuid: &str) {
        let parts = self.parts(nuid);
        if self.0.stream.connection.holds.delete(&parts) {
            self.purge(parts).await.ok();
        }
    }

    fn purge(&self, parts: String) -> tokio::task::JoinHandle<()> {
        let container = self.clone();
        tokio::spawn(async move {
            if let Err(failure) = container.0.stream.purge(Some(&parts)).await {
                tracing::debug!(target: "airssys::nats", "the parts {parts} are left: {failure:?}");
            }
        })
    }

    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Page, Failure> {
        let listing =
            Listing { filter: format!("{}>", self.0.names), from: None, headers_only: false, batch: LISTED };
        // The first names after the last one. Others are passed over, so that a large container does not
        // fill the memory.
        let (mut first, mut is_last) = (BTreeSet::new(), true);
        let mut visit = |message: &jetstream::Message, _: u64, _: u64| {
            let name = message.subject.strip_prefix(&self.0.names).and_then(meta::decode);
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
        self.0.stream.each(listing, &mut visit).await?;
        Ok(Page { names: first.into_iter().collect(), is_last })
    }
}

#[async_trait]
impl Container for NatsContainer {
    async fn created(&self) -> Result<Option<u64>, BlobError> {
        match self.0.stream.info().await {
            Ok(info) => Ok(Some(u64::try_from(info.created.unix_timestamp()).unwrap_or_default())),
            Err(Failure::NoStream) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn create(&self) -> Result<(), BlobError> {
        let config = Config {
            subjects: vec![format!("{}>", self.0.parts), format!("{}>", self.0.names)],
            max_bytes: self.0.max_bytes,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            ..Config::default()
        };
        Ok(self.0.stream.create(config).await.map(drop)?)
    }

    async fn remove(&self) -> Result<(), BlobError> {
        Ok(self.0.stream.remove().await?)
    }

    async fn clear(&self) -> Result<(), BlobError> {
        Ok(self.0.stream.purge(None).await?)
    }

    async fn info(&self, name: &str) -> Result<Option<ObjectInfo>, BlobError> {
        let found = self.found(name).await?;
        Ok(found.map(|found| ObjectInfo { size: found.meta.size, created: found.created }))
    }

    async fn read(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<Object>, BlobError> {
        loop {
            let Some(found) = self.found(name).await? else { return Ok(None) };
            let reader = Reader::new(self.clone(), &found.meta, &range);
            let size = reader.left();
            // Between the two reads, the object may have been replaced, and its parts deleted.
            let present = self.found(name).await?;
            if present.is_some_and(|present| present.sequence == found.sequence) {
                return Ok(Some(Object { size, reader: Box::new(reader) }));
            }
        }
    }

    async fn write(&self, name: &str) -> Result<Box<dyn ObjectWriter>, BlobError> {
        // A handle that is open does not bring a container back.
        self.0.stream.info().await?;
        Ok(Box::new(Writer::new(self.clone(), name)))
    }

    async fn delete(&self, names: &[String]) -> Result<(), BlobError> {
        // A container that does not exist fails, also if no name is given.
        self.0.stream.info().await?;
        let deletions: Vec<_> = names.iter().map(|name| self.delete_one(name)).collect();
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
        self.0.stream.connection.timeout
    }
}
