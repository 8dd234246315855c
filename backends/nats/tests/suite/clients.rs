//! The formats of other NATS clients, and streams that they have made.

use std::time::Duration;

use airssys_blobstore::conformance as blob;
use airssys_keyvalue::conformance::{Answer, Api, Call, Subject};
use async_nats::jetstream::{self, kv, object_store};
use tokio::io::AsyncReadExt;

use crate::server::{backends, runtime, start};

async fn client(port: u16) -> jetstream::Context {
    jetstream::new(async_nats::connect(format!("127.0.0.1:{port}")).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_those_of_other_clients() {
    let server = start().await;
    let subject = Subject::new(backends(), &runtime("keyvalue", server.port(), ""), None).await;
    subject.set(Api::Draft, "shared", "users.1", b"ours").await;
    let store = client(server.port()).await.get_key_value("shared").await.unwrap();
    assert_eq!(store.get("users.1").await.unwrap().as_deref(), Some(&b"ours"[..]));

    store.put("users.2", "theirs".into()).await.unwrap();
    // No key of ours has these subjects.
    store.put("a=b", "other".into()).await.unwrap();
    store.put("=61", "other".into()).await.unwrap();
    store.put("users.3", "deleted".into()).await.unwrap();
    store.purge("users.3").await.unwrap();
    assert_eq!(subject.get(Api::Draft, "shared", "users.2").await.as_deref(), Some(&b"theirs"[..]));
    for key in ["a=b", "users.3", "a"] {
        assert_eq!(subject.get(Api::Draft, "shared", key).await, None, "{key}");
    }
    let list = Call::ListAll { prefix: String::new(), limit: 10 };
    let Answer::Keys { mut keys, .. } = subject.call(Api::Own, "shared", list).await else {
        panic!("keys are expected")
    };
    keys.sort();
    assert_eq!(keys, ["users.1", "users.2"]);
    // Neither a deletion of ours nor of theirs is in the way.
    subject.call(Api::Own, "shared", Call::Delete("users.1".to_owned())).await;
    assert_eq!(store.get("users.1").await.unwrap(), None);
    let sum = Call::Increment { key: "users.3".to_owned(), delta: 2 };
    assert_eq!(subject.call(Api::Own, "shared", sum).await, Answer::Number(2));
    assert_eq!(store.get("users.3").await.unwrap().as_deref(), Some(&b"2"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn increment_keeps_the_time_to_live_of_another_client() {
    let server = start().await;
    let subject = Subject::new(backends(), &runtime("keyvalue", server.port(), ""), None).await;
    subject.set(Api::Draft, "shared", "key", b"1").await;
    let store = client(server.port()).await.get_key_value("shared").await.unwrap();
    store.create_with_ttl("counter", "1".into(), Duration::from_secs(2)).await.unwrap();
    let add = || subject.call(Api::Own, "shared", Call::Increment { key: "counter".to_owned(), delta: 1 });
    assert_eq!(add().await, Answer::Number(2));
    while subject.get(Api::Own, "shared", "counter").await.is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(add().await, Answer::Number(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn bucket_that_breaks_a_promise_is_refused_and_the_rest_is_told() {
    let server = start().await;
    let other = client(server.port()).await;
    let config = |bucket: &str| kv::Config { bucket: bucket.to_owned(), ..kv::Config::default() };
    let expiring = kv::Config { max_age: Duration::from_secs(3_600), ..config("expiring") };
    other.create_key_value(expiring).await.unwrap();
    let history = kv::Config { history: 5, ..config("history") };
    let history = other.create_key_value(history).await.unwrap();
    history.put("key", "old".into()).await.unwrap();
    history.put("key", "new".into()).await.unwrap();

    let subject = Subject::new(backends(), &runtime("keyvalue", server.port(), ""), None).await;
    let refused = |text: &str| Answer::Error {
        name: "other".to_owned(),
        text: format!("the bucket cannot be used: {text}"),
    };
    let get = |label: &'static str| subject.call(Api::Own, label, Call::Get("key".to_owned()));
    assert_eq!(get("expiring").await, refused("it deletes its values after some time"));
    assert_eq!(subject.get(Api::Own, "history", "key").await.as_deref(), Some(&b"new"[..]));
    let list = Call::ListAll { prefix: String::new(), limit: 10 };
    let reason = "it keeps more than the last value of a key, so its keys cannot be listed";
    assert_eq!(subject.call(Api::Own, "history", list).await, refused(reason));

    // A bucket that is deleted is made again.
    subject.set(Api::Own, "history", "key", b"1").await;
    other.delete_key_value("history").await.unwrap();
    loop {
        let answer = get("history").await;
        if answer == Answer::Value(None) {
            break;
        }
        assert!(matches!(&answer, Answer::Error { name, .. } if name == "unavailable"), "{answer:?}");
    }
    subject.set(Api::Own, "history", "key", b"2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn value_beyond_the_bound_of_the_server_and_a_full_bucket_are_quota_exceeded() {
    let server = start().await;
    let text = format!(
        "[backend.main]\ntype = \"nats\"\nurl = \"127.0.0.1:{}\"\n\n[keyvalue]\n\
         small = {{ backend = \"main\", bucket = \"other_name\", max_bytes = \"100 KiB\" }}\n",
        server.port()
    );
    let subject = Subject::new(backends(), &text, None).await;
    let set = |size: usize| {
        let (key, value) = ("key".to_owned(), vec![0; size]);
        let when = airssys_keyvalue::conformance::When::Always;
        subject.call(Api::Own, "small", Call::Set { key, value, ttl_ms: None, when })
    };
    let full = |text: &str| Answer::Error { name: "quota-exceeded".to_owned(), text: text.to_owned() };
    // The server takes 1 MiB.
    assert_eq!(set(2 << 20).await, full("the server takes no value so large"));
    assert_eq!(set(200 << 10).await, full("the bucket or the server is full"));
    assert!(matches!(set(10 << 10).await, Answer::Version(_)));
    assert!(client(server.port()).await.get_key_value("other_name").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_those_of_other_clients() {
    let server = start().await;
    let subject = blob::Subject::new(backends(), &runtime("blob", server.port(), ""), None).await;
    subject.create("shared").await;
    let put = blob::Call::PutLarge {
        container: "shared".to_owned(),
        name: "a/ü".to_owned(),
        size: 300_000,
        finishes: true,
    };
    subject.done(put).await;
    let other = client(server.port()).await;
    let store = other.get_object_store("shared").await.unwrap();
    // The library compares the digest.
    let mut bytes = Vec::new();
    store.get("a/ü").await.unwrap().read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes.len(), 300_000);

    let theirs: Vec<u8> = (0..500_000_u32).map(|place| place.to_le_bytes()[1]).collect();
    let meta = object_store::ObjectMetadata {
        name: "theirs".to_owned(),
        chunk_size: Some(70_000),
        ..object_store::ObjectMetadata::default()
    };
    store.put(meta, &mut &theirs[..]).await.unwrap();
    for (start, end) in [(0, u64::MAX), (0, 0), (69_999, 70_000), (400_000, 450_000)] {
        let last = end.saturating_add(1).min(theirs.len() as u64) as usize;
        let expected = blob::Answer::Value(theirs[start as usize..last].to_vec());
        assert!(subject.get("shared", "theirs", start, end).await == expected, "{start} to {end}");
    }
    // Links are no objects.
    let info = store.info("theirs").await.unwrap();
    store.add_link("link", &info).await.unwrap();
    store.delete("theirs").await.unwrap();
    assert_eq!(subject.names("shared").await, ["a/ü"]);
    assert_eq!(subject.get("shared", "link", 0, 9).await, blob::Answer::Error("no such object".to_owned()));
    let names = vec!["a/ü".to_owned()];
    subject.done(blob::Call::Delete { container: "shared".to_owned(), names }).await;
    assert!(store.get("a/ü").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_objects_that_are_gone_are_deleted() {
    let server = start().await;
    let subject = blob::Subject::new(backends(), &runtime("blob", server.port(), ""), None).await;
    subject.create("parts").await;
    let put = |finishes| blob::Call::PutLarge {
        container: "parts".to_owned(),
        name: "object".to_owned(),
        size: 1 << 20,
        finishes,
    };
    subject.done(put(true)).await;
    subject.done(put(true)).await;
    // A value that is not finished is dropped.
    subject.done(put(false)).await;
    let stream = client(server.port()).await.get_stream("OBJ_parts").await.unwrap();
    // Eight parts, and the description.
    while stream.get_info().await.unwrap().state.messages != 9 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (container, name) = ("parts".to_owned(), "object".to_owned());
    let read = subject.call(blob::Call::ReadAfterDelete { container, name }).await;
    assert!(matches!(&read, blob::Answer::Value(value) if value.len() == 1 << 20), "it was read to its end");
    // The mark of the deletion stays for some minutes.
    while stream.get_info().await.unwrap().state.messages != 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
