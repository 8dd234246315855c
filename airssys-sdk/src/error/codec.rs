//! Why a value was not encoded, or a body not decoded.

use std::fmt;

use airssys_message::Codec;

use super::Source;
use crate::codec;

/// Why a value could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The value has no form in this codec.
    #[error("the value cannot be encoded as {codec}")]
    Value {
        /// The codec.
        codec: Codec,
        /// What the codec says.
        source: Source,
    },
    /// A value that names no codec is not written in this one, or not in this build.
    #[error("a value that names no codec is not written as {codec}: {}", wrapper(*codec))]
    Codec {
        /// The codec that was preferred.
        codec: Codec,
    },
}

/// Why a body could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is not the encoding of the type that was asked for.
    #[error("the body is not the {codec} that was expected")]
    Body {
        /// The codec of the body.
        codec: Codec,
        /// What the codec says.
        source: Source,
    },
    /// The value ends before the body does.
    #[error("the {codec} value is followed by bytes that do not belong to it: {count}")]
    TrailingBytes {
        /// The codec of the body.
        codec: Codec,
        /// How many bytes follow.
        count: usize,
    },
    /// The body has another codec than those from which this build reads what was asked for.
    #[error("the body is {found}, not {}: {}", Either(expected), wrapper(*found))]
    Codec {
        /// The codec of the body.
        found: Codec,
        /// The codecs that it could have.
        expected: &'static [Codec],
    },
    /// The reply is empty, and the type that was asked for has no value for that.
    #[error("the reply is empty")]
    Empty,
    /// The body does not begin with a codec.
    #[error("the body has no codec")]
    Prefix {
        /// What is wrong with its beginning.
        source: airssys_message::PrefixError,
    },
}

impl EncodeError {
    /// Says why a value has no form in a codec. For an [`Encode`](crate::codec::Encode) of one's own.
    pub fn new(codec: Codec, source: impl Into<Source>) -> EncodeError {
        EncodeError::Value { codec, source: source.into() }
    }
}

impl DecodeError {
    /// Says why a body is no such value. For a [`Decode`](crate::codec::Decode) of one's own.
    pub fn new(codec: Codec, source: impl Into<Source>) -> DecodeError {
        DecodeError::Body { codec, source: source.into() }
    }

    /// Refuses what follows a value in its body: so many bytes.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] unless it is none.
    pub fn if_more_follows(codec: Codec, count: usize) -> Result<(), DecodeError> {
        if count == 0 { Ok(()) } else { Err(DecodeError::TrailingBytes { codec, count }) }
    }
}

/// What reads and writes a codec, and the feature that it needs if this build lacks it.
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

/// Codecs of which one is enough.
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
