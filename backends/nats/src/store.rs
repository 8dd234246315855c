//! A label of the key-value service as a bucket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use airssys_keyvalue::{
    Condition, Entry, MAX_KEY_BYTES, MAX_VALUE_BYTES, Page, SetOptions, Store, StoreError, WithinBatch,
};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::{HeaderMap, header, jetstream};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::connection::Connection;
use crate::errors::Failure;
use crate::keys;
use crate::stream::{Listing, Publish, Stream};

/// The header of the time at which a value expires, in milliseconds since 1970. The server's own times to
/// live are whole seconds, and it removes values a while after them.
const EXPIRES: &str = "Airssys-Expires";

const OPERATION: &str = "KV-Operation";
const DELETED: &str = "DEL";

/// The time for which the server keeps the mark of a deleted key.
const MARK_TTL: Duration = Duration::from_secs(300);

/// The most attempts of an increment. Each that fails means that another write came before.
const MAX_ATTEMPTS: u32 = 1_000;

/// The most messages that a page looks at. Marks and keys of other prefixes are among them.
const MAX_LISTED: usize = 10_000;

/// The most calls of a batch at once.
const BATCH: usize = 4;

/// The room for the headers of a value.
const HEADER_BYTES: i32 = 64 << 10;

/// A bucket on a server.
pub(crate) struct NatsStore {
    stream: Stream,
    /// The text before each key.
    prefix: String,
    max_bytes: i64,
}

/// The last message of a key, which may be no value any more.
struct Last {
    message: Option<StreamMessage>,
}

impl Last {
    fn sequence(&self) -> u64 {
        self.message.as_ref().map_or(0, |message| message.sequence)
    }

