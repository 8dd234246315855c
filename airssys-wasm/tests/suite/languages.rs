//! Components in JavaScript and Python, and one in Rust that they talk with.

use airssys_message::{Accepts, Codec};
use airssys_rt::RestartStrategy;
use airssys_wasm::{
    Capabilities, Component, ComponentHost, ComponentSpec, Delivery, Engine, EngineConfig, Retry, builder,
};
use serde_json::{Value, json};

use crate::support::*;

pub(crate) fn greeter(name: &str) -> ComponentSpec {
    ComponentSpec {
        capabilities: Capabilities::everything(),
        accepts: Accepts::of([Codec::Cbor, Codec::Json]).unwrap(),
        ..ComponentSpec::new(name, component(name))
    }
}

async fn with(name: &str) -> ComponentHost {
    let host = host();
    host.spawn(greeter("greet-rust")).await.unwrap();
    host.spawn(greeter(name)).await.unwrap();
    host
}

pub(crate) fn encoded(codec: Codec, value: &Value) -> Vec<u8> {
    let mut message = Vec::new();
    codec.write_prefix(&mut message);
    match codec {
        Codec::Json => message.extend(serde_json::to_vec(value).unwrap()),
        _ => ciborium::into_writer(value, &mut message).unwrap(),
    }
    message
}

/// Sends a request in one codec, and checks that the reply is in the same.
pub(crate) async fn ask(host: &ComponentHost, to: &str, codec: Codec, value: Value) -> Value {
    let reply = host.request(to, encoded(codec, &value), SOON).await.unwrap();
    let (answered, body) = Codec::split(&reply).unwrap();
    assert_eq!(answered, codec);
    match codec {
        Codec::Json => serde_json::from_slice(body).unwrap(),
        _ => ciborium::from_reader(body).unwrap(),
    }
}

/// Checks that it answers, sends and requests, each in both codecs.
async fn talks_with_rust(name: &str, language: &str) {
    let host = with(name).await;
    // It is called from outside.
    for (heard, codec) in [(1, Codec::Cbor), (2, Codec::Json)] {
        let greeting = ask(&host, name, codec, json!({ "name": "Zoë 🦀" })).await;
        assert_eq!(greeting, json!({ "text": format!("hello Zoë 🦀, says {language}"), "heard": heard }));
    }
    // It sends, then requests, in CBOR and then in JSON. Rust gets each of the four.
    for (before, codec) in [(0, Codec::Cbor), (4, Codec::Json)] {
        let greetings = ask(&host, name, codec, json!({ "visit": "greet-rust" })).await;
        let text = format!("hello {name}, says Rust");
        let expected = json!([{ "text": text, "heard": before + 2 }, { "text": text, "heard": before + 4 }]);
        assert_eq!(greetings, expected);
    }
    // Rust does the same to it.
    let greetings = ask(&host, "greet-rust", Codec::Json, json!({ "visit": name })).await;
    let text = format!("hello greet-rust, says {language}");
    assert_eq!(greetings, json!([{ "text": text, "heard": 4 }, { "text": text, "heard": 6 }]));
    assert_eq!(host.reasons(), [""; 0]);
}

/// Checks that it can send more messages at once than fit into a mailbox.
async fn waits_for_room(name: &str) {
    let host = host();
    for name in ["greet-rust", name] {
        host.spawn(ComponentSpec { capacity: 2, ..greeter(name) }).await.unwrap();
    }
    let names = ["you"; 9];
    for (to, from) in [("greet-rust", name), (name, "greet-rust")] {
        let sent = ask(&host, from, Codec::Json, json!({ "tell": to, "names": names })).await;
        assert_eq!(sent, names.len());
        let greeting = ask(&host, to, Codec::Cbor, json!({ "name": "you" })).await;
        assert_eq!(greeting["heard"], names.len() + 1);
    }
    assert_eq!(host.reasons(), [""; 0]);
}

/// Checks that it can ask for another attempt, and learns the number of the attempt.
async fn is_tried_again(name: &str) {
    let host = host();
    let backoff = RestartStrategy::Immediate;
    let delivery = Delivery::Retry(Retry { attempts: 3, backoff });
    host.spawn(ComponentSpec { delivery, ..greeter(name) }).await.unwrap();
    let attempts = |attempts: u32| json!({ "attempts": attempts });
    assert_eq!(ask(&host, name, Codec::Cbor, attempts(3)).await, 3);
    let refused = host.request(name, encoded(Codec::Cbor, &attempts(4)), SOON).await.unwrap_err();
    assert!(refused.to_string().contains("rejected"), "{refused}");
    assert!(host.reasons()[0].contains("attempt 3 of 4"), "{:?}", host.reasons());
}

