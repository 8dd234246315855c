//! The guide's tables, made by trying the codecs.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Write};
use std::time::Duration;

use airssys_sdk::Codec;
use airssys_sdk::codec::{
    self, Bincode, Borsh, Cbor, Decode, Encode, Encoded, Json, MessagePack, Protobuf, Raw,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use wincode::{SchemaRead, SchemaWrite};

use crate::order::*;

/// Every table, by its name in the guide.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    vec![("readers", readers()), ("values", values()), ("changes", changes()), ("bytes", bytes())]
}

fn table(head: &[&str], rows: &[(String, Vec<String>)]) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for (name, cells) in rows {
        writeln!(text, "| {name} | {} |", cells.join(" | ")).unwrap();
    }
    text
}

/// The table of readers: the codec of a message against the type that is asked for.
fn readers() -> String {
    fn cell<T: Decode>(message: &[u8]) -> String {
        if codec::decode::<T>(message).is_ok() { "yes" } else { "–" }.to_owned()
    }
    let mut rows = Vec::new();
    for codec in Codec::all() {
        let message = match codec {
            Codec::Raw => codec::encode(Raw("bytes"), Codec::Cbor).unwrap(),
            typed => write(typed, &sample()).unwrap(),
        };
        let cells = vec![
            cell::<Order>(&message),
            cell::<Cbor<Order>>(&message),
            cell::<Json<Order>>(&message),
            cell::<MessagePack<Order>>(&message),
            cell::<Borsh<Order>>(&message),
            cell::<Bincode<Order>>(&message),
            cell::<Protobuf<Order>>(&message),
            cell::<Raw<Vec<u8>>>(&message),
            cell::<Encoded<Vec<u8>>>(&message),
        ];
        rows.push((codec.name().to_owned(), cells));
    }
    let head = [
        "message",
        "`T`",
        "`Cbor`",
        "`Json`",
        "`MessagePack`",
        "`Borsh`",
        "`Bincode`",
        "`Protobuf`",
        "`Raw`",
        "`Encoded`",
    ];
    table(&head, &rows)
}

/// Describes what a codec makes of a value that is written and read.
fn fate<T: Debug>(value: &T, written: impl Encode, read: impl Fn(&[u8]) -> Option<T>) -> String {
    let Ok(message) = codec::encode(written, Codec::Cbor) else { return "refused".to_owned() };
    match read(&message) {
        None => "not read".to_owned(),
        // Compared as text, because NaN does not equal itself.
        Some(found) if format!("{found:?}") == format!("{value:?}") => "yes".to_owned(),
        Some(found) => format!("`{found:?}`"),
    }
}

fn plain<T: Plain>(value: &T) -> Vec<String> {
    vec![
        fate(value, Cbor(value), |m| codec::decode::<Cbor<T>>(m).ok().map(|v| v.0)),
        fate(value, Json(value), |m| codec::decode::<Json<T>>(m).ok().map(|v| v.0)),
        fate(value, MessagePack(value), |m| codec::decode::<MessagePack<T>>(m).ok().map(|v| v.0)),
    ]
}

fn with_borsh<T: Plain + BorshSerialize + BorshDeserialize>(value: &T) -> String {
    fate(value, Borsh(value), |m| codec::decode::<Borsh<T>>(m).ok().map(|v| v.0))
}

fn with_bincode<T: Plain + Schema>(value: &T) -> String {
    fate(value, Bincode(value), |m| codec::decode::<Bincode<T>>(m).ok().map(|v| v.0))
}

/// A row: the value's description, the value, and the codecs without serde that know its type.
macro_rules! row {
    ($rows:ident, $name:expr, $value:expr, borsh bincode) => {
        row!(@ $rows, $name, $value, with_borsh, with_bincode)
    };
    ($rows:ident, $name:expr, $value:expr, bincode) => {
        row!(@ $rows, $name, $value, unknown, with_bincode)
    };
    ($rows:ident, $name:expr, $value:expr, ) => {
        row!(@ $rows, $name, $value, unknown, unknown)
    };
    (@ $rows:ident, $name:expr, $value:expr, $borsh:ident, $bincode:ident) => {{
        let value = $value;
        let mut cells = plain(&value);
        cells.push($borsh(&value));
        cells.push($bincode(&value));
        $rows.push((String::from($name), cells));
    }};
}

fn unknown<T>(_value: &T) -> String {
    "no impl".to_owned()
}

