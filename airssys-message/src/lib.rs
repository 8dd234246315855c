//! What travels in airssys messages: the codec prefix and the standard report; and what two sides
//! whose codecs differ are told.
//!
//! Used by both sides of a message: the host, which reads the prefix, and components.

pub mod accepts;
pub mod codec;
pub mod report;

pub use accepts::{Accepts, CodecRefused, PrefersNotAccepted};
pub use codec::{Codec, PrefixError};
