//! The store of a label on an engine that works at once, in memory, or on threads of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::bounds::WithinBatch;
use crate::embedded::options::Quota;
use crate::embedded::rules::{Item, Write, Written};
use crate::error::StoreError;
use crate::store::{Entry, Page, SetOptions, Store};

/// A table of items of all labels.
#[async_trait]
pub(super) trait Engine: Send + Sync {
    /// Does a write to a label. Not cancel safe: a write that was handed over may be done.
    async fn write(&self, label: &Arc<str>, quota: Quota, write: Write) -> Result<Written, StoreError>;

    /// Returns the items of keys that have not expired.
    async fn items(&self, label: &Arc<str>, keys: Vec<String>) -> Result<Vec<Option<Item>>, StoreError>;

    /// Returns a page of keys that have not expired, after this key.
    async fn keys(
        &self,
        label: &Arc<str>,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page, StoreError>;
}

/// One label.
pub(super) struct Label {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) label: Arc<str>,
    pub(super) quota: Quota,
    pub(super) timeout: Duration,
}

impl Label {
    async fn item(&self, key: &str) -> Result<Option<Item>, StoreError> {
        let items = self.engine.items(&self.label, vec![key.to_owned()]).await?;
        Ok(items.into_iter().next().flatten())
    }

    async fn write(&self, write: Write) -> Result<Written, StoreError> {
        self.engine.write(&self.label, self.quota, write).await
    }
}

#[async_trait]
impl Store for Label {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let item = self.item(key).await?;
        Ok(item.map(|item| Entry { value: item.value, version: item.version.to_string() }))
    }

    async fn set(&self, key: &str, value: Vec<u8>, options: &SetOptions) -> Result<String, StoreError> {
        let write = Write::Set { key: key.to_owned(), value, options: options.clone() };
        match self.write(write).await? {
            Written::Version(version) => Ok(version.to_string()),
            written => Err(StoreError::Other(format!("a set ended with {written:?}"))),
        }
    }

    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError> {
        self.write(Write::DeleteMany { keys: keys.to_vec() }).await.map(drop)
    }

    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError> {
        match self.write(Write::Increment { key: key.to_owned(), delta }).await? {
            Written::Sum(sum) => Ok(sum),
            written => Err(StoreError::Other(format!("an increment ended with {written:?}"))),
        }
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let after = cursor.map(str::to_owned);
        self.engine.keys(&self.label, prefix.to_owned(), after, limit).await
    }

    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let items = self.engine.items(&self.label, keys.to_vec()).await?;
        Ok(items.into_iter().map(|item| item.map(|item| item.value)).collect())
    }

    async fn set_many(
        &self,
        entries: Vec<(String, Vec<u8>)>,
        ttl: Option<Duration>,
    ) -> Result<(), StoreError> {
        self.write(Write::SetMany { entries, ttl }).await.map(drop)
    }

    fn limited(&self, keys: u64, bytes: u64) -> Option<Arc<dyn Store>> {
        let (engine, label, timeout) = (Arc::clone(&self.engine), Arc::clone(&self.label), self.timeout);
        Some(Arc::new(Label { engine, label, quota: self.quota.limited(keys, bytes), timeout }))
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// Collects a page from items in the order of their keys, after the cursor. The items are those that
/// begin with the prefix, expired ones included.
pub(super) fn page<E>(
    items: impl Iterator<Item = Result<(String, bool), E>>,
    limit: usize,
) -> Result<Page, E> {
    // Expired items are passed over, but not without a bound.
    let (mut keys, mut seen, mut last) = (Vec::new(), 0, None);
    for item in items {
        if keys.len() == limit || seen == limit.saturating_mul(4).max(64) {
            return Ok(Page { keys, cursor: last });
        }
        let (key, is_live) = item?;
        seen += 1;
        last = Some(key.clone());
        if is_live {
            keys.push(key);
        }
    }
    Ok(Page { keys, cursor: None })
}

/// Adds the bytes of items to those of a batch.
pub(super) fn within(batch: &mut WithinBatch, item: Option<&Item>) -> Result<(), StoreError> {
    batch.add(item.map_or(0, |item| item.value.len()))
}
