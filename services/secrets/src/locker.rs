//! The trait that a backend implements.

use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::error::SecretError;

/// The value of a secret, which is erased when it is dropped.
pub type Value = Zeroizing<Vec<u8>>;

/// A page of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The names, in the order of their bytes.
    pub ids: Vec<String>,
    /// The last name, if more follow.
    pub cursor: Option<String>,
}

/// Returns a page of names that are in the order of their bytes: those after the cursor.
pub fn page(ids: impl IntoIterator<Item = String>, limit: usize) -> Page {
    let mut ids = ids.into_iter();
    let found: Vec<String> = ids.by_ref().take(limit).collect();
    let cursor = ids.next().and_then(|_| found.last().cloned());
    Page { ids: found, cursor }
}

/// The secrets of one locker.
///
/// The service checks rights and arguments before each call, and drops a call that takes longer than
/// [`Locker::timeout`]. Names have 1 to [`MAX_ID_BYTES`](crate::MAX_ID_BYTES) bytes of UTF-8. Values are
/// any bytes, up to [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES). Other programs may have written larger
/// ones, which are an [`InvalidArgument`](SecretError::InvalidArgument).
#[async_trait]
pub trait Locker: Send + Sync {
    /// Returns the value of a secret.
    async fn get(&self, id: &str) -> Result<Option<Value>, SecretError>;

    /// Sets the value of a secret.
    async fn set(&self, id: &str, value: Value) -> Result<(), SecretError>;

    /// Deletes a secret. Succeeds if it does not exist.
    async fn delete(&self, id: &str) -> Result<(), SecretError>;

    /// Returns true if a secret exists.
    async fn exists(&self, id: &str) -> Result<bool, SecretError>;

    /// Returns at most `limit` names after a cursor, in the order of their bytes. The cursor comes from the
    /// guest.
    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Page, SecretError>;

    /// Returns the time that a call may take.
    fn timeout(&self) -> Duration {
        Duration::from_secs(5)
    }
}
