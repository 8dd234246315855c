//! Values to and from messages.

use airssys_message::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{DecodeError, EncodeError};

/// Enough for most messages without growing.
const INITIAL_CAPACITY_BYTES: usize = 256;

/// A message with this value as CBOR.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut message = Vec::with_capacity(INITIAL_CAPACITY_BYTES);
    Codec::Cbor.write_prefix(&mut message);
    ciborium::into_writer(value, &mut message)
        .map_err(|source| EncodeError::Cbor { source: Box::new(source) })?;
    Ok(message)
}

/// The value in a body of this codec.
pub(crate) fn decode<T: DeserializeOwned>(codec: Codec, body: &[u8]) -> Result<T, DecodeError> {
    match codec {
        Codec::Cbor => {
            ciborium::from_reader(body).map_err(|source| DecodeError::Cbor { source: Box::new(source) })
        }
        #[cfg(feature = "json")]
        Codec::Json => {
            serde_json::from_slice(body).map_err(|source| DecodeError::Json { source: Box::new(source) })
        }
        codec => Err(DecodeError::Codec { codec }),
    }
}

/// The value in a reply. An empty reply is the CBOR null: `()`, or `None`.
pub(crate) fn decode_reply<T: DeserializeOwned>(reply: &[u8]) -> Result<T, DecodeError> {
    const NULL: &[u8] = &[0xf6];
    if reply.is_empty() {
        return decode(Codec::Cbor, NULL);
    }
    let (codec, body) = Codec::split(reply).map_err(|source| DecodeError::Prefix { source })?;
    decode(codec, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let value = (7_u64, -0.5_f64, String::from("4km W of Castaic, CA"), None::<bool>);
        let message = encode(&value).unwrap();
        let (codec, body) = Codec::split(&message).unwrap();
        assert_eq!(codec, Codec::Cbor);
        assert_eq!(decode::<(u64, f64, String, Option<bool>)>(codec, body).unwrap(), value);
        assert_eq!(decode_reply::<(u64, f64, String, Option<bool>)>(&message).unwrap(), value);
    }

    #[test]
    fn an_empty_reply_is_nothing() {
        decode_reply::<()>(&[]).unwrap();
        assert_eq!(decode_reply::<Option<u32>>(&[]).unwrap(), None);
        assert!(matches!(decode_reply::<u32>(&[]), Err(DecodeError::Cbor { .. })));
    }

    #[test]
    fn other_codecs_are_refused_by_name() {
        let refused = decode::<u32>(Codec::Raw, b"x").unwrap_err();
        assert_eq!(refused.to_string(), "bodies encoded as raw are not decoded here");
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_is_decoded() {
        assert_eq!(decode::<Vec<u32>>(Codec::Json, b"[1, 2]").unwrap(), [1, 2]);
        assert!(matches!(decode::<u32>(Codec::Json, b"[1"), Err(DecodeError::Json { .. })));
    }
}
