//! The codec prefix: an unsigned-varint multicodec code in front of a message's body.
//!
//! The codes are those of the [multicodec table](https://github.com/multiformats/multicodec). Borsh and
//! bincode have no code there, so theirs are from its private range (0x300000 to 0x3fffff).

use std::fmt;
use std::str::FromStr;

/// The encoding of a message's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Codec {
    /// Concise Binary Object Representation, RFC 8949.
    Cbor,
    /// JSON, RFC 8259.
    Json,
    /// MessagePack.
    MessagePack,
    /// Protocol Buffers.
    Protobuf,
    /// Bytes that only the two sides understand.
    Raw,
    /// Borsh.
    Borsh,
    /// The bincode wire format.
    Bincode,
}

/// Every codec with its multicodec code and its name in manifests, in the order of the enum.
const TABLE: [(Codec, u32, &str); 7] = [
    (Codec::Cbor, 0x51, "cbor"),
    (Codec::Json, 0x0200, "json"),
    (Codec::MessagePack, 0x0201, "messagepack"),
    (Codec::Protobuf, 0x50, "protobuf"),
    (Codec::Raw, 0x55, "raw"),
    (Codec::Borsh, 0x30_0001, "borsh"),
    (Codec::Bincode, 0x30_0002, "bincode"),
];

/// The longest prefix: a varint of 32 bits, in bytes.
const MAX_PREFIX_BYTES: usize = 5;

/// The reason why the beginning of a message is not a codec prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// The message is empty.
    #[error("the message is empty: it has no codec prefix")]
    Empty,
    /// The varint does not end, is longer than needed, or is larger than 32 bits.
    #[error("the message does not begin with an unsigned varint of at most 32 bits")]
    Malformed,
    /// The code is not that of a codec in [`Codec::all`].
    #[error("0x{0:x} is not the multicodec code of a known codec")]
    Unknown(u32),
}

/// A name that is not that of a codec in [`Codec::all`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a codec: the codecs are cbor, json, messagepack, protobuf, raw, borsh, bincode")]
pub struct UnknownCodec(pub String);

impl Codec {
    /// Every codec.
    pub fn all() -> impl Iterator<Item = Codec> {
        TABLE.iter().map(|(codec, _, _)| *codec)
    }

    /// The multicodec code.
    pub fn code(self) -> u32 {
        self.row().1
    }

    /// The name in manifests and messages, such as `cbor`.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// This codec's bit in a set of at most 32 codecs.
    pub fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Splits a message into its codec and its body.
    ///
    /// # Errors
    /// [`PrefixError`] if the message does not begin with the prefix of a known codec.
    #[inline(always)]
    pub fn split(message: &[u8]) -> Result<(Codec, &[u8]), PrefixError> {
        let (code, body) = match message {
            [] => return Err(PrefixError::Empty),
            [code @ 0..0x80, body @ ..] => (u32::from(*code), body),
            _ => decode_u32(message).ok_or(PrefixError::Malformed)?,
        };
        let codec = TABLE.iter().find(|row| row.1 == code).ok_or(PrefixError::Unknown(code))?.0;
        Ok((codec, body))
    }

    /// Appends the prefix to a buffer. The body follows it.
    #[inline]
    pub fn write_prefix(self, buffer: &mut Vec<u8>) {
        if let code @ 0..0x80 = self.code() {
            return buffer.push(code as u8);
        }
        let mut scratch = unsigned_varint::encode::u32_buffer();
        buffer.extend_from_slice(unsigned_varint::encode::u32(self.code(), &mut scratch));
    }

    /// A message of this codec with this body, in one buffer.
    pub fn message(self, body: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(body.len() + 4);
        self.write_prefix(&mut message);
        message.extend_from_slice(body);
        message
    }

    fn row(self) -> &'static (Codec, u32, &'static str) {
        &TABLE[self as usize]
    }
}

/// Splits off an unsigned varint, if it is as short as possible and fits into 32 bits.
fn decode_u32(message: &[u8]) -> Option<(u32, &[u8])> {
    // Read as 64 bits, because `decode::u32` drops the highest bits of the fifth byte.
    let head = message.get(..MAX_PREFIX_BYTES).unwrap_or(message);
    let (number, rest) = unsigned_varint::decode::u64(head).ok()?;
    Some((u32::try_from(number).ok()?, &message[head.len() - rest.len()..]))
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Codec, UnknownCodec> {
        Codec::all().find(|codec| codec.name() == name).ok_or_else(|| UnknownCodec(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_is_found_by_prefix_and_by_name() {
        for (index, codec) in Codec::all().enumerate() {
            assert_eq!(codec as usize, index, "TABLE is in the order of the enum");
            let message = codec.message(b"body");
            assert_eq!(Codec::split(&message), Ok((codec, &b"body"[..])));
            assert_eq!(codec.name().parse(), Ok(codec));
        }
    }

    #[test]
    fn unknown_prefix_is_refused() {
        assert_eq!(Codec::split(b""), Err(PrefixError::Empty));
        assert_eq!(Codec::split(b"\xff\xff"), Err(PrefixError::Malformed));
        assert_eq!(Codec::split(b"\xff\xff\xff\xff\xff\x01"), Err(PrefixError::Malformed));
        assert_eq!(Codec::split(b"{\"a\":1}"), Err(PrefixError::Unknown(0x7b)));
    }

    #[derive(serde::Deserialize)]
    struct Vector {
        message: String,
        codec: Option<String>,
        #[serde(default)]
        body: String,
    }

    fn bytes(digits: &str) -> Vec<u8> {
        let pairs = (0..digits.len()).step_by(2);
        pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn prefix_is_read_alike_in_every_language() {
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("../vectors/prefixes.json")).unwrap();
        for Vector { message, codec, body } in &vectors {
            let message = bytes(message);
            match (Codec::split(&message), codec) {
                (Ok((read, rest)), Some(codec)) => assert_eq!((read.name(), rest), (&**codec, &*bytes(body))),
                (Err(_), None) => {}
                (read, expected) => panic!("{message:02x?}: {read:?} instead of {expected:?}"),
            }
        }
        assert!(vectors.len() > 30);
    }

    #[test]
    fn only_the_shortest_varint_that_fits_is_a_prefix() {
        for first in 0..=u8::MAX {
            for last in 0..=u8::MAX {
                for between in 0..10 {
                    let message = [&[first][..], &vec![0x80; between], &[last]].concat();
                    if let Ok((codec, body)) = Codec::split(&message) {
                        assert_eq!(codec.message(body), message);
                    }
                }
            }
        }
    }
}
