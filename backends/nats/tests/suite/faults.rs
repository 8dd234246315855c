//! Servers that crash, hang, and lose their connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use airssys_blobstore::conformance as blob;
use airssys_conformance::Proxy;
use airssys_keyvalue::conformance::{Answer, Api, Call, Subject, When};

use crate::server::{backends, runtime, start};

fn error(name: &str) -> Answer {
    Answer::Error { name: name.to_owned(), text: String::new() }
}

fn is_fault(answer: &Answer) -> bool {
    *answer == error("unavailable") || *answer == error("timeout")
}

fn increment(key: &str) -> Call {
    Call::Increment { key: key.to_owned(), delta: 1 }
}

async fn subject(port: u16, options: &str) -> Subject {
    Subject::new(backends(), &runtime("keyvalue", port, options), None).await
}

/// Calls until the backend answers again.
async fn until_it_answers(subject: &Subject, label: &str) {
    loop {
        match subject.call(Api::Own, label, Call::Exists("key".to_owned())).await {
            Answer::Flag(_) => return,
            answer => assert!(is_fault(&answer), "{answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_a_server_loses_no_acknowledged_write_and_repeats_none() {
    let mut server = start().await;
    let subject = Arc::new(subject(server.port(), "").await);
    let (done, doubtful) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let ended = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=4)
        .map(|instance| {
            let (subject, ended) = (Arc::clone(&subject), Arc::clone(&ended));
            let (done, doubtful) = (Arc::clone(&done), Arc::clone(&doubtful));
            tokio::spawn(async move {
                while !ended.load(Ordering::Relaxed) {
                    let instance = format!("all/{instance}");
                    match subject.call_in(&instance, Api::Own, "crash", increment("key")).await {
                        Answer::Number(_) => done.fetch_add(1, Ordering::Relaxed),
                        answer => {
                            assert!(is_fault(&answer), "{answer:?}");
                            doubtful.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            })
        })
        .collect();
    for _ in 0..3 {
        let before = done.load(Ordering::Relaxed);
        while done.load(Ordering::Relaxed) < before + 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        server.restart().await;
    }
    until_it_answers(&subject, "crash").await;
    ended.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let value = subject.get(Api::Own, "crash", "key").await.unwrap();
    let value: i64 = String::from_utf8(value).unwrap().parse().unwrap();
    let (done, doubtful) = (done.load(Ordering::Relaxed), doubtful.load(Ordering::Relaxed));
    assert!(value >= done, "{value} of {done} acknowledged writes are left");
    assert!(value <= done + doubtful, "{value} writes, and {done} + {doubtful} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_is_absent_makes_its_labels_unavailable_and_no_others() {
    let mut server = start().await;
    server.kill();
    let subject = subject(server.port(), "").await;
    assert_eq!(subject.call(Api::Own, "any", Call::Open).await, error("unavailable"));
    subject.set(Api::Own, "local", "key", b"1").await;

    server.restart().await;
    until_it_answers(&subject, "any").await;
    subject.set(Api::Own, "any", "key", b"1").await;
    // An open bucket survives an absence of its server.
    server.kill();
    let set = Call::Set { key: "key".to_owned(), value: b"2".to_vec(), ttl_ms: None, when: When::Always };
    assert_eq!(subject.call(Api::Own, "any", set).await, error("unavailable"));
    server.restart().await;
    until_it_answers(&subject, "any").await;
    assert_eq!(subject.get(Api::Own, "any", "key").await.as_deref(), Some(&b"1"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_hangs_stalls_only_its_callers_and_only_until_their_deadline() {
    let server = start().await;
    let subject = Arc::new(subject(server.port(), "timeout = \"300 ms\"").await);
    until_it_answers(&subject, "any").await;
    server.freeze(true);
    let hanging = {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move { subject.call_in("all/2", Api::Own, "any", increment("key")).await })
    };
    let stalled = subject.call_in("all/3", Api::Own, "local", increment("key")).await;
    assert_eq!(stalled, Answer::Number(1));
    assert_eq!(hanging.await.unwrap(), error("timeout"));
    for call in
        [increment("key"), Call::Get("key".to_owned()), Call::ListAll { prefix: String::new(), limit: 1 }]
    {
        assert_eq!(subject.call(Api::Own, "any", call.clone()).await, error("timeout"), "{call:?}");
    }
    server.freeze(false);
    until_it_answers(&subject, "any").await;
    // The increments had only read: their writes were not sent.
    assert_eq!(subject.get(Api::Own, "any", "key").await, None);
    assert_eq!(subject.call(Api::Own, "any", increment("key")).await, Answer::Number(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn write_whose_connection_is_cut_is_not_sent_again_and_a_read_is() {
    let server = start().await;
    let proxy = Proxy::start(server.port()).await;
    let subject = subject(proxy.port(), "").await;
    until_it_answers(&subject, "any").await;
    let set = |when| Call::Set { key: "once".to_owned(), value: b"1".to_vec(), ttl_ms: None, when };
    let entries = vec![("many".to_owned(), b"1".to_vec())];
    for call in [
        set(When::Always),
        Call::SetMany { entries, ttl_ms: Some(3_600_000) },
        Call::DeleteMany(vec!["none".to_owned()]),
    ] {
        proxy.cut(1);
        assert_eq!(subject.call(Api::Own, "any", call.clone()).await, error("unavailable"), "{call:?}");
        assert_eq!(proxy.left(), 0, "{call:?}");
        until_it_answers(&subject, "any").await;
    }
    // Each was done once: the server had answered.
    for key in ["once", "many"] {
        assert_eq!(subject.get(Api::Own, "any", key).await.as_deref(), Some(&b"1"[..]), "{key}");
    }
    let messages = messages(server.port(), "KV_any").await;
    assert_eq!(messages, 3, "two values and the mark of a deletion");

    for call in [
        Call::Get("once".to_owned()),
        Call::Exists("once".to_owned()),
        Call::GetMany(vec!["once".to_owned()]),
        Call::ListAll { prefix: "once".to_owned(), limit: 10 },
    ] {
        proxy.cut(1);
        let answer = subject.call(Api::Own, "any", call.clone()).await;
        assert!(!matches!(answer, Answer::Error { .. }), "{call:?}: {answer:?}");
        assert_eq!(proxy.left(), 0, "{call:?}");
    }
}

/// Returns the number of messages that a stream has stored so far.
async fn messages(port: u16, stream: &str) -> u64 {
    let client = async_nats::connect(format!("127.0.0.1:{port}")).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream(stream).await.unwrap();
    stream.cached_info().state.last_sequence
}

#[tokio::test(flavor = "multi_thread")]
async fn object_whose_server_crashes_is_the_old_one_or_whole() {
    let mut server = start().await;
    let text = runtime("blob", server.port(), "timeout = \"2 s\"");
    let subject = Arc::new(blob::Subject::new(backends(), &text, None).await);
    subject.create("images").await;
    subject.put("images", "object", b"old").await;
    let size = 9 << 20;
    for round in 0..3 {
        let put = move |finishes| blob::Call::PutLarge {
            container: "images".to_owned(),
            name: "object".to_owned(),
            size,
            finishes,
        };
        let writing = {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move { subject.call(put(true)).await })
        };
        // Some parts are there.
        while messages(server.port(), "OBJ_images").await % 60 < 10 {
            tokio::task::yield_now().await;
        }
        server.kill();
        let answer = writing.await.unwrap();
        server.restart().await;
        let get = |start, end| blob::Call::GetLarge {
            container: "images".to_owned(),
            name: "object".to_owned(),
            start,
            end,
        };
        let found = loop {
            match subject.call(get(0, u64::MAX)).await {
                blob::Answer::Error(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                found => break found,
            }
        };
        if answer == blob::Answer::Done {
            assert_eq!(found, blob::Answer::Streamed { bytes: size, wrong: 0 }, "{round}");
        } else {
            let is_whole = found == blob::Answer::Streamed { bytes: size, wrong: 0 };
            let is_old = matches!(found, blob::Answer::Streamed { bytes: 3, .. });
            assert!(is_whole || is_old, "{round}: {answer:?}, {found:?}");
        }
    }
    let names = subject.names("images").await;
    assert_eq!(names, ["object"]);
}
