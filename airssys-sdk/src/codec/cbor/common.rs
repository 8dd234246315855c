//! A fast decoder for the common form of values in CBOR. It refuses every other form.
//!
//! In the common form, lengths come first or, for lists and maps, a break ends them; numbers, texts
//! and floats are plain. This decoder refuses tags, half floats, texts in pieces and the like, and
//! every value that does not fit its type. The decoder that then reads the body knows those forms,
//! and describes errors.

use std::fmt;

use serde::de::{self, DeserializeSeed, Visitor};
use serde::forward_to_deserialize_any;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const UNDEFINED: u8 = 0xf7;
const SHORT_FLOAT: u8 = 0xfa;
const FLOAT: u8 = 0xfb;
const EMPTY_LIST: u8 = 0x80;
const MAP_OF_ONE: u8 = 0xa1;
const BREAK: u8 = 0xff;
/// The length of a list or map that a break ends.
const UNTIL_BREAK: u8 = 31;

/// An error without a reason, because another decoder describes it.
#[derive(Debug)]
pub(super) struct Refused;

type Read<T> = Result<T, Refused>;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not in the common form")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    #[inline]
    fn custom<T: fmt::Display>(_text: T) -> Refused {
        Refused
    }
}

/// The rest of a body, and the levels by which it may still be nested.
pub(super) struct Common<'b> {
    rest: &'b [u8],
    depth: usize,
    /// True if the reader left a list or a map before its end.
    is_cut: bool,
    /// The name of the field whose value is next, until it is checked to be UTF-8. A known field's
    /// name needs no check.
    field: &'b [u8],
}

impl<'b> Common<'b> {
    pub(super) fn new(body: &'b [u8], depth: usize) -> Common<'b> {
        Common { rest: body, depth, is_cut: false, field: &[] }
    }

    /// Returns true if the whole body has been read.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty() && !self.is_cut
    }

    #[inline]
    fn peek(&self) -> Read<u8> {
        self.rest.first().copied().ok_or(Refused)
    }

    #[inline]
    fn byte(&mut self) -> Read<u8> {
        let (byte, rest) = self.rest.split_first().ok_or(Refused)?;
        self.rest = rest;
        Ok(*byte)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Refused)?;
        self.rest = rest;
        Ok(*array)
    }

    /// The number in a head, or after it.
    #[inline]
    fn number(&mut self, head: u8) -> Read<u64> {
        match head & 0x1f {
            low @ 0..24 => Ok(low.into()),
            24 => self.byte().map(u64::from),
            25 => self.array().map(u16::from_be_bytes).map(u64::from),
            26 => self.array().map(u32::from_be_bytes).map(u64::from),
            27 => self.array().map(u64::from_be_bytes),
            _ => Err(Refused),
        }
    }

    /// The bytes of a value of this kind, as many as its head says.
    #[inline]
    fn bytes(&mut self, kind: u8) -> Read<&'b [u8]> {
        let head = self.byte()?;
        if head >> 5 != kind {
            return Err(Refused);
        }
        let length = usize::try_from(self.number(head)?).map_err(|_| Refused)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Refused)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline(always)]
    fn text(&mut self) -> Read<&'b str> {
        std::str::from_utf8(self.bytes(TEXT)?).map_err(|_| Refused)
    }

    #[inline]
    fn whole<V: Visitor<'b>>(&mut self, visitor: V) -> Read<V::Value> {
        let head = self.byte()?;
        match head >> 5 {
            UNSIGNED => visitor.visit_u64(self.number(head)?),
            NEGATIVE => {
                let value = i64::try_from(self.number(head)?).map_err(|_| Refused)?;
                visitor.visit_i64(!value)
            }
            _ => Err(Refused),
        }
    }

    #[inline]
    fn float<V: Visitor<'b>>(&mut self, visitor: V) -> Read<V::Value> {
        match self.byte()? {
            FLOAT => visitor.visit_f64(f64::from_be_bytes(self.array()?)),
            SHORT_FLOAT => visitor.visit_f32(f32::from_be_bytes(self.array()?)),
            _ => Err(Refused),
        }
    }

    #[inline]
    fn step_in(&mut self) -> Read<()> {
        self.depth = self.depth.checked_sub(1).ok_or(Refused)?;
        Ok(())
    }

    /// The length of a list or a map. Returns `None` if a break ends it.
    #[inline]
    fn length(&mut self, kind: u8) -> Read<Option<u64>> {
        let head = self.byte()?;
        match (head >> 5 == kind, head & 0x1f) {
            (false, _) => Err(Refused),
            (true, UNTIL_BREAK) => Ok(None),
            (true, _) => self.number(head).map(Some),
        }
    }

    #[inline]
    fn items(&mut self, kind: u8, has_names: bool) -> Read<Items<'_, 'b>> {
        let left = self.length(kind)?;
        self.step_in()?;
        Ok(Items { body: self, left, has_names, has_ended: false })
    }
}

/// Reads an integer of any width; the visitor checks that the value fits.
macro_rules! whole {
    ($($name:ident)*) => {$(
        #[inline]
        fn $name<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
            self.whole(visitor)
        }
    )*};
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        #[inline]
        fn $name<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
            self.deserialize_str(visitor)
        }
    )*};
}

