//! CBOR.

use std::convert::Infallible;

use airssys_message::Codec;
use cbor4ii::core::dec::{Read, Reference};
use cbor4ii::core::utils::BufWriter;
use cbor4ii::serde::{Deserializer, Serializer};
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
    // What is there already comes first; if the value has no form, the message is given up.
    let mut serializer = Serializer::new(BufWriter::new(std::mem::take(message)));
    value.serialize(&mut serializer).map_err(|source| EncodeError::new(Codec::Cbor, source))?;
    *message = serializer.into_inner().into_inner();
    Ok(())
}

/// Most values are read by a decoder that is fast and exact: it wants a float where one is asked for,
/// and nothing shorter. What it refuses is read again by one that takes each form of a value; its
/// word is final.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let mut strict = Deserializer::new(Shallow { rest: body, depth: MAX_DEPTH });
    if let Ok(value) = T::deserialize(&mut strict)
        && strict.into_inner().rest.is_empty()
    {
        return Ok(value);
    }
    let mut rest = body;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|source| DecodeError::new(Codec::Cbor, source))?;
    DecodeError::if_more_follows(Codec::Cbor, rest.len())?;
    Ok(value)
}

/// A body, down to a depth.
struct Shallow<'b> {
    rest: &'b [u8],
    depth: usize,
}

impl<'b> Read<'b> for Shallow<'b> {
    type Error = Infallible;

    #[inline]
    fn fill<'s>(&'s mut self, want: usize) -> Result<Reference<'b, 's>, Infallible> {
        Ok(Reference::Long(&self.rest[..want.min(self.rest.len())]))
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        self.rest = &self.rest[count.min(self.rest.len())..];
    }

    #[inline]
    fn step_in(&mut self) -> bool {
        let deeper = self.depth.checked_sub(1);
        self.depth = deeper.unwrap_or(0);
        deeper.is_some()
    }

    #[inline]
    fn step_out(&mut self) {
        self.depth += 1;
    }
}
