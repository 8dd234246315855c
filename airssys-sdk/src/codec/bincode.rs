//! The bincode wire format, through wincode (ADR 0015).

use airssys_message::Codec;
use wincode::config::DefaultConfig;
use wincode::{SchemaReadOwned, SchemaWrite};

use crate::codec::{Decode, Encode, only};
use crate::error::{DecodeError, EncodeError};

/// A value as bincode: `wincode::SchemaWrite` to be sent, `wincode::SchemaRead` to be read.
///
/// The bytes are those of `bincode::serialize` of bincode 1, and of `config::legacy()` of bincode 2:
/// little-endian integers of fixed width, lengths of 64 bits, variants of 32 bits. Bincode is not
/// self-describing: both sides need the same type, field by field. A sequence that takes more than
/// 4 MiB of memory is neither written nor read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bincode<T>(pub T);

impl<T: SchemaWrite<DefaultConfig, Src = T> + ?Sized> Encode for Bincode<&T> {
    fn codec(&self, _preferred: Codec) -> Codec {
        Codec::Bincode
    }

    fn encode(self, _codec: Codec, message: &mut Vec<u8>) -> Result<(), EncodeError> {
        wincode::serialize_into(message, self.0).map_err(|source| EncodeError::new(Codec::Bincode, source))
    }
}

impl<T> Decode for Bincode<T>
where
    T: SchemaReadOwned<DefaultConfig> + for<'de> wincode::SchemaRead<'de, DefaultConfig, Dst = T>,
{
    fn decode(codec: Codec, body: &[u8]) -> Result<Bincode<T>, DecodeError> {
        only(&[Codec::Bincode], codec)?;
        let mut rest = body;
        let value = T::get(&mut rest).map_err(|source| DecodeError::new(Codec::Bincode, source))?;
        DecodeError::if_more_follows(Codec::Bincode, rest.len())?;
        Ok(Bincode(value))
    }

    fn nothing() -> Result<Bincode<T>, DecodeError> {
        wincode::deserialize_exact(&[]).map(Bincode).map_err(|_| DecodeError::Empty)
    }
}
