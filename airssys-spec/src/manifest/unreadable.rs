//! The reasons for which a file cannot be read, and the remedies.

use std::io::{Error, ErrorKind};

/// A file is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file is not UTF-8: the byte 0x{byte:02x} on line {line} does not fit")]
struct NotUtf8 {
    byte: u8,
    line: usize,
}

/// Returns bytes as text.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|error| {
        let (valid, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = rest.first().copied().unwrap_or_default();
        Error::new(ErrorKind::InvalidData, NotUtf8 { byte, line })
    })
}

/// Returns the message and the help about a file that cannot be read.
pub(super) fn explain(error: &Error) -> (String, String) {
    let unreadable = format!("the file cannot be read: {error}");
    let (message, help) = match error.kind() {
        ErrorKind::InvalidData => (error.to_string(), "save it with the encoding UTF-8"),
        ErrorKind::NotFound => (unreadable, "check the path, or write the file"),
        ErrorKind::IsADirectory => (unreadable, "name the manifest in this folder instead"),
        ErrorKind::PermissionDenied => (unreadable, "check its permissions, and those of its folder"),
        _ => (unreadable, "check the path and the disk"),
    };
    (message, help.to_owned())
}
