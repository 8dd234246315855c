//! The file to which an audit is written.

use std::path::PathBuf;

/// A file for an audit, and how it is rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFile {
    /// The file. Records are appended to it.
    pub path: PathBuf,
    /// Records messages too, if true. Default: false.
    pub messages: bool,
    /// The size at which the file is numbered and a new one begun, in bytes. Default: 10 MiB.
    pub max_size_bytes: u64,
    /// The number of numbered files that are kept, the newest as `.1`. Default: 5.
    pub keep: u32,
}

impl AuditFile {
    /// Makes the value for this file, with defaults for the rest.
    pub fn new(path: impl Into<PathBuf>) -> AuditFile {
        AuditFile { path: path.into(), messages: false, max_size_bytes: 10 << 20, keep: 5 }
    }
}
