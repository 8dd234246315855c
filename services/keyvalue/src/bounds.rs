//! Bounds of what a guest gives and gets in one call.

use std::time::Duration;

use crate::error::StoreError;

/// The most bytes of a key.
pub const MAX_KEY_BYTES: usize = 1024;

/// The most bytes of a value: 8 MiB.
pub const MAX_VALUE_BYTES: usize = 8 << 20;

/// The most keys of a batch.
pub const MAX_BATCH_KEYS: usize = 1_000;

/// The most bytes of the values of a batch: 16 MiB.
pub const MAX_BATCH_BYTES: usize = 16 << 20;

/// The most keys of a page.
pub const MAX_PAGE_KEYS: usize = 1_000;

/// The most bytes of a cursor and of a version that a guest gives.
pub(crate) const MAX_CURSOR_BYTES: usize = 4 << 10;

/// The longest time to live: ten years of 365 days.
pub const MAX_TTL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The bytes of a batch so far.
#[derive(Debug, Default)]
pub struct WithinBatch(usize);

impl WithinBatch {
    /// Adds the bytes of a value.
    ///
    /// # Errors
    /// [`StoreError::InvalidArgument`] beyond [`MAX_BATCH_BYTES`].
    pub fn add(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.0 = self.0.saturating_add(bytes);
        match self.0 > MAX_BATCH_BYTES {
            true => Err(invalid(format!("the values of a batch have more than {MAX_BATCH_BYTES} bytes"))),
            false => Ok(()),
        }
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> StoreError {
    StoreError::InvalidArgument(message.into())
}

pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    match key.len() {
        1..=MAX_KEY_BYTES => Ok(()),
        found => Err(invalid(format!("the key has {found} bytes: 1 to {MAX_KEY_BYTES} are allowed"))),
    }
}

/// Checks the arguments of a list, before they are handed to a store.
pub(crate) fn check_list(prefix: &str, cursor: Option<&str>) -> Result<(), StoreError> {
    match prefix.len() {
        0..=MAX_KEY_BYTES => check_short("the cursor", cursor.unwrap_or_default()),
        found => Err(invalid(format!("the prefix has {found} bytes: {MAX_KEY_BYTES} are allowed"))),
    }
}

/// Checks a cursor or a version, before it is handed to a store.
pub(crate) fn check_short(of: &str, text: &str) -> Result<(), StoreError> {
    match text.len() {
        0..=MAX_CURSOR_BYTES => Ok(()),
        found => Err(invalid(format!("{of} has {found} bytes: {MAX_CURSOR_BYTES} are allowed"))),
    }
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), StoreError> {
    match value.len() {
        0..=MAX_VALUE_BYTES => Ok(()),
        found => Err(invalid(format!("the value has {found} bytes: {MAX_VALUE_BYTES} are allowed"))),
    }
}

pub(crate) fn check_keys<'a>(keys: impl ExactSizeIterator<Item = &'a String>) -> Result<(), StoreError> {
    if keys.len() > MAX_BATCH_KEYS {
        return Err(invalid(format!("{} keys are given: {MAX_BATCH_KEYS} are allowed", keys.len())));
    }
    keys.into_iter().try_for_each(|key| check_key(key))
}

pub(crate) fn check_entries(entries: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
    check_keys(entries.iter().map(|(key, _)| key))?;
    let mut within = WithinBatch::default();
    entries.iter().try_for_each(|(_, value)| {
        check_value(value)?;
        within.add(value.len())
    })
}

/// Returns a time to live that a guest gives in milliseconds.
pub(crate) fn ttl(ms: Option<u64>) -> Result<Option<Duration>, StoreError> {
    match ms.map(Duration::from_millis) {
        Some(ttl) if ttl.is_zero() || ttl > MAX_TTL => {
            let most = MAX_TTL.as_millis();
            Err(invalid(format!("the time to live must be from 1 to {most} ms")))
        }
        ttl => Ok(ttl),
    }
}
