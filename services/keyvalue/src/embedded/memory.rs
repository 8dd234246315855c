//! The items in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::bounds::WithinBatch;
use crate::embedded::options::Quota;
use crate::embedded::rules::{self, Item, Items, Usage, Write, Written};
use crate::embedded::shared::{self, Engine};
use crate::error::StoreError;
use crate::store::Page;

/// The items of all labels.
#[derive(Default)]
pub(super) struct MemoryEngine(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    labels: HashMap<Arc<str>, Label>,
    /// The expiry of each item that expires, with its label and its key.
    expiries: BTreeSet<(u64, Arc<str>, String)>,
    total_bytes: u64,
    last_version: u64,
}

#[derive(Default)]
struct Label {
    items: BTreeMap<String, Item>,
    bytes: u64,
}

/// The items of one label.
struct LabelItems<'a> {
    tables: &'a mut Tables,
    label: &'a Arc<str>,
}

impl Tables {
    fn take(&mut self, label: &Arc<str>, key: &str) {
        let Some(of_label) = self.labels.get_mut(label) else { return };
        let Some(old) = of_label.items.remove(key) else { return };
        let size = rules::size(key, old.value.len());
        of_label.bytes -= size;
        self.total_bytes -= size;
        if of_label.items.is_empty() {
            self.labels.remove(label);
        }
        if let Some(expires) = old.expires_ms {
            self.expiries.remove(&(expires, Arc::clone(label), key.to_owned()));
        }
    }
}

impl Items for LabelItems<'_> {
    fn get(&self, key: &str) -> Result<Option<Item>, StoreError> {
        Ok(self.tables.labels.get(self.label).and_then(|label| label.items.get(key)).cloned())
    }

    fn size(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let item = self.tables.labels.get(self.label).and_then(|label| label.items.get(key));
        Ok(item.map(|item| rules::size(key, item.value.len())))
    }

    fn put(&mut self, key: &str, item: Item) -> Result<(), StoreError> {
        self.tables.take(self.label, key);
        let size = rules::size(key, item.value.len());
        if let Some(expires) = item.expires_ms {
            self.tables.expiries.insert((expires, Arc::clone(self.label), key.to_owned()));
        }
        let label = self.tables.labels.entry(Arc::clone(self.label)).or_default();
        label.items.insert(key.to_owned(), item);
        label.bytes += size;
        self.tables.total_bytes += size;
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<(), StoreError> {
        self.tables.take(self.label, key);
        Ok(())
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        let label = self.tables.labels.get(self.label);
        let (label_keys, label_bytes) = label.map_or((0, 0), |label| (label.items.len() as u64, label.bytes));
        Ok(Usage { label_keys, label_bytes, total_bytes: self.tables.total_bytes })
    }

    fn next_version(&mut self) -> Result<u64, StoreError> {
        self.tables.last_version += 1;
        Ok(self.tables.last_version)
    }

    fn purge(&mut self, now_ms: u64, most: usize) -> Result<bool, StoreError> {
        for _ in 0..most {
            let Some((_, label, key)) = self.tables.expiries.first().filter(|first| first.0 <= now_ms) else {
                return Ok(false);
            };
            let (label, key) = (Arc::clone(label), key.clone());
            self.tables.take(&label, &key);
        }
        Ok(true)
    }
}

impl MemoryEngine {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    async fn write(&self, label: &Arc<str>, quota: Quota, write: Write) -> Result<Written, StoreError> {
        let mut tables = self.lock();
        let mut items = LabelItems { tables: &mut tables, label };
        rules::apply(&mut items, &quota, rules::now_ms(), write)
    }

    async fn items(&self, label: &Arc<str>, keys: Vec<String>) -> Result<Vec<Option<Item>>, StoreError> {
        let (tables, now_ms) = (self.lock(), rules::now_ms());
        let (mut found, mut batch) = (Vec::with_capacity(keys.len()), WithinBatch::default());
        for key in &keys {
            let item = tables.labels.get(label).and_then(|label| label.items.get(key));
            let item = item.filter(|item| item.is_live(now_ms));
            shared::within(&mut batch, item)?;
            found.push(item.cloned());
        }
        Ok(found)
    }

    async fn keys(
        &self,
        label: &Arc<str>,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let (tables, now_ms) = (self.lock(), rules::now_ms());
        let Some(label) = tables.labels.get(label) else { return Ok(Page::default()) };
        let from = match after.as_deref().filter(|after| *after >= prefix.as_str()) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix.as_str()),
        };
        let items = label.items.range::<str, _>((from, Bound::Unbounded));
        let items = items.take_while(|(key, _)| key.starts_with(&prefix));
        shared::page(items.map(|(key, item)| Ok((key.clone(), item.is_live(now_ms)))), limit)
    }
}