/// Checks that a rejected message is a dead letter and the instance goes on.
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
    assert!(reasons[0].contains("a message has a name, or the component to visit"), "{reasons:?}");
    assert!(reasons[1].contains("the message is not valid cbor"), "{reasons:?}");
}

/// Checks that an uncaught exception ends the instance, and that the next instance goes on.
async fn fails_like_any_component(name: &str) {
    let host = with(name).await;
    // The component to visit does not exist, and the SDK's exception is not caught.
    let failed = host.request(name, encoded(Codec::Cbor, &json!({ "visit": "nobody" })), SOON).await;
    assert!(failed.is_err(), "{failed:?}");
    let reasons = host.reasons();
    assert!(reasons[0].contains("nobody: unknown-target"), "{reasons:?}");
    let greeting = ask(&host, name, Codec::Json, json!({ "name": "you" })).await;
    assert_eq!(greeting["heard"], 1);
}

/// Checks that a later subscriber gets the message that it publishes to be retained.
async fn publishes_for_later(name: &str) {
    let host = with(name).await;
    let announce = json!({ "announce": "news.today", "value": { "NoteOrigin": "the news" } });
    assert_eq!(ask(&host, name, Codec::Json, announce).await, 0);
    host.spawn(ComponentSpec { subscribes: vec![pattern("news.*")], ..trusted("late") }).await.unwrap();
    assert_eq!(host.notes("late").await, "the news+");
}

/// Checks that both ends see the same id of a request, and that the next request has another.
async fn knows_the_ids_of_requests(name: &str) {
    let host = with(name).await;
    let pairs = ask(&host, name, Codec::Cbor, json!({ "ids": "greet-rust" })).await;
    let mut ids: Vec<String> = Vec::new();
    for pair in pairs.as_array().unwrap() {
        assert_eq!(pair[0], pair[1], "{pairs}");
        ids.push(pair[0].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 2);
    for codec in [Codec::Cbor, Codec::Json] {
        ids.push(ask(&host, name, codec, json!({ "which": true })).await.as_str().unwrap().to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 36 && id.split('-').count() == 5), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "{ids:?}");
}

#[tokio::test]
async fn a_component_in_javascript_publishes_for_later_and_knows_the_ids_of_requests() {
    publishes_for_later("greet-js").await;
    knows_the_ids_of_requests("greet-js").await;
}

#[tokio::test]
async fn a_component_in_python_publishes_for_later_and_knows_the_ids_of_requests() {
    publishes_for_later("greet-python").await;
    knows_the_ids_of_requests("greet-python").await;
}

#[tokio::test]
async fn a_component_in_javascript_talks_with_one_in_rust() {
    talks_with_rust("greet-js", "JavaScript").await;
}

#[tokio::test]
async fn a_component_in_javascript_waits_for_room_and_is_tried_again() {
    waits_for_room("greet-js").await;
    is_tried_again("greet-js").await;
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
async fn a_component_in_python_waits_for_room_and_is_tried_again() {
    waits_for_room("greet-python").await;
    is_tried_again("greet-python").await;
}

#[tokio::test]
async fn a_component_in_python_rejects_and_fails_like_any() {
    rejects_what_it_does_not_understand("greet-python").await;
    fails_like_any_component("greet-python").await;
}

/// The code of the interpreter is in artifacts of their own, which a changed line of Python does not touch.
#[tokio::test]
async fn changed_line_of_python_compiles_no_code_anew() {
    let file = builder::build(&folder("greet-python"), |_| {}).unwrap();
    Component::load(engine(), &file).unwrap();
    let wasm = std::fs::read(file).unwrap();
    let (before, after) = (b", says Python", b", says Pybhon");
    let mut changed = wasm.clone();
    // The memory can have copies that Python has freed.
    let places = wasm.windows(before.len()).enumerate().filter(|(_, bytes)| bytes == before);
    places.for_each(|(at, _)| changed[at..at + after.len()].copy_from_slice(after));
    assert_ne!(changed, wasm);
    // An engine with the same cache, but with counts of its own.
    let own = EngineConfig { cache_dir: cache_dir(), max_instances: 10, ..in_process() };
    let own = Engine::new(own).unwrap();
    drop(Component::new(&own, &changed).unwrap());
    let used = own.cache_use();
    assert!(used.misses <= 1 && used.hits >= 3, "{used:?}");
    let host = host();
    let component = Component::new(engine(), &changed).unwrap();
    host.spawn(ComponentSpec { component, ..greeter("greet-python") }).await.unwrap();
    let greeting = ask(&host, "greet-python", Codec::Json, json!({ "name": "you" })).await;
    assert_eq!(greeting["text"], "hello you, says Pybhon");
}
