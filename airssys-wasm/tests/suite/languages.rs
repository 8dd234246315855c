//! Components in JavaScript and Python, and one in Rust that they talk with.

use airssys_message::Codec;
use airssys_wasm::{Capabilities, ComponentHost, ComponentSpec};
use serde_json::{Value, json};

use crate::support::*;

fn greeter(name: &str) -> ComponentSpec {
    ComponentSpec {
        capabilities: Capabilities::everything(),
        accepts: vec![Codec::Cbor, Codec::Json],
        ..ComponentSpec::new(name, component(name))
    }
}

async fn with(name: &str) -> ComponentHost {
    let host = host();
    host.spawn(greeter("greet-rust")).await.unwrap();
    host.spawn(greeter(name)).await.unwrap();
    host
}

fn encoded(codec: Codec, value: &Value) -> Vec<u8> {
    let mut message = Vec::new();
    codec.write_prefix(&mut message);
    match codec {
        Codec::Json => message.extend(serde_json::to_vec(value).unwrap()),
        _ => ciborium::into_writer(value, &mut message).unwrap(),
    }
    message
}

/// Asks in one codec, and is answered in it.
async fn ask(host: &ComponentHost, to: &str, codec: Codec, value: Value) -> Value {
    let reply = host.request(to, encoded(codec, &value), SOON).await.unwrap();
    let (answered, body) = Codec::split(&reply).unwrap();
    assert_eq!(answered, codec);
    match codec {
        Codec::Json => serde_json::from_slice(body).unwrap(),
        _ => ciborium::from_reader(body).unwrap(),
    }
}

/// It is called, sends and requests, each in both codecs.
async fn talks_with_rust(name: &str, language: &str) {
    let host = with(name).await;
    // Called from outside.
    for (heard, codec) in [(1, Codec::Cbor), (2, Codec::Json)] {
        let greeting = ask(&host, name, codec, json!({ "name": "Zoë 🦀" })).await;
        assert_eq!(greeting, json!({ "text": format!("hello Zoë 🦀, says {language}"), "heard": heard }));
    }
    // It sends, then requests, in CBOR and then in JSON: Rust has heard each of the four.
    for (before, codec) in [(0, Codec::Cbor), (4, Codec::Json)] {
        let greetings = ask(&host, name, codec, json!({ "visit": "greet-rust" })).await;
        let text = format!("hello {name}, says Rust");
        let expected = json!([{ "text": text, "heard": before + 2 }, { "text": text, "heard": before + 4 }]);
        assert_eq!(greetings, expected);
    }
    // Rust sends in both codecs, then requests.
    let greetings = ask(&host, "greet-rust", Codec::Json, json!({ "visit": name })).await;
    assert_eq!(greetings, json!([{ "text": format!("hello greet-rust, says {language}"), "heard": 5 }]));
    assert_eq!(host.reasons(), [""; 0]);
}

/// A refusal is a dead letter, and nothing else ends.
async fn rejects_what_it_does_not_understand(name: &str) {
    let host = with(name).await;
    let mut broken = encoded(Codec::Cbor, &json!("text"));
    broken.truncate(3);
    for message in [encoded(Codec::Json, &json!({ "neither": 1 })), broken] {
        let refused = host.request(name, message, SOON).await.unwrap_err();
        assert!(refused.to_string().contains("rejected"), "{refused}");
    }
    let greeting = ask(&host, name, Codec::Cbor, json!({ "name": "you" })).await;
    assert_eq!(greeting["heard"], 1);
    let reasons = host.reasons();
    assert!(reasons[0].contains("a message has a name, or whom to visit"), "{reasons:?}");
    assert!(reasons[1].contains("the message is not what its codec cbor says"), "{reasons:?}");
}

/// An exception that nobody catches ends the instance, and the next one goes on.
async fn fails_like_any_component(name: &str) {
    let host = with(name).await;
    // There is nobody to visit: the SDK's exception is not caught.
    let failed = host.request(name, encoded(Codec::Cbor, &json!({ "visit": "nobody" })), SOON).await;
    assert!(failed.is_err(), "{failed:?}");
    let reasons = host.reasons();
    assert!(reasons[0].contains("nobody: unknown-target"), "{reasons:?}");
    let greeting = ask(&host, name, Codec::Json, json!({ "name": "you" })).await;
    assert_eq!(greeting["heard"], 1);
}

#[tokio::test]
async fn a_component_in_javascript_talks_with_one_in_rust() {
    talks_with_rust("greet-js", "JavaScript").await;
}

#[tokio::test]
async fn a_component_in_javascript_rejects_and_fails_like_any() {
    rejects_what_it_does_not_understand("greet-js").await;
    fails_like_any_component("greet-js").await;
}

#[tokio::test]
async fn a_component_in_python_talks_with_one_in_rust() {
    talks_with_rust("greet-python", "Python").await;
}

#[tokio::test]
async fn a_component_in_python_rejects_and_fails_like_any() {
    rejects_what_it_does_not_understand("greet-python").await;
    fails_like_any_component("greet-python").await;
}
