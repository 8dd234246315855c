//! Bounds of what a guest gives and gets in one call.

use crate::error::SecretError;

/// The most bytes of a secret's name.
pub const MAX_ID_BYTES: usize = 256;

/// The most bytes of a value: 64 KiB.
pub const MAX_VALUE_BYTES: usize = 64 << 10;

/// The most names of a page.
pub const MAX_PAGE_IDS: usize = 1_000;

fn invalid(message: String) -> SecretError {
    SecretError::InvalidArgument(message)
}

pub(crate) fn check_id(id: &str) -> Result<(), SecretError> {
    match id.len() {
        1..=MAX_ID_BYTES => Ok(()),
        found => Err(invalid(format!("the name has {found} bytes: 1 to {MAX_ID_BYTES} are allowed"))),
    }
}

pub(crate) fn check_value(value: &[u8]) -> Result<(), SecretError> {
    match value.len() {
        0..=MAX_VALUE_BYTES => Ok(()),
        found => Err(invalid(format!("the value has {found} bytes: {MAX_VALUE_BYTES} are allowed"))),
    }
}

/// Checks a cursor, which is the name of a secret.
pub(crate) fn check_cursor(cursor: Option<&str>) -> Result<(), SecretError> {
    match cursor.map_or(0, str::len) {
        0..=MAX_ID_BYTES => Ok(()),
        found => Err(invalid(format!("the cursor has {found} bytes: {MAX_ID_BYTES} are allowed"))),
    }
}
