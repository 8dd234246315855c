//! The audit: a line of JSON for every denial, every exceeded quota, every change of a grant, every use of
//! a secret and, on request, every message.
//!
//! Recording never waits. A thread writes the lines, from a bounded queue. Events that find no room
//! are counted: one line gives the number of messages, and one line for each kind gives the number of
//! all other events.

mod event;
mod file;
mod handle;
mod line;
mod queue;
mod shares;
mod stats;
#[cfg(test)]
mod tests;
mod trail;
mod writer;

pub use airssys_spec::AuditFile;
pub use event::{AuditEvent, LetterChange, MessageKind};
pub use handle::{Audit, AuditError};
pub use stats::AuditStats;
pub(crate) use trail::Trail;
