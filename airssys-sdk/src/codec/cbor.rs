//! CBOR.

mod common;
mod depth;

use airssys_message::Codec;
use cbor4ii::core::enc::Write;
use cbor4ii::serde::Serializer;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{Decode, Encode, MAX_DEPTH, only};
use crate::error::{DecodeError, EncodeError};

use common::Common;

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
    let mut serializer = Serializer::new(End(message));
    value.serialize(&mut serializer).map_err(|source| EncodeError::new(Codec::Cbor, source))
}

/// The end of a message, where the value is written.
struct End<'m>(&'m mut Vec<u8>);

#[derive(Debug, thiserror::Error)]
#[error("not enough memory for a message of this size")]
struct NoMemory;

impl Write for End<'_> {
    type Error = NoMemory;

    #[inline(always)]
    fn push(&mut self, bytes: &[u8]) -> Result<(), NoMemory> {
        if self.0.capacity() - self.0.len() < bytes.len() {
            grow(self.0, bytes.len())?;
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

#[cold]
fn grow(message: &mut Vec<u8>, by: usize) -> Result<(), NoMemory> {
    message.try_reserve(by).map_err(|_| NoMemory)
}

/// The second decoder also counts options and variants of a type, of which several can be on one level of a
/// body. The body's depth is checked before.
const READER_DEPTH: usize = 4 * MAX_DEPTH;

/// Reads most values with a fast decoder that takes one form of each value only: a float has its full
/// width, for example. A body that it refuses is read again by a decoder that takes every form, whose
/// result is final.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let mut common = Common::new(body, MAX_DEPTH);
    if let Ok(value) = T::deserialize(&mut common)
        && common.is_at_end()
    {
        return Ok(value);
    }
    depth::check(body).map_err(|source| DecodeError::new(Codec::Cbor, source))?;
    let mut rest = body;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, READER_DEPTH)
        .map_err(|source| DecodeError::new(Codec::Cbor, source))?;
    DecodeError::if_more_follows(Codec::Cbor, rest.len())?;
    Ok(value)
}

#[cfg(test)]
mod tests;
