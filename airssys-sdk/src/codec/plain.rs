//! Values without a wrapper, which are serde's.

use airssys_message::Codec;
use serde::Serialize;
use serde::de::value::{Error, UnitDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::codec::{Decode, Encode};
use crate::error::{DecodeError, EncodeError};

/// The codecs from which this build reads a plain value.
const READABLE: &[Codec] = &[
    #[cfg(feature = "cbor")]
    Codec::Cbor,
    #[cfg(feature = "json")]
    Codec::Json,
    #[cfg(feature = "messagepack")]
    Codec::MessagePack,
];

impl<T: Serialize + ?Sized> Encode for &T {
    fn codec(&self, preferred: Codec) -> Codec {
        preferred
    }

    fn encode(self, codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        match codec {
            #[cfg(feature = "cbor")]
            Codec::Cbor => super::cbor::write(self, message),
            #[cfg(feature = "json")]
            Codec::Json => super::json::write(self, message),
            #[cfg(feature = "messagepack")]
            Codec::MessagePack => super::messagepack::write(self, message),
            codec => Err(EncodeError::Codec { codec }),
        }
    }
}

impl<T: DeserializeOwned> Decode for T {
    fn decode(codec: Codec, body: &[u8]) -> Result<T, DecodeError> {
        match codec {
            #[cfg(feature = "cbor")]
            Codec::Cbor => super::cbor::read(body),
            #[cfg(feature = "json")]
            Codec::Json => super::json::read(body),
            #[cfg(feature = "messagepack")]
            Codec::MessagePack => super::messagepack::read(body),
            found => Err(DecodeError::Codec { found, expected: READABLE }),
        }
    }

    /// `()`, `None`, or another value that serde makes of a unit.
    fn nothing() -> Result<T, DecodeError> {
        let unit: UnitDeserializer<Error> = ().into_deserializer();
        T::deserialize(unit).map_err(|_| DecodeError::Empty)
    }
}
