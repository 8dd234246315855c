//! The file that an audit is written to.

use std::path::PathBuf;

/// A file for an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFile {
    /// The file; what is in it stays.
    pub path: PathBuf,
    /// Whether messages are recorded too. Default: no.
    pub messages: bool,
    /// The size, in bytes, at which the file gets a number and a new one is begun. Default: 10 MiB.
    pub max_size_bytes: u64,
    /// How many files with a number are kept, the newest as `.1`. Default: 5.
    pub keep: u32,
}

impl AuditFile {
    /// This file, with the defaults of everything.
    pub fn new(path: impl Into<PathBuf>) -> AuditFile {
        AuditFile { path: path.into(), messages: false, max_size_bytes: 10 << 20, keep: 5 }
    }
}
