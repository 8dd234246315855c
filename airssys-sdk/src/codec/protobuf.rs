//! Protocol Buffers.

use airssys_message::Codec;
use prost::Message;

use crate::codec::{Decode, Encode, only};
use crate::error::{DecodeError, EncodeError};

/// A value as Protocol Buffers: a `prost::Message`, derived or generated from a `.proto` file.
///
/// An empty reply is the message in which every field has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Protobuf<T>(pub T);

impl<T: Message> Encode for Protobuf<&T> {
    fn codec(&self, _preferred: Codec) -> Codec {
        Codec::Protobuf
    }

    fn encode(self, _codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.0.encode(message).map_err(|source| EncodeError::new(Codec::Protobuf, source))
    }
}

impl<T: Message + Default> Decode for Protobuf<T> {
    fn decode(codec: Codec, body: &[u8]) -> Result<Protobuf<T>, DecodeError> {
        only(&[Codec::Protobuf], codec)?;
        T::decode(body).map(Protobuf).map_err(|source| DecodeError::new(Codec::Protobuf, source))
    }

    fn nothing() -> Result<Protobuf<T>, DecodeError> {
        Ok(Protobuf(T::default()))
    }
}
