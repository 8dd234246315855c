//! The tables of the file.

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition,
    TableError, WriteTransaction,
};

use crate::bounds::WithinBatch;
use crate::embedded::options::Quota;
use crate::embedded::rules::{self, Item, Items, Usage, Write, Written};
use crate::embedded::shared;
use crate::error::StoreError;
use crate::store::Page;

/// Each item by its label, a zero byte, and its key. A label has no zero byte.
const ITEMS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("items");

/// The items that expire, by the time and then as in [`ITEMS`].
const EXPIRIES: TableDefinition<'_, (u64, &[u8]), ()> = TableDefinition::new("expiries");

/// The keys and bytes of each label. The empty label stands for all.
const USAGE: TableDefinition<'_, &str, (u64, u64)> = TableDefinition::new("usage");

/// Numbers of the whole file.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The key of the last version in [`META`].
const VERSION: &str = "version";

/// The label that stands for all in [`USAGE`].
const TOTAL: &str = "";

/// The bytes before the value: its version and its expiry, or 0 if it does not expire.
const HEAD: usize = 16;

/// Makes the tables, if there are none, so that readers find them. A full disk has no room for a commit,
/// and a file with tables is read without one.
pub(super) fn create(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_read()?;
    match transaction.open_table(META) {
        Ok(_) => return Ok(()),
        Err(TableError::TableDoesNotExist(_)) => drop(transaction),
        Err(error) => return Err(error.into()),
    }
    let transaction = database.begin_write()?;
    drop((transaction.open_table(ITEMS)?, transaction.open_table(EXPIRIES)?));
    drop((transaction.open_table(USAGE)?, transaction.open_table(META)?));
    transaction.commit()?;
    Ok(())
}

/// Opens every table for reading.
///
/// redb panics at a damaged list of tables. While another table is open for writing, that panic would end the
/// program, so it is found here.
pub(super) fn check(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_read()?;
    drop((transaction.open_table(ITEMS)?, transaction.open_table(EXPIRIES)?));
    drop((transaction.open_table(USAGE)?, transaction.open_table(META)?));
    Ok(())
}

fn path(label: &str, key: &str) -> Vec<u8> {
    [label.as_bytes(), &[0], key.as_bytes()].concat()
}

/// Splits a path into label and key.
fn parts(path: &[u8]) -> Option<(&str, &str)> {
    let end = path.iter().position(|byte| *byte == 0)?;
    Some((std::str::from_utf8(&path[..end]).ok()?, std::str::from_utf8(path.get(end + 1..)?).ok()?))
}

fn encode(item: &Item) -> Vec<u8> {
    let head = [item.version.to_le_bytes(), item.expires_ms.unwrap_or(0).to_le_bytes()].concat();
    [head, item.value.clone()].concat()
}

/// An item without a copy of its value.
struct Head {
    version: u64,
    expires_ms: Option<u64>,
    value_bytes: usize,
}

fn head(bytes: &[u8]) -> Option<Head> {
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let expires_ms = number(8)?;
    let value_bytes = bytes.len().checked_sub(HEAD)?;
    Some(Head { version: number(0)?, expires_ms: (expires_ms > 0).then_some(expires_ms), value_bytes })
}

fn decode(bytes: &[u8]) -> Option<Item> {
    let Head { version, expires_ms, .. } = head(bytes)?;
    Some(Item { version, expires_ms, value: bytes.get(HEAD..)?.to_vec() })
}

/// Reads at one moment.
pub(super) struct Reader<'a> {
    items: ReadOnlyTable<&'static [u8], &'static [u8]>,
    transaction: std::marker::PhantomData<&'a ReadTransaction>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(transaction: &'a ReadTransaction) -> Result<Reader<'a>, redb::Error> {
        Ok(Reader { items: transaction.open_table(ITEMS)?, transaction: std::marker::PhantomData })
    }

    /// Returns the items of keys that have not expired.
    pub(super) fn items(
        &self,
        label: &str,
        keys: &[String],
    ) -> Result<Result<Vec<Option<Item>>, StoreError>, redb::Error> {
        let (mut found, mut batch, now_ms) =
            (Vec::with_capacity(keys.len()), WithinBatch::default(), rules::now_ms());
        for key in keys {
            let item = self.items.get(&*path(label, key))?.and_then(|bytes| decode(bytes.value()));
            let item = item.filter(|item| item.is_live(now_ms));
            if let Err(error) = shared::within(&mut batch, item.as_ref()) {
                return Ok(Err(error));
            }
            found.push(item);
        }
        Ok(Ok(found))
    }

    /// Returns a page of keys that have not expired.
    pub(super) fn keys(
        &self,
        label: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, redb::Error> {
        let (whole, now_ms) = (path(label, prefix), rules::now_ms());
        // The key that follows another begins with it and a zero byte.
        let from = match after.filter(|after| *after >= prefix) {
            Some(after) => [path(label, after), vec![0]].concat(),
            None => whole.clone(),
        };
        let items = self.items.range(&*from..)?;
        let within =
            items.take_while(|item| item.as_ref().map_or(true, |(path, _)| path.value().starts_with(&whole)));
        let live = within.map(|item| {
            let (path, bytes) = item?;
            let key = parts(path.value()).map(|(_, key)| key.to_owned()).unwrap_or_default();
            let is_live = head(bytes.value()).is_some_and(|head| rules::is_live(head.expires_ms, now_ms));
            Ok((key, is_live))
        });
        shared::page(live, limit)
    }
}

