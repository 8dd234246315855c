//! Bytes as they are: in the codec raw, or in a codec that other code writes and reads.

use airssys_message::Codec;

use crate::codec::{Decode, Encode, only};
use crate::error::{DecodeError, EncodeError};

/// Bytes that only the two sides understand. Anything that has bytes can be sent, such as
/// `Raw("text")`; the receiver asks for `Raw<Vec<u8>>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Raw<B>(pub B);

/// A body of any codec that is already encoded, to be sent; or a received body, to be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Encoded<B>(pub Codec, pub B);

impl<B: AsRef<[u8]>> Encode for Raw<B> {
    fn codec(&self, _preferred: Codec) -> Codec {
        Codec::Raw
    }

    fn encode(self, _codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        message.extend_from_slice(self.0.as_ref());
        Ok(())
    }
}

impl Decode for Raw<Vec<u8>> {
    fn decode(codec: Codec, body: &[u8]) -> Result<Raw<Vec<u8>>, DecodeError> {
        only(&[Codec::Raw], codec)?;
        Ok(Raw(body.to_vec()))
    }

    fn nothing() -> Result<Raw<Vec<u8>>, DecodeError> {
        Ok(Raw(Vec::new()))
    }
}

impl<B: AsRef<[u8]>> Encode for Encoded<B> {
    fn codec(&self, _preferred: Codec) -> Codec {
        self.0
    }

    fn encode(self, _codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        message.extend_from_slice(self.1.as_ref());
        Ok(())
    }
}

impl Decode for Encoded<Vec<u8>> {
    fn decode(codec: Codec, body: &[u8]) -> Result<Encoded<Vec<u8>>, DecodeError> {
        Ok(Encoded(codec, body.to_vec()))
    }
}
