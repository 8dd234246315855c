use super::*;

#[test]
fn empty_reply_is_read_as_an_empty_value() {
    decode_reply::<()>(&[]).unwrap();
    assert_eq!(decode_reply::<Option<u32>>(&[]).unwrap(), None);
    assert_eq!(decode_reply::<Json<Option<u32>>>(&[]).unwrap(), Json(None));
    assert_eq!(decode_reply::<Borsh<()>>(&[]).unwrap(), Borsh(()));
    assert_eq!(decode_reply::<Bincode<()>>(&[]).unwrap(), Bincode(()));
    assert_eq!(decode_reply::<Protobuf<()>>(&[]).unwrap(), Protobuf(()));
    assert_eq!(decode_reply::<Raw<Vec<u8>>>(&[]).unwrap(), Raw(Vec::new()));
    assert!(matches!(decode_reply::<u32>(&[]), Err(DecodeError::Empty)));
    assert!(matches!(decode_reply::<Borsh<u32>>(&[]), Err(DecodeError::Empty)));
    assert!(matches!(decode_reply::<Bincode<u32>>(&[]), Err(DecodeError::Empty)));
    assert!(matches!(decode_reply::<Encoded<Vec<u8>>>(&[]), Err(DecodeError::Empty)));
}

#[test]
fn refusal_names_the_codec_and_its_wrapper() {
    let read = |codec: Codec| u32::decode(codec, b"x").unwrap_err().to_string();
    assert_eq!(read(Codec::Raw), "the body is raw, not cbor, json or messagepack: that takes `Raw`");
    assert_eq!(read(Codec::Borsh), "the body is borsh, not cbor, json or messagepack: that takes `Borsh`");
    let typed = Borsh::<u32>::decode(Codec::Json, b"1").unwrap_err();
    assert_eq!(
        typed.to_string(),
        "the body is json, not borsh: that takes `Json` or no wrapper at all",
        "the advice on missing features is tested in airssys-wasm, with a component that has CBOR only"
    );
    let written = encode(&1, Codec::Protobuf).unwrap_err();
    assert_eq!(
        written.to_string(),
        "a value without a wrapper is not written as protobuf: that takes `Protobuf`"
    );
}

#[test]
fn message_without_a_prefix_is_refused() {
    assert!(matches!(decode::<u32>(b""), Err(DecodeError::Prefix { .. })));
    assert!(matches!(decode::<u32>(b"{}"), Err(DecodeError::Prefix { .. })));
}

#[test]
fn preferred_codec_has_to_be_one_of_serde() {
    for codec in [Codec::Cbor, Codec::Json, Codec::MessagePack] {
        check_prefers(codec);
    }
    for codec in [Codec::Borsh, Codec::Raw] {
        let refused = std::panic::catch_unwind(|| check_prefers(codec)).unwrap_err();
        assert!(refused.downcast_ref::<&str>().unwrap().starts_with("PREFERS has to be"));
    }
}

#[cfg(feature = "cbor")]
#[test]
fn every_form_of_a_cbor_value_is_read() {
    let read = |body: &[u8]| decode::<f64>(&Codec::Cbor.message(body));
    for (form, body) in [
        ("half a float", &[0xf9, 0x4d, 0x40][..]),
        ("a short float", &[0xfa, 0x41, 0xa8, 0, 0]),
        ("a float", &[0xfb, 0x40, 0x35, 0, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(read(body).unwrap(), 21.0, "{form}");
    }
    for nothing in [&[0xf6][..], &encode(&(), Codec::Cbor).unwrap()[1..]] {
        decode::<()>(&Codec::Cbor.message(nothing)).unwrap();
        assert_eq!(decode::<Option<u8>>(&Codec::Cbor.message(&[0xf6])).unwrap(), None);
    }
    let pieces = [0x7f, 0x63, b'a', b'p', b'p', 0x63, b'l', b'e', b's', 0xff];
    assert_eq!(decode::<String>(&Codec::Cbor.message(&pieces)).unwrap(), "apples");
    let cut = read(&[0xfb, 0x40]).unwrap_err();
    assert!(matches!(cut, DecodeError::Body { .. }), "{cut}");
    let more = read(&[0xf9, 0x4d, 0x40, 0]).unwrap_err();
    assert!(matches!(more, DecodeError::TrailingBytes { count: 1, .. }), "{more}");
}
