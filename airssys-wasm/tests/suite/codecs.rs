//! Codecs: the host reads the prefix of a message, and nothing else.

use airssys_message::{Accepts, Codec};
use airssys_wasm::{Capabilities, ComponentSpec};

use crate::support::*;

fn bytes(codec: &str) -> Command {
    Command::SendBytes { to: "receiver".to_owned(), codec: codec.to_owned(), bytes: 10 }
}

fn every_codec() -> Accepts {
    Accepts::of(Codec::all()).unwrap()
}

#[tokio::test]
async fn receiver_gets_only_codecs_that_it_accepts() {
    let host = host();
    let accepts = Accepts::of([Codec::Json, Codec::Borsh]).unwrap();
    // The receiver is not started, so nothing decodes the messages.
    let _receiver = host.prepare(ComponentSpec { accepts, ..trusted("receiver") }).unwrap();
    host.spawn(trusted("sender")).await.unwrap();
    for codec in Codec::all() {
        let answer = host.ask("sender", bytes(codec.name())).await;
        let accepted = matches!(codec, Codec::Json | Codec::Borsh);
        assert_eq!(answer.is_ok(), accepted, "{codec}: {answer:?}");
        if let Err(text) = answer {
            let expected = format!(
                "the message is {codec}; `receiver` accepts json, borsh; `sender` accepts cbor; they have no \
                 codec in common"
            );
            assert!(text.contains(&expected), "{text}");
        }
    }
    let snapshots = host.component_snapshots();
    let receiver = snapshots.iter().find(|snapshot| snapshot.name == "receiver").unwrap();
    assert_eq!((receiver.received, receiver.refused["codec-refused"]), (2, 5));
}

#[tokio::test]
async fn subscriber_that_refuses_a_codec_does_not_affect_others() {
    let host = host();
    let news =
        |name: &str, accepts| ComponentSpec { subscribes: vec![pattern("news")], accepts, ..trusted(name) };
    host.spawn(news("cbor", Accepts::only(Codec::Cbor))).await.unwrap();
    host.spawn(news("json", Accepts::only(Codec::Json))).await.unwrap();
    assert_eq!(host.publish("news", message(&note("one"))).unwrap(), 1);
    assert_eq!(host.notes("cbor").await, "one");
    let letter = host.dead_letters().kept().remove(0);
    assert_eq!(&*letter.receiver, "json");
    let reason = letter.reason.to_string();
    assert!(reason.ends_with("the message is cbor; `json` accepts json; send it as json"), "{reason}");
}

#[tokio::test]
async fn a_refusal_names_the_codec_that_both_sides_know() {
    let host = host();
    let accepts = |codecs: [Codec; 2]| Accepts::of(codecs).unwrap();
    let receiver = ComponentSpec { accepts: accepts([Codec::Json, Codec::Borsh]), ..trusted("receiver") };
    let _receiver = host.prepare(receiver).unwrap();
    let sender = ComponentSpec { accepts: accepts([Codec::Cbor, Codec::Borsh]), ..trusted("sender") };
    host.spawn(sender).await.unwrap();
    let refused = host.ask("sender", bytes("cbor")).await.unwrap_err();
    let expected = "`receiver` accepts json, borsh; `sender` accepts cbor, borsh; send it as borsh, which both \
                    know";
    assert!(refused.contains(expected), "{refused}");
}

#[tokio::test]
async fn a_reply_in_another_codec_is_refused_with_both_sides_named() {
    let host = host();
    let answers =
        ComponentSpec { accepts: every_codec(), ..ComponentSpec::new("answers", component("test-codecs")) };
    let asks = ComponentSpec {
        accepts: Accepts::only(Codec::Cbor),
        capabilities: Capabilities::everything(),
        config: vec![setting("to", "answers")],
        ..ComponentSpec::new("asks", component("test-codecs"))
    };
    host.spawn(answers).await.unwrap();
    host.spawn(asks).await.unwrap();
    let mut ask = Codec::Cbor.message(b"");
    ciborium::into_writer("json", &mut ask).unwrap();
    let refused = host.request("asks", ask, SOON).await.unwrap_err().to_string();
    let expected = "the message is json; `asks` accepts cbor; `answers` accepts ";
    assert!(refused.contains(expected), "{refused}");
}

#[tokio::test]
async fn guests_ask_and_answer_in_every_codec() {
    let host = host();
    let answers = ComponentSpec {
        accepts: every_codec(),
        capabilities: Capabilities::everything(),
        ..ComponentSpec::new("answers", component("test-codecs"))
    };
    let config = vec![setting("to", "answers")];
    host.spawn(ComponentSpec { name: "asks".to_owned(), config, ..answers.clone() }).await.unwrap();
    host.spawn(answers).await.unwrap();
    for name in Codec::all().map(Codec::name).chain(["preferred"]) {
        let mut ask = Codec::Cbor.message(b"");
        ciborium::into_writer(name, &mut ask).unwrap();
        let reply = host.request("asks", ask, SOON).await.unwrap();
        let (codec, body) = Codec::split(&reply).unwrap();
        assert_eq!(codec, Codec::Cbor);
        let answer: (bool, String) = ciborium::from_reader(body).unwrap();
        assert_eq!(answer, (true, "né\0+".to_owned()), "{name}");
    }
}

#[tokio::test]
async fn rejection_names_the_missing_codec_feature() {
    let host = host();
    host.spawn(ComponentSpec { accepts: every_codec(), ..trusted("probe") }).await.unwrap();
    for (codec, reads) in [
        (Codec::MessagePack, "`MessagePack` or no wrapper at all, with the feature `messagepack`"),
        (Codec::Borsh, "`Borsh`, with the feature `borsh`"),
        (Codec::Raw, "`Raw`"),
    ] {
        host.request("probe", codec.message(b"x"), SOON).await.unwrap_err();
        let reason = host.reasons().pop().unwrap();
        let expected = format!("the body is {codec}, not cbor: that takes {reads}");
        assert!(reason.contains(&expected), "{reason}");
    }
}
