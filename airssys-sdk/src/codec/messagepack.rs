//! MessagePack.

use airssys_message::Codec;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Decode, Encode, MAX_DEPTH, only};
use crate::error::{DecodeError, EncodeError};

/// A serde value as MessagePack, whatever the component prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessagePack<T>(pub T);

impl<T: Serialize + ?Sized> Encode for MessagePack<&T> {
    fn codec(&self, _preferred: Codec) -> Codec {
        Codec::MessagePack
    }

    fn encode(self, _codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        write(self.0, message)
    }
}

impl<T: DeserializeOwned> Decode for MessagePack<T> {
    fn decode(codec: Codec, body: &[u8]) -> Result<MessagePack<T>, DecodeError> {
        only(&[Codec::MessagePack], codec)?;
        read(body).map(MessagePack)
    }

    fn nothing() -> Result<MessagePack<T>, DecodeError> {
        T::nothing().map(MessagePack)
    }
}

/// Writes structs as maps with the fields' names, as in CBOR and JSON, because a reader may then know
/// more fields, or fewer.
pub(super) fn write<T: Serialize + ?Sized>(value: &T, message: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut serializer = rmp_serde::Serializer::new(message).with_struct_map();
    value.serialize(&mut serializer).map_err(|source| EncodeError::new(Codec::MessagePack, source))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let mut rest = body;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    deserializer.set_max_depth(MAX_DEPTH);
    let value =
        T::deserialize(&mut deserializer).map_err(|source| DecodeError::new(Codec::MessagePack, source))?;
    DecodeError::if_more_follows(Codec::MessagePack, rest.len())?;
    Ok(value)
}
