//! Bodies at and beyond the limit of nesting, which the SDKs of all languages read alike.

use airssys_message::Codec;
use serde::Deserialize;

use crate::codec::Decode;

#[derive(Deserialize)]
struct Vector {
    codec: String,
    /// Bytes as hexadecimal digits, and how often they are repeated.
    body: Vec<(String, usize)>,
    read: bool,
    value: Option<serde_json::Value>,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../airssys-message/vectors/nesting.json")).unwrap()
}

fn bytes(body: &[(String, usize)]) -> Vec<u8> {
    let digits: String = body.iter().map(|(digits, times)| digits.repeat(*times)).collect();
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn nesting_is_read_down_to_the_same_depth_in_every_language() {
    let mut counts = [0, 0];
    for vector in vectors() {
        let body = bytes(&vector.body);
        let codec = match vector.codec.as_str() {
            "cbor" => Codec::Cbor,
            "json" => Codec::Json,
            other => panic!("{other} is not a codec"),
        };
        let read = serde_json::Value::decode(codec, &body);
        assert_eq!(read.is_ok(), vector.read, "{:?}: {read:?}", vector.body);
        if let Some(value) = vector.value {
            assert_eq!(read.unwrap(), value);
        }
        counts[usize::from(vector.read)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
}

#[test]
fn messagepack_is_read_down_to_its_depth() {
    let nested = |levels: usize| [vec![0x91; levels], vec![0]].concat();
    let read = |levels: usize| serde_json::Value::decode(Codec::MessagePack, &nested(levels));
    assert!(read(127).is_ok());
    assert!(read(128).is_err());
    assert!(read(100_000).is_err());
}
