//! The semantics that both embedded stores share, over any table of items.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bounds::invalid;
use crate::embedded::options::Quota;
use crate::error::StoreError;
use crate::store::{Condition, SetOptions};

/// The bytes that an item counts beyond those of its key and its value.
const ITEM_BYTES: u64 = 64;

/// The most expired items that a write removes by the way.
const PURGED_BY_A_WRITE: usize = 16;

/// A value in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) value: Vec<u8>,
    pub(super) version: u64,
    /// The time at which it expires, in milliseconds since 1970.
    pub(super) expires_ms: Option<u64>,
}

impl Item {
    pub(super) fn is_live(&self, now_ms: u64) -> bool {
        is_live(self.expires_ms, now_ms)
    }
}

/// Returns true if the time of expiry has not come.
pub(super) fn is_live(expires_ms: Option<u64>, now_ms: u64) -> bool {
    expires_ms.is_none_or(|expires| now_ms < expires)
}

/// The keys and bytes of one label, and those of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) label_keys: u64,
    pub(super) label_bytes: u64,
    pub(super) total_bytes: u64,
}

/// The items of one label within a table.
pub(super) trait Items {
    /// Returns an item, also one that has expired.
    fn get(&self, key: &str) -> Result<Option<Item>, StoreError>;
    /// Returns the bytes that an item counts, also one that has expired.
    fn size(&self, key: &str) -> Result<Option<u64>, StoreError>;
    fn put(&mut self, key: &str, item: Item) -> Result<(), StoreError>;
    fn remove(&mut self, key: &str) -> Result<(), StoreError>;
    fn usage(&self) -> Result<Usage, StoreError>;
    /// Returns a number that no item has had.
    fn next_version(&mut self) -> Result<u64, StoreError>;
    /// Removes at most this many expired items of any label. Returns true if there may be more.
    fn purge(&mut self, now_ms: u64, most: usize) -> Result<bool, StoreError>;
}

/// A write to one label.
#[derive(Debug)]
pub(super) enum Write {
    Set { key: String, value: Vec<u8>, options: SetOptions },
    SetMany { entries: Vec<(String, Vec<u8>)>, ttl: Option<Duration> },
    DeleteMany { keys: Vec<String> },
    Increment { key: String, delta: i64 },
}

impl Write {
    /// Returns the bytes of keys and values.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Write::Set { key, value, .. } => key.len() + value.len(),
            Write::SetMany { entries, .. } => {
                entries.iter().map(|(key, value)| key.len() + value.len()).sum()
            }
            Write::DeleteMany { keys } => keys.iter().map(String::len).sum(),
            Write::Increment { key, .. } => key.len(),
        }
    }
}

/// The result of a write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    Done,
    Version(u64),
    Sum(i64),
}

/// Returns the time in milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the bytes that an item counts.
pub(super) fn size(key: &str, value_bytes: usize) -> u64 {
    (key.len() + value_bytes) as u64 + ITEM_BYTES
}

