use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Plain,
    Wrapped(i64),
    Pair(u8, String),
    Named { left: Option<u32>, right: bool },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(i16);

/// A struct with a field of each sort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    text: String,
    number: u64,
    float: f64,
    short: f32,
    #[serde(rename = "größe")]
    size: Newtype,
    letter: char,
    nothing: (),
    kinds: Vec<Kind>,
    map: BTreeMap<i32, Option<bool>>,
    wide: (u128, i128),
    #[serde(flatten)]
    more: BTreeMap<String, Loose>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Loose {
    Flag(bool),
    Number(i64),
    Text(String),
    List(Vec<Loose>),
}

#[derive(Debug, PartialEq, Deserialize)]
struct Few {
    text: String,
    float: f64,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Chain {
    next: Option<Box<Chain>>,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Plain),
        any::<i64>().prop_map(Kind::Wrapped),
        (any::<u8>(), ".{0,9}").prop_map(|(number, text)| Kind::Pair(number, text)),
        (any::<Option<u32>>(), any::<bool>()).prop_map(|(left, right)| Kind::Named { left, right }),
    ]
}

fn loose() -> impl Strategy<Value = Loose> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Loose::Flag),
        any::<i64>().prop_map(Loose::Number),
        ".{0,30}".prop_map(Loose::Text),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| vec(inner, 0..5).prop_map(Loose::List))
}

fn sample() -> impl Strategy<Value = Sample> {
    let simple = (".{0,300}", any::<u64>(), -1e300..1e300, -1e30_f32..1e30, any::<i16>(), any::<char>());
    let wide = (any::<u64>(), any::<i64>());
    let map = btree_map(any::<i32>(), any::<Option<bool>>(), 0..5);
    // No field begins with `x`: a flattened key that is also a field's name would be written twice.
    let more = btree_map("x[a-zäöü]{1,8}", loose(), 0..4);
    (simple, vec(kind(), 0..5), map, wide, more).prop_map(|(simple, kinds, map, wide, more)| {
        let (text, number, float, short, size, letter) = simple;
        let wide = (wide.0.into(), wide.1.into());
        let size = Newtype(size);
        Sample { text, number, float, short, size, letter, nothing: (), kinds, map, wide, more }
    })
}

fn first<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut common = Common::new(body, MAX_DEPTH);
    T::deserialize(&mut common).ok().filter(|_| common.is_at_end())
}

fn second<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    depth::check(body).ok()?;
    let mut rest = body;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, READER_DEPTH).ok()?;
    rest.is_empty().then_some(value)
}

/// Checks that the second decoder reads the same value as the first. Compared as text, because NaN does
/// not equal itself.
fn alike<T: DeserializeOwned + Debug>(body: &[u8]) -> Result<(), TestCaseError> {
    if let Some(value) = first::<T>(body) {
        prop_assert_eq!(format!("{:?}", Some(value)), format!("{:?}", second::<T>(body)));
    }
    Ok(())
}

fn written(value: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::new();
    write(value, &mut body).unwrap();
    body
}

proptest! {
    #[test]
    fn first_decoder_reads_written_values(sample in sample()) {
        let body = written(&sample);
        prop_assert_eq!(first::<Sample>(&body), Some(sample.clone()));
        prop_assert_eq!(first::<Few>(&body), Some(Few { text: sample.text, float: sample.float }));
    }

    #[test]
    fn both_decoders_read_the_same_value(
        sample in sample(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        // Without the `()`, which one decoder reads as an empty list and the other as null.
        let mut body = written(&(&sample.kinds, &sample.map, &sample.text, sample.float, &sample.more));
        for (at, byte) in damage {
            let place = at.index(body.len());
            body[place] = byte;
        }
        type Parts = (Vec<Kind>, BTreeMap<i32, Option<bool>>, String, f64, BTreeMap<String, Loose>);
        alike::<Parts>(&body)?;
        alike::<Loose>(&body)?;
    }
}

#[test]
fn uncommon_forms_are_refused() {
    for (what, body) in [
        ("a tag", &[0xc0, 0x61, b'a'][..]),
        ("a text in pieces", &[0x7f, 0x61, b'a', 0xff]),
        ("a text that is not UTF-8", &[0x61, 0xff]),
        ("a text that is cut", &[0x62, b'a']),
        ("a text and more", &[0x61, b'a', 0]),
        ("nothing", &[]),
        ("bytes", &[0x41, b'a']),
        ("a reserved length", &[0x7c]),
        ("a length beyond all memory", &[0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ] {
        assert_eq!(first::<String>(body), None, "{what}");
    }
    let plain = |end: &[u8]| [&[0xa1, 0x65][..], b"Plain", end].concat();
    assert_eq!(first::<Kind>(&plain(&[0x80])), None, "a unit variant with a value");
    assert_eq!(first::<Kind>(b"\x67Wrapped"), None, "a variant without its value");
    assert_eq!(first::<(u8, u8)>(&[0x83, 1, 2, 3]), None, "a list with too many items");
    assert_eq!(first::<Few>(&[0xbf, 0x61, 0xff, 0x00, 0xff]), None, "a name that is not UTF-8");
    assert_eq!(first::<Vec<u8>>(&[0x9f, 1, 2, 0xff]), Some(vec![1, 2]), "a list with a break");
    assert_eq!(first::<Vec<u8>>(&[0x9f, 1, 2]), None, "a list without its break");
}

#[test]
fn value_is_read_down_to_the_largest_depth() {
    let chain =
        |links: usize| [b"\xa1\x64next".repeat(links), vec![0xa1, 0x64], b"next\xf6".to_vec()].concat();
    assert!(first::<Chain>(&chain(MAX_DEPTH / 2 - 1)).is_some());
    assert!(first::<Chain>(&chain(MAX_DEPTH)).is_none());
    // The options of the type are not levels of the body.
    let read = |links: usize| read::<Chain>(&chain(links));
    assert!(read(MAX_DEPTH - 1).is_ok());
    assert!(read(MAX_DEPTH).unwrap_err().to_string().contains("cbor"));
}
