//! The counters of an audit.

/// The counters of an audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct AuditStats {
    /// Lines that were written.
    pub lines: u64,
    /// Messages without a line, because the queue had no room or the line could not be written.
    pub messages_dropped: u64,
    /// Writes that failed.
    pub failures: u64,
    /// Events other than messages that wait to be written. After the audit has ended, they will never
    /// be written.
    pub waiting: u64,
}
