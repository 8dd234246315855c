//! Values that are written are read unchanged; bodies with missing or extra bytes are refused.

use airssys_sdk::codec::{self, Encoded, Raw};
use airssys_sdk::{Codec, DecodeError};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::order::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cbor(order in order()) {
        comes_back(Codec::Cbor, &order);
    }

    #[test]
    fn json(order in order()) {
        comes_back(Codec::Json, &order);
    }

    #[test]
    fn messagepack(order in order()) {
        comes_back(Codec::MessagePack, &order);
    }

    #[test]
    fn borsh(order in order()) {
        comes_back(Codec::Borsh, &order);
    }

    #[test]
    fn bincode(order in order()) {
        comes_back(Codec::Bincode, &order);
    }

    #[test]
    fn protobuf(order in order()) {
        comes_back(Codec::Protobuf, &order);
    }

    #[test]
    fn raw(bytes: Vec<u8>) {
        let message = codec::encode(Raw(&bytes), Codec::Cbor).unwrap();
        prop_assert_eq!(codec::decode::<Raw<Vec<u8>>>(&message).unwrap(), Raw(bytes.clone()));
        prop_assert_eq!(codec::decode::<Encoded<Vec<u8>>>(&message).unwrap(), Encoded(Codec::Raw, bytes));
    }

    #[test]
    fn plain_value_is_written_in_the_preferred_codec_and_read_by_the_prefix(order in order()) {
        for codec in [Codec::Cbor, Codec::Json, Codec::MessagePack] {
            let message = codec::encode(&order, codec).unwrap();
            prop_assert_eq!(&message, &write(codec, &order).unwrap());
            prop_assert_eq!(&codec::decode::<Order>(&message).unwrap(), &order);
        }
    }
}

fn comes_back(codec: Codec, order: &Order) {
    let message = write(codec, order).unwrap();
    assert_eq!(Codec::split(&message).unwrap().0, codec);
    assert_eq!(&read::<Order>(codec, &message).unwrap(), order);
    // Passed on as it came.
    let passed: Encoded<Vec<u8>> = codec::decode(&message).unwrap();
    assert_eq!(codec::encode(passed, Codec::Cbor).unwrap(), message);
    if codec == Codec::Protobuf {
        return; // Its messages have no end mark: extra or missing bytes may be whole fields.
    }
    let mut longer = message.clone();
    longer.push(0);
    read::<Order>(codec, &longer).unwrap_err();
    read::<Order>(codec, &message[..message.len() - 1]).unwrap_err();
}

#[test]
fn bytes_after_a_value_are_reported_with_their_number() {
    for codec in [Codec::Cbor, Codec::MessagePack, Codec::Borsh, Codec::Bincode] {
        let mut message = write(codec, &sample()).unwrap();
        message.extend_from_slice(b"\0\0\0");
        let error = read::<Order>(codec, &message).unwrap_err();
        let error = error.downcast_ref::<DecodeError>().unwrap();
        assert!(
            matches!(error, DecodeError::TrailingBytes { codec: found, count: 3 } if *found == codec),
            "{error}"
        );
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Nested {
    inner: Option<Box<Nested>>,
}

fn nested(levels: u32) -> Nested {
    (0..levels).fold(Nested::default(), |inner, _| Nested { inner: Some(Box::new(inner)) })
}

#[test]
fn deep_nesting_is_refused_before_the_stack_overflows() {
    for codec in [Codec::Cbor, Codec::Json, Codec::MessagePack] {
        let fits = codec::encode(&nested(30), codec).unwrap();
        assert_eq!(codec::decode::<Nested>(&fits).unwrap(), nested(30), "{codec}");
        let deep = codec::encode(&nested(300), codec).unwrap();
        let refused = codec::decode::<Nested>(&deep).unwrap_err();
        assert!(matches!(refused, DecodeError::Body { .. }), "{refused}");
    }
}

#[test]
fn long_bincode_sequence_is_refused_on_both_sides() {
    let fits = codec::encode(codec::Bincode(&vec![0_u8; 4 << 20]), Codec::Cbor).unwrap();
    assert_eq!(codec::decode::<codec::Bincode<Vec<u8>>>(&fits).unwrap().0.len(), 4 << 20);
    codec::encode(codec::Bincode(&vec![0_u8; (4 << 20) + 1]), Codec::Cbor).unwrap_err();
    let mut longer = Codec::Bincode.message(&((4_u64 << 20) + 1).to_le_bytes());
    longer.resize(longer.len() + (4 << 20) + 1, 0);
    codec::decode::<codec::Bincode<Vec<u8>>>(&longer).unwrap_err();
}
