//! The `[audit]` of `app.toml`.

use std::path::Path;

use super::amount::Unit;
use super::load::join;
use super::reader::{Located, Table};
use crate::audit_file::AuditFile;

/// The least size at which a new file is started: a few hundred lines.
const LEAST_SIZE: u64 = 64 << 10;

/// The largest size at which a new file is started.
const MOST_SIZE: u64 = 1 << 40;

/// The most old files that may be kept.
const MOST_KEPT: u64 = 1_000;

/// An `[audit]` table as it is written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) file: Located<String>,
    messages: bool,
    max_size: u64,
    keep: u64,
}

/// Reads the table. Returns `None` if it does not name a file.
pub(super) fn read(table: Table<'_>) -> Option<Written> {
    let file = table.required("file", "\"audit.jsonl\"", |text| Ok(text.to_owned()));
    let messages = table.boolean("messages").into_value().unwrap_or_default();
    let default = AuditFile::new("");
    let max_size = table.amount("max_size", Unit::Bytes, LEAST_SIZE..=MOST_SIZE, default.max_size_bytes);
    let keep = table.amount("keep", Unit::Count, 0..=MOST_KEPT, u64::from(default.keep));
    table.finish();
    Some(Written {
        file: file.written().cloned()?,
        messages,
        max_size: max_size.into_value().unwrap_or(default.max_size_bytes),
        keep: keep.into_value().unwrap_or(u64::from(default.keep)),
    })
}

impl Written {
    /// Returns the file, in the folder of the manifest if it is relative.
    pub(super) fn file(&self, manifest: &Path) -> AuditFile {
        AuditFile {
            path: join(manifest, &self.file.value),
            messages: self.messages,
            max_size_bytes: self.max_size,
            // No more than MOST_KEPT, so it fits.
            keep: self.keep as u32,
        }
    }
}
