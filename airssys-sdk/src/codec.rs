//! Values to and from messages: one codec per file. The type of the value picks the codec.
//!
//! | sent | is written as | asked for | is read from |
//! |---|---|---|---|
//! | `&value`, a [`serde::Serialize`] | [`Component::PREFERS`](crate::Component::PREFERS) | `T`, a [`serde::Deserialize`] | CBOR, JSON or MessagePack, as the prefix says |
//! | `Cbor(&value)`, `Json(&value)`, `MessagePack(&value)` | that | `Cbor<T>`, `Json<T>`, `MessagePack<T>` | that alone |
//! | `Borsh(&value)`, a `BorshSerialize` | Borsh | `Borsh<T>`, a `BorshDeserialize` | Borsh |
//! | `Bincode(&value)`, a `wincode::SchemaWrite` | Bincode | `Bincode<T>`, a `wincode::SchemaRead` | Bincode |
//! | `Protobuf(&value)`, a `prost::Message` | Protobuf | `Protobuf<T>`, a `prost::Message` | Protobuf |
//! | [`Raw(bytes)`](Raw) | Raw | [`Raw`]`<Vec<u8>>` | Raw |
//! | [`Encoded(codec, body)`](Encoded) | that codec | [`Encoded`]`<Vec<u8>>` | any |
//!
//! Each codec but raw has a feature of its own name; `cbor` is on unless default features are off.
//! A body is exactly one value; bytes after it are an error.

#[cfg(feature = "bincode")]
mod bincode;
#[cfg(feature = "borsh")]
mod borsh;
#[cfg(feature = "cbor")]
mod cbor;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "messagepack")]
mod messagepack;
#[cfg(any(feature = "cbor", feature = "json", feature = "messagepack"))]
mod plain;
#[cfg(feature = "protobuf")]
mod protobuf;
mod raw;

use airssys_message::Codec;

use crate::error::{DecodeError, EncodeError};

#[cfg(feature = "bincode")]
pub use self::bincode::Bincode;
#[cfg(feature = "borsh")]
pub use self::borsh::Borsh;
#[cfg(feature = "cbor")]
pub use self::cbor::Cbor;
#[cfg(feature = "json")]
pub use self::json::Json;
#[cfg(feature = "messagepack")]
pub use self::messagepack::MessagePack;
#[cfg(feature = "protobuf")]
pub use self::protobuf::Protobuf;
pub use self::raw::{Encoded, Raw};

/// The deepest nesting of a value in a body of CBOR or MessagePack; the same in the SDKs of all languages.
///
/// A guest's stack has 1 MiB. Borsh and bincode do not have such a limit: see `docs/codecs.md`.
#[cfg(any(feature = "cbor", feature = "messagepack"))]
const MAX_DEPTH: usize = 128;

/// The capacity of a new buffer, with which most messages fit without growing it.
const INITIAL_CAPACITY_BYTES: usize = 256;

/// A value that can be sent: a reference to a serde value, or a value in the wrapper of its codec.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the body of a message",
    label = "neither a reference to a value that implements `serde::Serialize` nor in a codec's wrapper",
    note = "send `&value` and derive `serde::Serialize` for it (features `cbor`, `json`, `messagepack` of airssys-sdk)",
    note = "or name its codec: `Borsh(&value)`, `Bincode(&value)`, `Protobuf(&value)`, `Raw(bytes)`"
)]
pub trait Encode {
    /// The codec in which the value is written: `preferred` for a value without a wrapper.
    fn codec(&self, preferred: Codec) -> Codec;

    /// Appends the value to a message that has the prefix of this codec.
    ///
    /// # Errors
    /// [`EncodeError`] if the value has no form in this codec.
    fn encode(self, codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError>;
}

/// A value that can be asked for: a serde value, or a value in the wrapper of its codec.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from the body of a message",
    label = "neither implements `serde::Deserialize` nor is in a codec's wrapper",
    note = "derive `serde::Deserialize` for it (features `cbor`, `json`, `messagepack` of airssys-sdk)",
    note = "or name its codec: `Borsh<T>`, `Bincode<T>`, `Protobuf<T>`, `Raw<Vec<u8>>`"
)]
pub trait Decode: Sized {
    /// Decodes the value in a body of this codec.
    ///
    /// # Errors
    /// [`DecodeError`] if the type is not read from this codec, or the body is not a value of it.
    fn decode(codec: Codec, body: &[u8]) -> Result<Self, DecodeError>;

