//! The trait that a backend implements.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::bounds::WithinBatch;
use crate::error::StoreError;

/// A value with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// The version: an opaque text of at most 64 bytes. It differs from that of every other value that
    /// the key had.
    pub version: String,
}

/// The condition under which a value is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// No condition.
    #[default]
    Always,
    /// The key is absent.
    Absent,
    /// The key has this version.
    Version(String),
}

/// The way in which a value is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetOptions {
    /// The time after which the key is absent, from 1 ms to [`MAX_TTL`](crate::MAX_TTL). `None` stands
    /// for never, whatever time the key had before.
    pub ttl: Option<Duration>,
    /// The condition.
    pub condition: Condition,
}

/// A page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys, in any order.
    pub keys: Vec<String>,
    /// The place at which the next page begins, or `None` after the last page.
    pub cursor: Option<String>,
}

/// The values of one label.
///
/// The service checks rights and bounds before each call, and drops a call that takes longer than
/// [`Store::timeout`]. A store keeps its results within the bounds too, before it reads them whole:
/// other programs may have written larger values.
///
/// Keys are UTF-8 and have 1 to [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES) bytes. Values are any bytes.
#[async_trait]
pub trait Store: Send + Sync {
    /// Returns the value of a key with its version.
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError>;

    /// Sets the value of a key if the condition holds, and returns its version. One step: no other
    /// write comes between the check and the write.
    async fn set(&self, key: &str, value: Vec<u8>, options: &SetOptions) -> Result<String, StoreError>;

    /// Deletes keys. Absent keys are skipped.
    async fn delete_many(&self, keys: &[String]) -> Result<(), StoreError>;

    /// Adds to the decimal number in a value in one step, and returns the sum. An absent key counts as
    /// 0. The time to live stays. A value that is not a number, and a sum beyond 64 bits, are
    /// [`StoreError::InvalidArgument`].
    async fn increment(&self, key: &str, delta: i64) -> Result<i64, StoreError>;

    /// Returns about `limit` keys that begin with `prefix`, from a cursor on. A page can have a few more,
    /// or fewer. The cursor comes from the guest.
    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> Result<Page, StoreError>;

    /// Returns the value of a key. By default that of [`Store::get`].
    async fn value(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.get(key).await?.map(|entry| entry.value))
    }

    /// Returns true if a key has a value. By default [`Store::get`] decides.
    async fn exists(&self, key: &str) -> Result<bool, StoreError> {
        Ok(self.get(key).await?.is_some())
    }

    /// Returns the values of keys in their order. By default one after the other.
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let (mut values, mut within) = (Vec::with_capacity(keys.len()), WithinBatch::default());
        for key in keys {
            let value = self.value(key).await?;
            within.add(value.as_ref().map_or(0, Vec::len))?;
            values.push(value);
        }
        Ok(values)
    }

    /// Sets the values of keys. By default one after the other.
    async fn set_many(
        &self,
        entries: Vec<(String, Vec<u8>)>,
        ttl: Option<Duration>,
    ) -> Result<(), StoreError> {
        let options = SetOptions { ttl, condition: Condition::Always };
        for (key, value) in entries {
            self.set(&key, value, &options).await?;
        }
        Ok(())
    }

    /// Returns the label with bounds on its keys and its bytes, for the writes of one component. A write
    /// beyond them is [`StoreError::QuotaExceeded`]. By default `None`: the backend cannot count them.
    fn limited(&self, keys: u64, bytes: u64) -> Option<Arc<dyn Store>> {
        let _ = (keys, bytes);
        None
    }

    /// Returns the time that a call may take.
    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }
}
