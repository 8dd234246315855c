//! Faults of a real server: killed, stopped, and connections that end.

use std::time::Duration;

use airssys_conformance::Proxy;
use airssys_secrets::conformance::{Answer, Call, Subject};
use serde_json::Value;

use crate::server::{ask, start, subject};

fn error(name: &str) -> Answer {
    Answer::Error { name: name.to_owned(), text: String::new() }
}

async fn until_it_answers(subject: &Subject) {
    while let Answer::Error { name, text } = subject.call("probe", Call::Exists("id".to_owned())).await {
        assert!(["unavailable", "timeout"].contains(&&*name), "{name}: {text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_secrets_outlive_a_killed_server_and_calls_meanwhile_are_unavailable() {
    let mut server = start().await;
    let subject = subject(&server, server.port(), "timeout = \"20s\"").await;
    let set = |number: u32| {
        subject.call("crash", Call::Set(format!("id-{number}"), number.to_string().into_bytes()))
    };
    for number in 0..10 {
        assert_eq!(set(number).await, Answer::Done);
    }
    server.kill();
    for number in 10..15 {
        assert_eq!(set(number).await, error("unavailable"));
    }
    server.restart().await;
    until_it_answers(&subject).await;
    for number in 0..10 {
        let found = subject.get("crash", &format!("id-{number}")).await;
        assert_eq!(found, Answer::Value(Some(number.to_string().into_bytes())));
    }
    // A server that has begun to read may refuse writes a moment longer.
    loop {
        match set(10).await {
            Answer::Error { name, .. } if name == "unavailable" => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            answer => break assert_eq!(answer, Answer::Done),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_server_is_a_timeout_and_goes_on_afterwards() {
    let server = start().await;
    let subject = subject(&server, server.port(), "timeout = \"500ms\"").await;
    until_it_answers(&subject).await;
    subject.set("stopped", "id", b"before").await;
    server.freeze(true);
    assert_eq!(subject.get("stopped", "id").await, error("timeout"));
    let set = Call::Set("other".to_owned(), b"during".to_vec());
    assert_eq!(subject.call("stopped", set).await, error("timeout"));
    server.freeze(false);
    until_it_answers(&subject).await;
    // On a loaded machine, half a second can be too short for an answer.
    loop {
        match subject.get("stopped", "id").await {
            Answer::Error { name, .. } if name == "timeout" => {}
            found => break assert_eq!(found, Answer::Value(Some(b"before".to_vec()))),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn write_without_an_answer_is_not_sent_again() {
    let server = start().await;
    let proxy = Proxy::start(server.port()).await;
    let subject = subject(&server, proxy.port(), "").await;
    until_it_answers(&subject).await;
    proxy.cut(1);
    let set = Call::Set("id".to_owned(), b"1".to_vec());
    assert_eq!(subject.call("cut", set).await, error("unavailable"));
    assert_eq!(proxy.left(), 0);
    assert_eq!(subject.get("cut", "id").await, Answer::Value(Some(b"1".to_vec())));
    let metadata = ask(&server, "GET", "secret/metadata/airssys/cut/id", Value::Null).await;
    assert_eq!(metadata["data"]["current_version"], 1, "{metadata}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_server_is_unavailable() {
    let server = start().await;
    let subject = subject(&server, server.port(), "").await;
    subject.set("sealed", "id", b"1").await;
    ask(&server, "PUT", "sys/seal", Value::Null).await;
    assert_eq!(subject.get("sealed", "id").await, error("unavailable"));
}