/// Writes within one commit.
pub(super) struct Writer<'t> {
    items: Table<'t, &'static [u8], &'static [u8]>,
    expiries: Table<'t, (u64, &'static [u8]), ()>,
    usage: Table<'t, &'static str, (u64, u64)>,
    meta: Table<'t, &'static str, u64>,
    /// The first error of the file. Then nothing is committed.
    failed: std::cell::RefCell<Option<redb::Error>>,
}

impl<'t> Writer<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction) -> Result<Writer<'t>, redb::Error> {
        Ok(Writer {
            items: transaction.open_table(ITEMS)?,
            expiries: transaction.open_table(EXPIRIES)?,
            usage: transaction.open_table(USAGE)?,
            meta: transaction.open_table(META)?,
            failed: std::cell::RefCell::default(),
        })
    }

    pub(super) fn apply(&mut self, label: &str, quota: &Quota, write: Write) -> Result<Written, StoreError> {
        let mut items = LabelWriter { writer: self, label };
        rules::apply(&mut items, quota, rules::now_ms(), write)
    }

    /// Ends the writes.
    pub(super) fn finish(self) -> Result<(), redb::Error> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    fn checked<T>(&self, result: Result<T, redb::StorageError>) -> Result<T, StoreError> {
        result.map_err(|error| {
            self.failed.borrow_mut().get_or_insert(error.into());
            StoreError::Unavailable
        })
    }

    fn count(&mut self, label: &str, change: impl Fn(u64, u64) -> (u64, u64)) -> Result<(), StoreError> {
        for name in [label, TOTAL] {
            let (keys, bytes) = change_of(&self.usage, name, &change).map_err(|error| {
                self.failed.borrow_mut().get_or_insert(error.into());
                StoreError::Unavailable
            })?;
            let stored = match (name, keys) {
                // A label without keys needs no entry.
                (label, 0) if label != TOTAL => self.usage.remove(label).map(drop),
                _ => self.usage.insert(name, (keys, bytes)).map(drop),
            };
            self.checked(stored)?;
        }
        Ok(())
    }

    fn take(&mut self, path: &[u8]) -> Result<(), StoreError> {
        let removed = self.items.remove(path).map(|old| old.and_then(|old| head(old.value())));
        let Some(old) = self.checked(removed)? else { return Ok(()) };
        if let Some(expires) = old.expires_ms {
            let removed = self.expiries.remove((expires, path)).map(drop);
            self.checked(removed)?;
        }
        let Some((label, key)) = parts(path) else { return Ok(()) };
        let size = rules::size(key, old.value_bytes);
        self.count(label, |keys, bytes| (keys.saturating_sub(1), bytes.saturating_sub(size)))
    }
}

fn change_of(
    usage: &Table<'_, &'static str, (u64, u64)>,
    label: &str,
    change: &impl Fn(u64, u64) -> (u64, u64),
) -> Result<(u64, u64), redb::StorageError> {
    let (keys, bytes) = usage.get(label)?.map_or((0, 0), |usage| usage.value());
    Ok(change(keys, bytes))
}

/// The items of one label within a commit.
struct LabelWriter<'a, 't> {
    writer: &'a mut Writer<'t>,
    label: &'a str,
}

impl Items for LabelWriter<'_, '_> {
    fn get(&self, key: &str) -> Result<Option<Item>, StoreError> {
        let found = self.writer.items.get(&*path(self.label, key));
        let found = found.map(|item| item.and_then(|bytes| decode(bytes.value())));
        self.writer.checked(found)
    }

    fn size(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let found = self.writer.items.get(&*path(self.label, key));
        let found = found.map(|item| item.and_then(|bytes| head(bytes.value())));
        Ok(self.writer.checked(found)?.map(|head| rules::size(key, head.value_bytes)))
    }

    fn put(&mut self, key: &str, item: Item) -> Result<(), StoreError> {
        let path = path(self.label, key);
        self.writer.take(&path)?;
        let size = rules::size(key, item.value.len());
        let stored = self.writer.items.insert(&*path, &*encode(&item)).map(drop);
        self.writer.checked(stored)?;
        if let Some(expires) = item.expires_ms {
            let stored = self.writer.expiries.insert((expires, &*path), ()).map(drop);
            self.writer.checked(stored)?;
        }
        self.writer.count(self.label, |keys, bytes| (keys + 1, bytes + size))
    }

    fn remove(&mut self, key: &str) -> Result<(), StoreError> {
        self.writer.take(&path(self.label, key))
    }

    fn usage(&self) -> Result<Usage, StoreError> {
        let of = |name: &str| -> Result<(u64, u64), StoreError> {
            let found = self.writer.usage.get(name).map(|usage| usage.map_or((0, 0), |usage| usage.value()));
            self.writer.checked(found)
        };
        let ((label_keys, label_bytes), (_, total_bytes)) = (of(self.label)?, of(TOTAL)?);
        Ok(Usage { label_keys, label_bytes, total_bytes })
    }

    fn next_version(&mut self) -> Result<u64, StoreError> {
        let last = self.writer.meta.get(VERSION).map(|last| last.map_or(0, |last| last.value()));
        let next = self.writer.checked(last)? + 1;
        let stored = self.writer.meta.insert(VERSION, next).map(drop);
        self.writer.checked(stored)?;
        Ok(next)
    }

    fn purge(&mut self, now_ms: u64, most: usize) -> Result<bool, StoreError> {
        let expired = {
            let found = self.writer.expiries.range((0, [].as_slice())..=(now_ms, [].as_slice()));
            let paths = found.and_then(|found| {
                let found = found.take(most).map(|entry| Ok(entry?.0.value().1.to_vec()));
                found.collect::<Result<Vec<_>, redb::StorageError>>()
            });
            self.writer.checked(paths)?
        };
        for path in &expired {
            self.writer.take(path)?;
        }
        Ok(expired.len() == most)
    }
}
