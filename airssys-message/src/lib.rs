//! The codec prefix of airssys messages, the refusal of a codec, and the standard report.
//!
//! Both sides of a message use this crate: the host, which reads the prefix, and components.

pub mod accepts;
pub mod codec;
pub mod report;

pub use accepts::{Accepts, CodecRefused, PrefersNotAccepted};
pub use codec::{Codec, PrefixError};
