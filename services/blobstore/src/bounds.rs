//! Bounds of what a guest gives and gets.

use crate::error::BlobError;

/// The most bytes of an object's name.
pub const MAX_NAME_BYTES: usize = 1024;

/// The most names of one call.
pub const MAX_PAGE_NAMES: usize = 1_000;

/// The most bytes that go to or come from a backend at once: 64 KiB.
pub const CHUNK_BYTES: usize = 64 << 10;

/// The most bytes that a value is consumed with at once: 16 MiB. Larger ones are streamed.
pub const MAX_SYNC_BYTES: u64 = 16 << 20;

/// The most bytes of the values of an instance whose objects are not named yet, together: 1 MiB, and the
/// chunk that exceeds it.
pub(crate) const MAX_UNNAMED_BYTES: usize = 1 << 20;

/// The most values and lists that an instance has open. A value can hold a file.
pub(crate) const MAX_OPEN: usize = 64;

pub(crate) fn invalid(message: impl Into<String>) -> BlobError {
    BlobError::InvalidArgument(message.into())
}

pub(crate) fn check_name(name: &str) -> Result<(), BlobError> {
    match name.len() {
        1..=MAX_NAME_BYTES => Ok(()),
        found => Err(invalid(format!("the name has {found} bytes: 1 to {MAX_NAME_BYTES} are allowed"))),
    }
}

pub(crate) fn check_names(names: &[String]) -> Result<(), BlobError> {
    match names.len() {
        0..=MAX_PAGE_NAMES => names.iter().try_for_each(|name| check_name(name)),
        found => Err(invalid(format!("{found} names are given: {MAX_PAGE_NAMES} are allowed"))),
    }
}
