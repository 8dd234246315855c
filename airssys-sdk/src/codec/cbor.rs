//! CBOR.

use airssys_message::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Decode, Encode, MAX_DEPTH, only};
use crate::error::{DecodeError, EncodeError};

/// A serde value as CBOR, whatever the component prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cbor<T>(pub T);

impl<T: Serialize + ?Sized> Encode for Cbor<&T> {
    fn codec(&self, _preferred: Codec) -> Codec {
        Codec::Cbor
    }

    fn encode(self, _codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        write(self.0, message)
    }
}

impl<T: DeserializeOwned> Decode for Cbor<T> {
    fn decode(codec: Codec, body: &[u8]) -> Result<Cbor<T>, DecodeError> {
        only(&[Codec::Cbor], codec)?;
        read(body).map(Cbor)
    }

    fn nothing() -> Result<Cbor<T>, DecodeError> {
        T::nothing().map(Cbor)
    }
}

pub(super) fn write<T: Serialize + ?Sized>(value: &T, message: &mut Vec<u8>) -> Result<(), EncodeError> {
    ciborium::into_writer(value, message).map_err(|source| EncodeError::new(Codec::Cbor, source))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let mut rest = body;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|source| DecodeError::new(Codec::Cbor, source))?;
    DecodeError::if_more_follows(Codec::Cbor, rest.len())?;
    Ok(value)
}
