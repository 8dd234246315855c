//! JSON.

use airssys_message::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Decode, Encode, only};
use crate::error::{DecodeError, EncodeError};

/// A serde value as JSON, whatever the component prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Json<T>(pub T);

impl<T: Serialize + ?Sized> Encode for Json<&T> {
    fn codec(&self, _preferred: Codec) -> Codec {
        Codec::Json
    }

    fn encode(self, _codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        write(self.0, message)
    }
}

impl<T: DeserializeOwned> Decode for Json<T> {
    fn decode(codec: Codec, body: &[u8]) -> Result<Json<T>, DecodeError> {
        only(&[Codec::Json], codec)?;
        read(body).map(Json)
    }

    fn nothing() -> Result<Json<T>, DecodeError> {
        T::nothing().map(Json)
    }
}

pub(super) fn write<T: Serialize + ?Sized>(value: &T, message: &mut Vec<u8>) -> Result<(), EncodeError> {
    serde_json::to_writer(message, value).map_err(|source| EncodeError::new(Codec::Json, source))
}

/// serde_json itself refuses more than 128 levels, and bytes after the value.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(body).map_err(|source| DecodeError::new(Codec::Json, source))
}
