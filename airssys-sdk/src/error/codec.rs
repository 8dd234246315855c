//! The errors of encoding a value and of decoding a body.

use std::fmt;

use airssys_message::Codec;

use super::Source;
use crate::codec;

/// The reason why a value could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value has no form in this codec.
    #[error("the value cannot be encoded as {codec}")]
    Value {
        /// The codec.
        codec: Codec,
        /// The codec's error.
        source: Source,
    },
    /// A value without a wrapper cannot be written in this codec, or not in this build.
    #[error("a value without a wrapper is not written as {codec}: {}", wrapper(*codec))]
    Codec {
        /// The codec that was preferred.
        codec: Codec,
    },
}

/// The reason why a body could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The body is not an encoding of the type that was asked for.
    #[error("the body is not the {codec} that was expected")]
    Body {
        /// The codec of the body.
        codec: Codec,
        /// The codec's error.
        source: Source,
    },
    /// The value ends before the body does.
    #[error("the {codec} value is followed by bytes that do not belong to it: {count}")]
    TrailingBytes {
        /// The codec of the body.
        codec: Codec,
        /// The number of bytes that follow.
        count: usize,
    },
    /// This build does not read the type that was asked for from the body's codec.
    #[error("the body is {found}, not {}: {}", Either(expected), wrapper(*found))]
    Codec {
        /// The codec of the body.
        found: Codec,
        /// The codecs from which this build reads the type.
        expected: &'static [Codec],
    },
    /// The reply is empty, and the type that was asked for has no empty value.
    #[error("the reply is empty")]
    Empty,
    /// The body does not begin with a codec.
    #[error("the body has no codec")]
    Prefix {
        /// The error in the prefix.
        source: airssys_message::PrefixError,
    },
}

impl EncodeError {
    /// Makes the error of a value that has no form in a codec. For your own
    /// [`Encode`](crate::codec::Encode).
    pub fn new(codec: Codec, source: impl Into<Source>) -> EncodeError {
        EncodeError::Value { codec, source: source.into() }
    }
}

impl DecodeError {
    /// Makes the error of a body that is not a value of the type. For your own
    /// [`Decode`](crate::codec::Decode).
    pub fn new(codec: Codec, source: impl Into<Source>) -> DecodeError {
        DecodeError::Body { codec, source: source.into() }
    }

    /// Refuses a body in which this number of bytes follows the value.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] unless the number is 0.
    pub fn if_more_follows(codec: Codec, count: usize) -> Result<(), DecodeError> {
        if count == 0 { Ok(()) } else { Err(DecodeError::TrailingBytes { codec, count }) }
    }
}

/// Advice on a codec: its wrapper, and its feature if this build lacks it.
fn wrapper(codec: Codec) -> String {
    let wrapper = match codec {
        Codec::Cbor => "Cbor",
        Codec::Json => "Json",
        Codec::MessagePack => "MessagePack",
        Codec::Protobuf => "Protobuf",
        Codec::Raw => "Raw",
        Codec::Borsh => "Borsh",
        Codec::Bincode => "Bincode",
        _ => "Encoded",
    };
    let feature = if codec::is_built(codec) {
        String::new()
    } else {
        format!(", with the feature `{codec}` of airssys-sdk")
    };
    let plain = if codec::is_plain(codec) { " or no wrapper at all" } else { "" };
    format!("that takes `{wrapper}`{plain}{feature}")
}

/// Writes codecs as alternatives: `cbor, json or raw`.
struct Either(&'static [Codec]);

impl fmt::Display for Either {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, codec) in self.0.iter().enumerate() {
            let separator = match index {
                0 => "",
                last if last + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{separator}{codec}")?;
        }
        Ok(())
    }
}
