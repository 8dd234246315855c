//! Messages: the prefix that the host reads, and the values that components read.

use airssys_message::Codec;
use airssys_sdk::codec::{self, Bincode, Borsh, Decode, Encode, Encoded, Raw};

/// Checks that a message that can be split joins again to the same bytes.
pub fn codec_prefix(data: &[u8]) {
    match Codec::split(data) {
        Ok((codec, body)) => {
            assert!(data.ends_with(body));
            assert_eq!(codec.message(body), data, "there is one way to write a prefix");
            assert_eq!(codec.name().parse(), Ok(codec));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(Ok(codec)) = std::str::from_utf8(data).map(str::parse::<Codec>) {
        assert_eq!(codec.to_string().as_bytes(), data);
    }
}

/// Reads a message as a component does. A decoded value must survive encoding and decoding.
pub fn sdk_values(data: &[u8]) {
    let mut all = data.to_vec();
    // Tries every input in every codec, whatever its prefix says.
    for codec in Codec::all() {
        all.clear();
        codec.write_prefix(&mut all);
        all.extend_from_slice(data);
        again::<String>(&all, codec);
        again::<Vec<(u64, String)>>(&all, codec);
        again::<std::collections::BTreeMap<String, Option<i32>>>(&all, codec);
        wrapped::<Borsh<Vec<String>>>(&all);
        wrapped::<Bincode<Vec<String>>>(&all);
        wrapped::<Raw<Vec<u8>>>(&all);
        wrapped::<Encoded<Vec<u8>>>(&all);
        // Values of any shape and any depth.
        drop(codec::decode::<ciborium::Value>(&all));
    }
    drop(codec::decode::<String>(data));
}

fn again<T>(message: &[u8], codec: Codec)
where
    T: Decode + PartialEq + std::fmt::Debug,
    for<'a> &'a T: Encode,
{
    let Ok(value) = codec::decode::<T>(message) else { return };
    let written = codec::encode(&value, codec).map(|written| codec::decode::<T>(&written));
    match written {
        Ok(Ok(read)) => assert_eq!(read, value),
        other => panic!("{value:?} does not survive encoding in {codec}: {other:?}"),
    }
}

fn wrapped<T: Decode>(message: &[u8]) {
    if let Err(error) = codec::decode::<T>(message) {
        assert!(!error.to_string().is_empty());
    }
}