impl<'b> de::Deserializer<'b> for &mut Common<'b> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        let head = self.peek()?;
        match (head >> 5, head) {
            (UNSIGNED | NEGATIVE, _) => self.whole(visitor),
            (BYTES, _) => self.deserialize_bytes(visitor),
            (TEXT, _) => self.deserialize_str(visitor),
            (LIST, _) => self.deserialize_seq(visitor),
            (MAP, _) => self.deserialize_map(visitor),
            (_, FALSE | TRUE) => self.deserialize_bool(visitor),
            (_, NULL | UNDEFINED) => self.deserialize_option(visitor),
            _ => self.float(visitor),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        match self.byte()? {
            FALSE => visitor.visit_bool(false),
            TRUE => visitor.visit_bool(true),
            _ => Err(Refused),
        }
    }

    whole! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.float(visitor)
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.float(visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_str(self.text()?)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_bytes(self.bytes(BYTES)?)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        match self.peek()? {
            NULL | UNDEFINED => {
                self.byte()?;
                visitor.visit_none()
            }
            _ => {
                self.step_in()?;
                let value = visitor.visit_some(&mut *self);
                self.depth += 1;
                value
            }
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        match self.byte()? {
            NULL | UNDEFINED | EMPTY_LIST => visitor.visit_unit(),
            _ => Err(Refused),
        }
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'b>>(self, _name: &'static str, visitor: V) -> Read<V::Value> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'b>>(self, _name: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_seq(&mut self.items(LIST, false)?)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'b>>(self, length: usize, visitor: V) -> Read<V::Value> {
        let mut items = self.items(LIST, false)?;
        if items.left != Some(length as u64) {
            return Err(Refused);
        }
        visitor.visit_seq(&mut items)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'b>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_map(&mut self.items(MAP, false)?)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'b>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_map(&mut self.items(MAP, true)?)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'b>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let has_value = self.peek()? == MAP_OF_ONE;
        if has_value {
            self.byte()?;
        }
        self.step_in()?;
        let value = visitor.visit_enum(Variant { body: self, has_value });
        self.depth += 1;
        value
    }

    /// Checks the name of an unknown field before it skips the field's value.
    fn deserialize_ignored_any<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        std::str::from_utf8(std::mem::take(&mut self.field)).map_err(|_| Refused)?;
        self.deserialize_any(visitor)
    }

    as_text! { deserialize_char deserialize_string deserialize_identifier }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The items of a list, or the pairs of a map.
struct Items<'a, 'b> {
    body: &'a mut Common<'b>,
    /// `None` if a break ends them.
    left: Option<u64>,
    /// True if keys are names of fields.
    has_names: bool,
    /// True if the break has been read.
    has_ended: bool,
}

impl Items<'_, '_> {
    #[inline]
    fn has_next(&mut self) -> Read<bool> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None if self.has_ended => Ok(false),
            None => {
                self.has_ended = self.body.peek()? == BREAK;
                if self.has_ended {
                    self.body.byte()?;
                }
                Ok(!self.has_ended)
            }
        }
    }

    /// The number of items, bounded by the bytes that are left, because each item has at least one.
    #[inline]
    fn at_most(&self) -> Option<usize> {
        let left = usize::try_from(self.left?).unwrap_or(usize::MAX);
        Some(left.min(self.body.rest.len()))
    }
}

impl Drop for Items<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        self.body.depth += 1;
        self.body.is_cut |= !self.has_ended && self.left != Some(0);
    }
}

impl<'b> de::SeqAccess<'b> for &mut Items<'_, 'b> {
    type Error = Refused;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'b>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        match self.has_next()? {
            true => seed.deserialize(&mut *self.body).map(Some),
            false => Ok(None),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

impl<'b> de::MapAccess<'b> for &mut Items<'_, 'b> {
    type Error = Refused;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'b>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        match (self.has_next()?, self.has_names) {
            (false, _) => Ok(None),
            (true, false) => seed.deserialize(&mut *self.body).map(Some),
            (true, true) => {
                self.body.field = self.body.bytes(TEXT)?;
                seed.deserialize(Name(self.body.field)).map(Some)
            }
        }
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'b>>(&mut self, seed: V) -> Read<V::Value> {
        seed.deserialize(&mut *self.body)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.at_most()
    }
}

/// The name of a field or of a variant. It is only compared, so it is read as bytes.
struct Name<'b>(&'b [u8]);

impl<'b> de::Deserializer<'b> for Name<'b> {
    type Error = Refused;

    #[inline]
    fn deserialize_any<V: Visitor<'b>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_bytes(self.0)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        <V: Visitor<'b>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// An enum's variant: its name, and its value if it is in a map.
struct Variant<'a, 'b> {
    body: &'a mut Common<'b>,
    has_value: bool,
}

impl<'b> de::EnumAccess<'b> for Variant<'_, 'b> {
    type Error = Refused;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'b>>(self, seed: V) -> Read<(V::Value, Self)> {
        let variant = seed.deserialize(Name(self.body.text()?.as_bytes()))?;
        Ok((variant, self))
    }
}

impl<'a, 'b> Variant<'a, 'b> {
    #[inline]
    fn value(self) -> Read<&'a mut Common<'b>> {
        if self.has_value { Ok(self.body) } else { Err(Refused) }
    }
}

impl<'b> de::VariantAccess<'b> for Variant<'_, 'b> {
    type Error = Refused;

    #[inline]
    fn unit_variant(self) -> Read<()> {
        if self.has_value { Err(Refused) } else { Ok(()) }
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'b>>(self, seed: T) -> Read<T::Value> {
        seed.deserialize(self.value()?)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'b>>(self, length: usize, visitor: V) -> Read<V::Value> {
        de::Deserializer::deserialize_tuple(self.value()?, length, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'b>>(self, _fields: &'static [&'static str], visitor: V) -> Read<V::Value> {
        visitor.visit_map(&mut self.value()?.items(MAP, true)?)
    }
}
