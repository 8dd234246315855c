//! A value that every codec can carry, written and read with a codec chosen at run time.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Debug;

use airssys_sdk::Codec;
use airssys_sdk::codec::{self, Bincode, Borsh, Cbor, Json, MessagePack, Protobuf};
use borsh::{BorshDeserialize, BorshSerialize};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wincode::config::DefaultConfig;
use wincode::{SchemaRead, SchemaWrite};

/// The codecs that write values of a type; raw has bytes only.
pub(crate) const TYPED: [Codec; 6] =
    [Codec::Cbor, Codec::Json, Codec::MessagePack, Codec::Borsh, Codec::Bincode, Codec::Protobuf];

/// A type with the derives of every codec.
macro_rules! every_codec {
    (pub(crate) struct $name:ident { $($body:tt)* }) => {
        #[derive(
            Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize,
            borsh::BorshSerialize, borsh::BorshDeserialize, wincode::SchemaWrite, wincode::SchemaRead,
        )]
        pub(crate) struct $name { $($body)* }
    };
}
pub(crate) use every_codec;

every_codec! {
    pub(crate) struct Order {
        #[prost(uint64, tag = "1")]
        pub(crate) number: u64,
        #[prost(string, tag = "2")]
        pub(crate) article: String,
        #[prost(sint64, tag = "3")]
        pub(crate) balance: i64,
        #[prost(double, repeated, tag = "4")]
        pub(crate) prices: Vec<f64>,
        #[prost(bool, optional, tag = "5")]
        pub(crate) express: Option<bool>,
        #[prost(message, repeated, tag = "6")]
        pub(crate) parts: Vec<Part>,
        #[prost(bytes = "vec", tag = "7")]
        pub(crate) label: Vec<u8>,
        #[prost(btree_map = "string, uint32", tag = "8")]
        pub(crate) stock: BTreeMap<String, u32>,
    }
}

every_codec! {
    pub(crate) struct Part {
        #[prost(string, tag = "1")]
        pub(crate) name: String,
        #[prost(float, tag = "2")]
        pub(crate) weight: f32,
    }
}

/// The order whose bytes the guide shows.
pub(crate) fn sample() -> Order {
    Order {
        number: 300,
        article: "apple".to_owned(),
        balance: -1,
        prices: vec![0.5],
        express: Some(true),
        parts: vec![],
        label: vec![7, 255],
        stock: BTreeMap::from([("north".to_owned(), 2)]),
    }
}

/// Finite numbers only, because JSON has no others.
fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |number| number.is_finite())
}

fn part() -> impl Strategy<Value = Part> {
    let weight = any::<f32>().prop_filter("finite", |number| number.is_finite());
    (any::<String>(), weight).prop_map(|(name, weight)| Part { name, weight })
}

pub(crate) fn order() -> impl Strategy<Value = Order> {
    let stock = prop::collection::btree_map(any::<String>(), any::<u32>(), 0..5);
    let prices = prop::collection::vec(finite(), 0..5);
    let parts = prop::collection::vec(part(), 0..5);
    (any::<(u64, String, i64, Option<bool>, Vec<u8>)>(), prices, parts, stock).prop_map(
        |((number, article, balance, express, label), prices, parts, stock)| Order {
            number,
            article,
            balance,
            prices,
            express,
            parts,
            label,
            stock,
        },
    )
}

/// A serde value that tests can compare.
pub(crate) trait Plain: Serialize + DeserializeOwned + Debug + PartialEq {}
impl<T: Serialize + DeserializeOwned + Debug + PartialEq> Plain for T {}

/// A value that bincode can write and read.
pub(crate) trait Schema:
    SchemaWrite<DefaultConfig, Src = Self> + for<'de> SchemaRead<'de, DefaultConfig, Dst = Self>
{
}
impl<T> Schema for T where
    T: SchemaWrite<DefaultConfig, Src = T> + for<'de> SchemaRead<'de, DefaultConfig, Dst = T>
{
}

/// A value that every codec can write and read.
pub(crate) trait Every:
    Plain + BorshSerialize + BorshDeserialize + Schema + prost::Message + Default
{
}
impl<T: Plain + BorshSerialize + BorshDeserialize + Schema + prost::Message + Default> Every for T {}

pub(crate) type Failure = Box<dyn Error>;

/// Writes a whole message with this value in this codec.
pub(crate) fn write<T: Every>(codec: Codec, value: &T) -> Result<Vec<u8>, Failure> {
    let other = Codec::Cbor;
    Ok(match codec {
        Codec::Cbor => codec::encode(Cbor(value), other)?,
        Codec::Json => codec::encode(Json(value), other)?,
        Codec::MessagePack => codec::encode(MessagePack(value), other)?,
        Codec::Borsh => codec::encode(Borsh(value), other)?,
        Codec::Bincode => codec::encode(Bincode(value), other)?,
        Codec::Protobuf => codec::encode(Protobuf(value), other)?,
        other => panic!("{other} has no types"),
    })
}

/// Reads the value in a message with this codec's wrapper.
pub(crate) fn read<T: Every>(codec: Codec, message: &[u8]) -> Result<T, Failure> {
    Ok(match codec {
        Codec::Cbor => codec::decode::<Cbor<T>>(message)?.0,
        Codec::Json => codec::decode::<Json<T>>(message)?.0,
        Codec::MessagePack => codec::decode::<MessagePack<T>>(message)?.0,
        Codec::Borsh => codec::decode::<Borsh<T>>(message)?.0,
        Codec::Bincode => codec::decode::<Bincode<T>>(message)?.0,
        Codec::Protobuf => codec::decode::<Protobuf<T>>(message)?.0,
        other => panic!("{other} has no types"),
    })
}