    /// The value of an empty reply, which does not even have a codec.
    ///
    /// # Errors
    /// [`DecodeError::Empty`] unless the type has an empty value.
    fn nothing() -> Result<Self, DecodeError> {
        Err(DecodeError::Empty)
    }
}

/// Encodes a value as a whole message: the codec's prefix and the body.
///
/// ```
/// use airssys_sdk::codec::{self, Raw};
/// use airssys_sdk::Codec;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// assert_eq!(codec::encode(&"apples", Codec::Cbor)?, b"\x51\x66apples");
/// assert_eq!(codec::encode(Raw("apples"), Codec::Cbor)?, b"\x55apples");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`EncodeError`] if the value has no form in its codec.
pub fn encode(value: impl Encode, preferred: Codec) -> Result<Vec<u8>, EncodeError> {
    let mut message = Vec::new();
    append(value, preferred, &mut message)?;
    Ok(message)
}

/// Appends a whole message to a buffer. After an error the buffer may hold a part of it.
#[inline]
pub(crate) fn append(value: impl Encode, preferred: Codec, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
    if buffer.capacity() == 0 {
        buffer.reserve(INITIAL_CAPACITY_BYTES);
    }
    let codec = value.codec(preferred);
    codec.write_prefix(buffer);
    value.encode(codec, buffer)
}

/// Decodes the value in a whole message.
///
/// ```
/// use airssys_sdk::codec;
///
/// # fn main() -> Result<(), airssys_sdk::DecodeError> {
/// assert_eq!(codec::decode::<String>(b"\x51\x66apples")?, "apples");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`DecodeError`] if the message has no prefix, if a `T` is not read from its codec, or if the body
/// is not a `T`.
pub fn decode<T: Decode>(message: &[u8]) -> Result<T, DecodeError> {
    let (codec, body) = Codec::split(message).map_err(|source| DecodeError::Prefix { source })?;
    T::decode(codec, body)
}

/// Decodes the value in a reply, which may be empty.
pub(crate) fn decode_reply<T: Decode>(reply: &[u8]) -> Result<T, DecodeError> {
    if reply.is_empty() { T::nothing() } else { decode(reply) }
}

/// Returns true if the SDK is built with this codec.
#[allow(clippy::match_like_matches_macro, reason = "an arm's value is that of its feature")]
pub(crate) const fn is_built(codec: Codec) -> bool {
    match codec {
        Codec::Cbor => cfg!(feature = "cbor"),
        Codec::Json => cfg!(feature = "json"),
        Codec::MessagePack => cfg!(feature = "messagepack"),
        Codec::Borsh => cfg!(feature = "borsh"),
        Codec::Bincode => cfg!(feature = "bincode"),
        Codec::Protobuf => cfg!(feature = "protobuf"),
        Codec::Raw => true,
        _ => false,
    }
}

/// Returns true if values without a wrapper can be in this codec.
pub(crate) const fn is_plain(codec: Codec) -> bool {
    matches!(codec, Codec::Cbor | Codec::Json | Codec::MessagePack)
}

/// Stops a build whose preferred codec cannot be written. Builds without a serde codec pass, because
/// they have no value that would be written in it.
#[doc(hidden)]
pub const fn check_prefers(prefers: Codec) {
    if !(is_built(Codec::Cbor) || is_built(Codec::Json) || is_built(Codec::MessagePack)) {
        return;
    }
    assert!(
        is_plain(prefers),
        "PREFERS has to be Codec::Cbor, Codec::Json or Codec::MessagePack: the codecs of values without a wrapper"
    );
    assert!(
        is_built(prefers),
        "airssys-sdk is built without the codec of PREFERS: add the feature of that name, or set another PREFERS"
    );
}

/// Refuses a body of any codec but this one.
fn only(expected: &'static [Codec; 1], found: Codec) -> Result<(), DecodeError> {
    if expected[0] == found { Ok(()) } else { Err(DecodeError::Codec { found, expected }) }
}

#[cfg(test)]
mod nesting;
#[cfg(test)]
mod tests;