    /// Returns the message, if it is a value that has not expired.
    fn live(&self) -> Option<&StreamMessage> {
        self.message.as_ref().filter(|message| is_live(&message.headers, now_ms()))
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn expires_ms(headers: &HeaderMap) -> Option<u64> {
    headers.get(EXPIRES)?.as_str().parse().ok()
}

/// Returns true if a message with these headers is a value that has not expired.
fn is_live(headers: &HeaderMap, now_ms: u64) -> bool {
    let is_mark = headers.get(OPERATION).is_some_and(|operation| operation.as_str() != "PUT")
        || headers.get(header::NATS_MARKER_REASON).is_some();
    !is_mark && expires_ms(headers).is_none_or(|expires| now_ms < expires)
}

fn value(message: &StreamMessage) -> Result<Vec<u8>, StoreError> {
    if message.payload.len() > MAX_VALUE_BYTES {
        return Err(invalid("the value is larger than a call may return"));
    }
    Ok(message.payload.to_vec())
}

fn invalid(text: &str) -> StoreError {
    StoreError::InvalidArgument(text.to_owned())
}

impl NatsStore {
    pub(crate) fn new(connection: Arc<Connection>, bucket: &str, max_bytes: i64) -> NatsStore {
        let stream = Stream::new(connection, format!("KV_{bucket}"));
        NatsStore { stream, prefix: format!("$KV.{bucket}."), max_bytes }
    }

    fn subject(&self, key: &str) -> String {
        format!("{}{}", self.prefix, keys::encode(key))
    }

    /// Creates the bucket, unless it exists.
    async fn ready(&self) -> Result<(), Failure> {
        match self.stream.traits().await {
            Err(Failure::NoStream) => {}
            known => return known.map(drop),
        }
        let config = Config {
            subjects: vec![format!("{}>", self.prefix)],
            max_messages_per_subject: 1,
            max_bytes: self.max_bytes,
            max_message_size: i32::try_from(MAX_VALUE_BYTES).unwrap_or(i32::MAX).saturating_add(HEADER_BYTES),
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            ..Config::default()
        };
        self.stream.create(config).await.map(drop)
    }

    async fn last(&self, key: &str) -> Result<Last, Failure> {
        self.ready().await?;
        Ok(Last { message: self.stream.last(&self.subject(key)).await? })
    }

    /// Writes a value that expires at a time.
    async fn put(
        &self,
        key: &str,
        value: Bytes,
        expires_ms: Option<u64>,
        expected: Option<u64>,
    ) -> Result<u64, Failure> {
        self.ready().await?;
        let mut publish = Publish { expected, ..Publish::default() };
        if let Some(expires) = expires_ms {
            publish.headers.insert(EXPIRES, expires.to_string());
            publish.ttl = Some(Duration::from_millis(expires.saturating_sub(now_ms())));
        }
        self.stream.publish(&self.subject(key), publish, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.ready().await?;
        let mut publish = Publish { ttl: Some(MARK_TTL), ..Publish::default() };
        publish.headers.insert(OPERATION, DELETED);
        self.stream.publish(&self.subject(key), publish, Bytes::new()).await.map(drop)
    }

    /// Sets a value if the key is absent.
    async fn create(&self, key: &str, value: Bytes, expires_ms: Option<u64>) -> Result<u64, Failure> {
        let mut expected = 0;
        for _ in 0..MAX_ATTEMPTS {
            match self.put(key, value.clone(), expires_ms, Some(expected)).await {
                Err(Failure::Conflict) => {}
                done => return done,
            }
            // The mark of a deleted key, and a value that has expired, are replaced.
            let last = self.last(key).await?;
            if last.live().is_some() {
                return Err(Failure::Conflict);
            }
            expected = last.sequence();
        }
        Err(Failure::Conflict)
    }
}

impl NatsStore {
    /// Lists keys that were written from a sequence on.
    async fn page(&self, prefix: &str, from: u64, limit: usize) -> Result<Page, Failure> {
        let listing = Listing {
            filter: format!("{}{}", self.prefix, keys::filter(prefix)),
            from: Some(from),
            headers_only: true,
            batch: limit.max(100),
        };
        let (mut page, mut looked, now_ms) = (Page::default(), 0, now_ms());
        let mut visit = |message: &jetstream::Message, sequence: u64, left: u64| {
            looked += 1;
            let is_live = message.headers.as_ref().is_none_or(|headers| is_live(headers, now_ms));
            let key = message.subject.strip_prefix(&self.prefix).filter(|_| is_live);
            let key = key.and_then(keys::decode).filter(|key| key.starts_with(prefix));
            page.keys.extend(key.filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len())));
            // A key that is written meanwhile comes again on a later page.
            page.cursor = (left > 0).then(|| sequence.saturating_add(1).to_string());
            page.keys.len() < limit && looked < MAX_LISTED
        };
        self.stream.each(listing, &mut visit).await?;
        Ok(page)
    }
}

/// Returns the time at which a value expires.
fn expiry(ttl: Option<Duration>) -> Option<u64> {
    let ttl = u64::try_from(ttl?.as_millis()).unwrap_or(u64::MAX);
    Some(now_ms().saturating_add(ttl))
}

/// Returns the time at which a value expires that an increment replaces, also if another program gave it
/// a time to live.
fn kept_expiry(message: &StreamMessage) -> Result<Option<u64>, StoreError> {
    if let Some(expires) = expires_ms(&message.headers) {
        return Ok(Some(expires));
    }
    let Some(ttl) = message.headers.get(header::NATS_MESSAGE_TTL).filter(|ttl| ttl.as_str() != "never")
    else {
        return Ok(None);
    };
    let seconds = ttl.as_str().strip_suffix('s').unwrap_or(ttl.as_str()).parse::<u64>();
    let seconds = seconds.map_err(|_| invalid("the key has a time to live in an unknown form"))?;
    let written = u64::try_from(message.time.unix_timestamp()).unwrap_or_default();
    Ok(Some(written.saturating_add(seconds).saturating_mul(1_000)))
}

/// Returns the number in a value, in the only form that every backend reads: neither `+1` nor `01`.
fn number(value: &[u8]) -> Result<i64, StoreError> {
    let text = std::str::from_utf8(value).ok();
    let number = text.and_then(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == text));
    number.ok_or_else(|| invalid("the value is not a decimal number of 64 bits"))
}

