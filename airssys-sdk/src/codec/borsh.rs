//! Borsh.

use airssys_message::Codec;
use borsh::{BorshDeserialize, BorshSerialize};

use crate::codec::{Decode, Encode, only};
use crate::error::{DecodeError, EncodeError};

/// A value as Borsh: `borsh::BorshSerialize` to be sent, `borsh::BorshDeserialize` to be read.
///
/// Borsh is not self-describing: both sides need the same type, field by field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Borsh<T>(pub T);

impl<T: BorshSerialize + ?Sized> Encode for Borsh<&T> {
    fn codec(&self, _preferred: Codec) -> Codec {
        Codec::Borsh
    }

    fn encode(self, _codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.0.serialize(message).map_err(|source| EncodeError::new(Codec::Borsh, source))
    }
}

impl<T: BorshDeserialize> Decode for Borsh<T> {
    fn decode(codec: Codec, body: &[u8]) -> Result<Borsh<T>, DecodeError> {
        only(&[Codec::Borsh], codec)?;
        let mut rest = body;
        let value = T::deserialize(&mut rest).map_err(|source| DecodeError::new(Codec::Borsh, source))?;
        DecodeError::if_more_follows(Codec::Borsh, rest.len())?;
        Ok(Borsh(value))
    }

    fn nothing() -> Result<Borsh<T>, DecodeError> {
        T::try_from_slice(&[]).map(Borsh).map_err(|_| DecodeError::Empty)
    }
}