/// Does a write. On an error that is not the table's, nothing has changed.
pub(super) fn apply(
    items: &mut dyn Items,
    quota: &Quota,
    now_ms: u64,
    write: Write,
) -> Result<Written, StoreError> {
    items.purge(now_ms, PURGED_BY_A_WRITE)?;
    match write {
        Write::Set { key, value, options } => {
            let present = live(items, &key, now_ms)?;
            let holds = match (&options.condition, &present) {
                (Condition::Always, _) | (Condition::Absent, None) => true,
                (Condition::Version(expected), Some(item)) => *expected == item.version.to_string(),
                (Condition::Absent, Some(_)) | (Condition::Version(_), None) => false,
            };
            if !holds {
                return Err(StoreError::PreconditionFailed);
            }
            let expires_ms = options.ttl.map(|ttl| expiry(now_ms, ttl));
            put(items, quota, now_ms, &key, value, expires_ms).map(Written::Version)
        }
        Write::SetMany { entries, ttl } => {
            let expires_ms = ttl.map(|ttl| expiry(now_ms, ttl));
            // The last value of a key that is given twice counts.
            let entries: BTreeMap<_, _> = entries.into_iter().collect();
            let sizes: Vec<_> = entries.iter().map(|(key, value)| (&**key, value.len())).collect();
            check_quota(items, quota, now_ms, &sizes)?;
            for (key, value) in entries {
                let version = items.next_version()?;
                items.put(&key, Item { value, version, expires_ms })?;
            }
            Ok(Written::Done)
        }
        Write::DeleteMany { keys } => {
            keys.iter().try_for_each(|key| items.remove(key))?;
            Ok(Written::Done)
        }
        Write::Increment { key, delta } => {
            let present = live(items, &key, now_ms)?;
            let expires_ms = present.as_ref().and_then(|item| item.expires_ms);
            let number = present.map_or(Ok(0), |item| number(&item.value))?;
            let sum = number.checked_add(delta).ok_or_else(|| invalid("the sum does not fit 64 bits"))?;
            put(items, quota, now_ms, &key, sum.to_string().into_bytes(), expires_ms)?;
            Ok(Written::Sum(sum))
        }
    }
}

/// Returns an item that has not expired.
pub(super) fn live(items: &dyn Items, key: &str, now_ms: u64) -> Result<Option<Item>, StoreError> {
    Ok(items.get(key)?.filter(|item| item.is_live(now_ms)))
}

/// Returns the time at which an item expires.
fn expiry(now_ms: u64, ttl: Duration) -> u64 {
    now_ms.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
}

/// Returns the number in a value, in the only form that every backend reads: neither `+1` nor `01`.
fn number(value: &[u8]) -> Result<i64, StoreError> {
    let text = std::str::from_utf8(value).ok();
    let number = text.and_then(|text| text.parse::<i64>().ok().filter(|number| number.to_string() == text));
    number.ok_or_else(|| invalid("the value is not a decimal number of 64 bits"))
}

fn put(
    items: &mut dyn Items,
    quota: &Quota,
    now_ms: u64,
    key: &str,
    value: Vec<u8>,
    expires_ms: Option<u64>,
) -> Result<u64, StoreError> {
    check_quota(items, quota, now_ms, &[(key, value.len())])?;
    let version = items.next_version()?;
    items.put(key, Item { value, version, expires_ms })?;
    Ok(version)
}

/// Checks that values of these lengths fit. Expired items make room first.
fn check_quota(
    items: &mut dyn Items,
    quota: &Quota,
    now_ms: u64,
    entries: &[(&str, usize)],
) -> Result<(), StoreError> {
    loop {
        let refused = match exceeded(items, quota, entries)? {
            Some(refused) => refused,
            None => return Ok(()),
        };
        let before = items.usage()?;
        let more = items.purge(now_ms, 1_000)?;
        if !more && items.usage()? == before {
            return Err(StoreError::QuotaExceeded(refused));
        }
    }
}

fn exceeded(
    items: &dyn Items,
    quota: &Quota,
    entries: &[(&str, usize)],
) -> Result<Option<String>, StoreError> {
    let (mut usage, mut freed) = (items.usage()?, 0);
    for (key, length) in entries {
        let added = size(key, *length);
        usage.label_bytes += added;
        usage.total_bytes += added;
        match items.size(key)? {
            Some(old) => freed += old,
            None => usage.label_keys += 1,
        }
    }
    let over = [
        (usage.label_keys, quota.label_keys, "the label has too many keys"),
        (usage.label_bytes.saturating_sub(freed), quota.label_bytes, "the label has too many bytes"),
        (usage.total_bytes.saturating_sub(freed), quota.total_bytes, "the backend has too many bytes"),
    ];
    let over = over.into_iter().find(|(used, most, _)| used > most);
    Ok(over.map(|(_, most, what)| format!("{what}: {most} are allowed")))
}