#[async_trait]
impl Store for NatsStore {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let last = self.last(key).await?;
        let entry = |message: &StreamMessage| {
            Ok(Entry { value: value(message)?, version: message.sequence.to_string() })
        };
        last.live().map(entry).transpose()
    }

    async fn exists(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.last(key).await?.live().is_some())
    }

    async fn set(&self, key: &str, value: Vec<u8>, options: &SetOptions) -> Result<String, StoreError> {
        let (value, expires_ms) = (Bytes::from(value), expiry(options.ttl));
        let sequence = match &options.condition {
            Condition::Always => self.put(key, value, expires_ms, None).await,
            Condition::Absent => self.create(key, value, expires_ms).await,
            Condition::Version(version) => {
                // The mark of a deletion has a sequence too, which must not count as a version.
                let last = self.last(key).await?;
                let sequence = last.live().map(|message| message.sequence);
                match sequence.filter(|sequence| sequence.to_string() == *version) {
                    Some(sequence) => self.put(key, value, expires_ms, Some(sequence)).await,
                    None => Err(Failure::Conflict),
                }
            }
        };
        Ok(sequence?.to_string())
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        let deletions: Vec<_> = keys.iter().map(|key| self.delete(key)).collect();
        Ok(stream::iter(deletions).buffer_unordered(BATCH).try_collect::<()>().await?)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        for attempt in 0..MAX_ATTEMPTS {
            let last = self.last(key).await?;
            let (present, expires_ms) = match last.live() {
                Some(message) => (number(&message.payload)?, kept_expiry(message)?),
                None => (0, None),
            };
            let sum = present.checked_add(delta).ok_or_else(|| invalid("the sum does not fit 64 bits"))?;
            let value = sum.to_string().into_bytes().into();
            match self.put(key, value, expires_ms, Some(last.sequence())).await {
                Ok(_) => return Ok(sum),
                // Another write came before, and nothing was written.
                Err(Failure::Conflict) => {}
                Err(failure) => return Err(failure.into()),
            }
            // Many writers do not try at once.
            let most = u64::from(attempt.min(20)) * 1_000;
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..=most))).await;
        }
        Err(StoreError::Other("too many other writers".to_owned()))
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let unknown = |_| invalid("the cursor is unknown");
        let from: u64 = cursor.map_or(Ok(1), |cursor| cursor.parse().map_err(unknown))?;
        self.ready().await?;
        if !self.stream.traits().await?.has_no_history {
            let reason = "it keeps more than the last value of a key, so its keys cannot be listed";
            return Err(Failure::Unfit(reason).into());
        }
        match self.page(prefix, from, limit).await {
            // The connection was lost: a list is sent once more, as other reads are.
            Err(Failure::Unavailable) => Ok(self.page(prefix, from, limit).await?),
            page => Ok(page?),
        }
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let values: Vec<_> = keys.iter().map(|key| self.value(key)).collect();
        let mut values = stream::iter(values).buffered(BATCH);
        let (mut found, mut within) = (Vec::with_capacity(keys.len()), WithinBatch::default());
        while let Some(value) = values.next().await {
            let value = value?;
            within.add(value.as_ref().map_or(0, Vec::len))?;
            found.push(value);
        }
        Ok(found)
    }

    async fn set_many(
        &self,
        entries: Vec<(String, Vec<u8>)>,
        ttl: Option<Duration>,
    ) -> Result<(), StoreError> {
        // The last value of a key that is given twice counts.
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        let expires_ms = expiry(ttl);
        let writes = entries.into_iter().map(|(key, value)| async move {
            self.put(&key, value.into(), expires_ms, None).await.map(drop)
        });
        Ok(stream::iter(writes).buffer_unordered(BATCH).try_collect::<()>().await?)
    }

    fn timeout(&self) -> Duration {
        self.stream.connection.timeout
    }
}
