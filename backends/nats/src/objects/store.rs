//! An object store: the descriptions of its objects, and their parts.

use std::sync::Arc;
use std::time::Duration;

use async_nats::header;

use super::meta::{self, Found, Meta};
use crate::connection::Connection;
use crate::errors::Failure;
use crate::stream::{Publish, Stream};

/// The time for which the server keeps the mark of a deleted object.
const MARK_TTL: Duration = Duration::from_secs(300);

/// The most attempts of a change of an object. Each that fails means that another change came before.
const MAX_ATTEMPTS: u32 = 100;

/// An object store on a server. Cheap to clone.
#[derive(Clone)]
pub(super) struct ObjectStore(Arc<Place>);

struct Place {
    stream: Stream,
    /// The text before the name of an object, and the one before that of its parts.
    names: String,
    parts: String,
    bucket: String,
}

impl ObjectStore {
    pub(super) fn new(connection: Arc<Connection>, bucket: &str) -> ObjectStore {
        ObjectStore(Arc::new(Place {
            stream: Stream::new(connection, format!("OBJ_{bucket}")),
            names: format!("$O.{bucket}.M."),
            parts: format!("$O.{bucket}.C."),
            bucket: bucket.to_owned(),
        }))
    }

    pub(super) fn stream(&self) -> &Stream {
        &self.0.stream
    }

    pub(super) fn bucket(&self) -> &str {
        &self.0.bucket
    }

    /// Returns the text before the names of objects.
    pub(super) fn names(&self) -> &str {
        &self.0.names
    }

    /// Returns the filters of all subjects.
    pub(super) fn subjects(&self) -> Vec<String> {
        [&self.0.parts, &self.0.names].map(|before| format!("{before}>")).into()
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
    pub(super) async fn found(&self, name: &str) -> Result<Option<Found>, Failure> {
        Ok(self.last(name).await?.filter(|found| found.meta.is_object()))
    }

    /// Puts a description into its place, and returns the one that it replaces. The parts of the latter
    /// stay.
    pub(super) async fn replace(&self, meta: &Meta, ttl: Option<Duration>) -> Result<Option<Found>, Failure> {
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

    pub(super) async fn delete_one(&self, name: &str) -> Result<(), Failure> {
        let old = self.replace(&Meta::deleted(name, &self.0.bucket), Some(MARK_TTL)).await?;
        if let Some(old) = old {
            self.delete_parts(&old.meta.nuid).await;
        }
        Ok(())
    }

    pub(super) fn parts(&self, nuid: &str) -> String {
        format!("{}{nuid}", self.0.parts)
    }

    /// Deletes the parts of an object that is gone, now or after its last reader. The work goes on if the
    /// caller gives up, and a failure leaves parts that nobody reads.
    pub(super) async fn delete_parts(&self, nuid: &str) {
        let parts = self.parts(nuid);
        if self.0.stream.connection.holds.delete(&parts) {
            self.purge(parts).await.ok();
        }
    }

    pub(super) fn purge(&self, parts: String) -> tokio::task::JoinHandle<()> {
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(failure) = store.0.stream.purge(Some(&parts)).await {
                tracing::debug!(target: "airssys::nats", "the parts {parts} are left: {failure:?}");
            }
        })
    }
}
