//! What travels in airssys messages: the codec prefix and the standard report.
//!
//! Used by both sides of a message: the host, which reads the prefix, and components.

pub mod codec;
pub mod report;

pub use codec::{Codec, PrefixError};