#[derive(
    Debug, PartialEq, Serialize, Deserialize, BorshSerialize, BorshDeserialize, SchemaWrite, SchemaRead,
)]
enum Shape {
    Point,
    Circle(f64),
    Rectangle { width: u8, height: u8 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Circle { radius: u64 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    name: String,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

fn values() -> String {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    row!(rows, "`u64::MAX`", u64::MAX, borsh bincode);
    row!(rows, "`i64::MIN`", i64::MIN, borsh bincode);
    row!(rows, "`u128::MAX`", u128::MAX, borsh bincode);
    row!(rows, "`f64::MAX`, `0.1`", (f64::MAX, 0.1), borsh bincode);
    row!(rows, "`f64::INFINITY`", f64::INFINITY, borsh bincode);
    row!(rows, "`f64::NAN`", f64::NAN, borsh bincode);
    row!(rows, "`char`", 'é', bincode);
    row!(rows, "`String`", "né\0".to_owned(), borsh bincode);
    row!(rows, "`Vec<u8>`", vec![0_u8, 255], borsh bincode);
    row!(rows, "`()`", (), borsh bincode);
    row!(rows, "`Vec<()>`", vec![(), ()], borsh bincode);
    row!(rows, "`None`, `Some(1)`", (None::<u8>, Some(1_u8)), borsh bincode);
    row!(rows, "`Some(None)`", Some(None::<u8>), borsh bincode);
    row!(rows, "unit variant", Shape::Point, borsh bincode);
    row!(rows, "newtype variant", Shape::Circle(0.5), borsh bincode);
    row!(rows, "struct variant", Shape::Rectangle { width: 1, height: 2 }, borsh bincode);
    row!(rows, "`#[serde(tag)]`", Tagged::Circle { radius: 1 },);
    row!(rows, "`#[serde(untagged)]`", (Untagged::Number(1), Untagged::Text("a".into())),);
    row!(rows, "`#[serde(flatten)]`", Flat { name: "a".into(), rest: BTreeMap::from([("b".into(), 1)]) },);
    row!(rows, "`BTreeMap<String, u8>`", BTreeMap::from([("a".to_owned(), 1_u8)]), borsh bincode);
    row!(rows, "`HashMap<u32, u8>`", HashMap::from([(7_u32, 1_u8)]), borsh bincode);
    row!(rows, "`BTreeMap<(u8, u8), u8>`", BTreeMap::from([((1_u8, 2_u8), 3_u8)]), borsh bincode);
    row!(rows, "`Duration`", Duration::from_millis(1_500), bincode);
    table(&["value", "cbor", "json", "messagepack", "borsh", "bincode"], &rows)
}

every_codec! {
    pub(crate) struct Old {
        #[prost(uint32, tag = "1")]
        apples: u32,
        #[prost(uint32, tag = "2")]
        pears: u32,
    }
}

every_codec! {
    pub(crate) struct MoreAtTheEnd {
        #[prost(uint32, tag = "1")]
        apples: u32,
        #[prost(uint32, tag = "2")]
        pears: u32,
        #[prost(uint32, optional, tag = "3")]
        plums: Option<u32>,
    }
}

every_codec! {
    pub(crate) struct Fewer {
        #[prost(uint32, tag = "1")]
        apples: u32,
    }
}

every_codec! {
    pub(crate) struct Swapped {
        #[prost(uint32, tag = "2")]
        pears: u32,
        #[prost(uint32, tag = "1")]
        apples: u32,
    }
}

every_codec! {
    pub(crate) struct Renamed {
        #[prost(uint32, tag = "1")]
        apples: u32,
        #[prost(uint32, tag = "2")]
        quinces: u32,
    }
}

every_codec! {
    pub(crate) struct Wider {
        #[prost(uint64, tag = "1")]
        apples: u64,
        #[prost(uint64, tag = "2")]
        pears: u64,
    }
}

/// Describes what a reader with another type makes of a written value.
fn change<A: Every, B: Every>(written: &A, expected: &B) -> Vec<String> {
    let cell = |codec| match read::<B>(codec, &write(codec, written).unwrap()) {
        Ok(found) if found == *expected => "yes".to_owned(),
        Ok(_) => "**wrong**".to_owned(),
        Err(_) => "refused".to_owned(),
    };
    TYPED.map(cell).to_vec()
}

fn changes() -> String {
    let old = &Old { apples: 1, pears: 2 };
    let more = &MoreAtTheEnd { apples: 1, pears: 2, plums: None };
    let rows = [
        ("one more at the end, an `Option`", change(old, more)),
        ("one fewer at the end", change(old, &Fewer { apples: 1 })),
        ("two in another order", change(old, &Swapped { pears: 2, apples: 1 })),
        ("one under another name", change(old, &Renamed { apples: 1, quinces: 2 })),
        ("`u64` instead of `u32`", change(old, &Wider { apples: 1, pears: 2 })),
        ("`u32` instead of `u64`", change(&Wider { apples: 1, pears: 2 }, old)),
    ];
    let rows = rows.map(|(name, cells)| (name.to_owned(), cells));
    table(&["the reader has", "cbor", "json", "messagepack", "borsh", "bincode", "protobuf"], &rows)
}

/// The sample in each codec, for implementations in other languages.
fn bytes() -> String {
    let rows: Vec<(String, Vec<String>)> = TYPED
        .iter()
        .map(|codec| {
            let message = write(*codec, &sample()).unwrap();
            let (_, body) = Codec::split(&message).unwrap();
            let prefix = &message[..message.len() - body.len()];
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let shown =
                if *codec == Codec::Json { String::from_utf8(body.to_vec()).unwrap() } else { hex(body) };
            (codec.name().to_owned(), vec![message.len().to_string(), format!("`{}` `{shown}`", hex(prefix))])
        })
        .collect();
    table(&["codec", "bytes", "prefix and body"], &rows)
}
