//! Servers that crash, hang, and lose their connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use airssys_conformance::{Proxy, Server};
use airssys_keyvalue::conformance::{Answer, Api, Call, Subject, When};

use crate::server::{Product, backends, redis, runtime, send};

fn error(name: &str) -> Answer {
    Answer::Error { name: name.to_owned(), text: String::new() }
}

fn increment(key: &str) -> Call {
    Call::Increment { key: key.to_owned(), delta: 1 }
}

/// Calls until the backend answers again.
async fn until_it_answers(subject: &Subject, label: &str) {
    loop {
        match subject.call(Api::Own, label, Call::Exists("key".to_owned())).await {
            Answer::Flag(_) => return,
            answer => assert!(answer == error("unavailable") || answer == error("timeout"), "{answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_a_server_loses_no_acknowledged_write_and_repeats_none() {
    for product in [Product::Redis, Product::Valkey] {
        let mut server = Server::start(product).await;
        let subject = Arc::new(Subject::new(backends(), &runtime(server.port(), ""), None).await);
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
                                let known = answer == error("unavailable") || answer == error("timeout");
                                assert!(known, "{product:?}: {answer:?}");
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
        assert!(value >= done, "{product:?}: {value} of {done} acknowledged writes are left");
        assert!(value <= done + doubtful, "{product:?}: {value} writes, and {done} + {doubtful} calls");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_is_absent_makes_its_labels_unavailable_and_no_others() {
    let mut server = redis().await;
    server.kill();
    let subject = Subject::new(backends(), &runtime(server.port(), ""), None).await;
    for api in [Api::Draft, Api::Draft2] {
        let text = "unavailable".to_owned();
        let absent = Answer::Error { name: "other".to_owned(), text };
        assert_eq!(subject.call(api, "any", Call::Open).await, absent, "{api:?}");
    }
    assert_eq!(subject.call(Api::Own, "any", Call::Open).await, error("unavailable"));
    subject.set(Api::Own, "local", "key", b"1").await;

    server.restart().await;
    until_it_answers(&subject, "any").await;
    subject.set(Api::Own, "any", "key", b"1").await;
    // An open bucket survives an absence of its server.
    server.kill();
    let set = Call::Set { key: "key".to_owned(), value: b"2".to_vec(), ttl_ms: None, when: When::Always };
    let refused = subject.call(Api::Own, "any", set).await;
    assert!(refused == error("unavailable"), "{refused:?}");
    server.restart().await;
    until_it_answers(&subject, "any").await;
    assert_eq!(subject.get(Api::Own, "any", "key").await.as_deref(), Some(&b"1"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_stops_for_ten_seconds_delays_nobody_past_a_deadline() {
    let server = redis().await;
    let text = runtime(server.port(), "timeout = \"500 ms\"");
    let subject = Subject::new(backends(), &text, None).await;
    subject.set(Api::Own, "any", "key", b"1").await;
    server.freeze(true);
    let (frozen, ()) = tokio::join!(
        async {
            let mut answers = Vec::new();
            for _ in 0..5 {
                answers.push(subject.call(Api::Own, "any", increment("counter")).await);
            }
            answers
        },
        tokio::time::sleep(Duration::from_secs(10)),
    );
    assert!(
        frozen.iter().all(|answer| *answer == error("timeout") || *answer == error("unavailable")),
        "{frozen:?}"
    );
    server.freeze(false);
    until_it_answers(&subject, "any").await;
    assert_eq!(subject.get(Api::Own, "any", "key").await.as_deref(), Some(&b"1"[..]));
    // Each of the writes was sent once at most.
    let Answer::Number(sum) = subject.call(Api::Own, "any", increment("counter")).await else {
        panic!("the server answers")
    };
    assert!((1..=6).contains(&sum), "{sum}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_hangs_stalls_only_its_callers_and_only_until_their_deadline() {
    let server = redis().await;
    let text = runtime(server.port(), "timeout = \"300 ms\"");
    let subject = Arc::new(Subject::new(backends(), &text, None).await);
    until_it_answers(&subject, "any").await;
    server.freeze(true);
    let hanging = {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move { subject.call_in("all/2", Api::Own, "any", Call::Open).await })
    };
    let stalled = subject.call_in("all/3", Api::Own, "local", increment("key")).await;
    assert_eq!(stalled, Answer::Number(1));
    // `open` needs no answer of the server once it is connected.
    assert_eq!(hanging.await.unwrap(), Answer::Done);
    for call in
        [increment("key"), Call::Get("key".to_owned()), Call::ListAll { prefix: String::new(), limit: 1 }]
    {
        assert_eq!(subject.call(Api::Own, "any", call.clone()).await, error("timeout"), "{call:?}");
    }
    server.freeze(false);
    until_it_answers(&subject, "any").await;
    // The increment reached the server, and was done once.
    let value = subject.get(Api::Own, "any", "key").await;
    assert!(value.is_none() || value.as_deref() == Some(b"1"), "{value:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn write_whose_connection_is_cut_is_not_sent_again_and_a_read_is() {
    let server = redis().await;
    let proxy = Proxy::start(server.port()).await;
    let subject = Subject::new(backends(), &runtime(proxy.port(), ""), None).await;
    until_it_answers(&subject, "any").await;
    let set = |when| Call::Set { key: "once".to_owned(), value: b"1".to_vec(), ttl_ms: None, when };
    let entries = vec![("many".to_owned(), b"1".to_vec())];
    for call in [
        increment("counter"),
        set(When::Absent),
        Call::SetMany { entries, ttl_ms: Some(3_600_000) },
        Call::DeleteMany(vec!["none".to_owned()]),
    ] {
        proxy.cut(1);
        assert_eq!(subject.call(Api::Own, "any", call.clone()).await, error("unavailable"), "{call:?}");
        assert_eq!(proxy.left(), 0, "{call:?}");
        until_it_answers(&subject, "any").await;
    }
    // Each was done once: the server had answered.
    assert_eq!(subject.get(Api::Own, "any", "counter").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(subject.get(Api::Own, "any", "once").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(subject.get(Api::Own, "any", "many").await.as_deref(), Some(&b"1"[..]));

    for call in [
        Call::Get("counter".to_owned()),
        Call::Exists("counter".to_owned()),
        Call::GetMany(vec!["counter".to_owned()]),
        Call::ListAll { prefix: "counter".to_owned(), limit: 10 },
    ] {
        proxy.cut(1);
        let answer = subject.call(Api::Own, "any", call.clone()).await;
        assert!(!matches!(answer, Answer::Error { .. }), "{call:?}: {answer:?}");
        assert_eq!(proxy.left(), 0, "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_that_was_refused_a_login_is_made_again() {
    let server = redis().await;
    let subject =
        Subject::new(backends(), &runtime(server.port(), "password = \"secret\"\nmax_retries = 0"), None)
            .await;
    // A server without a password refuses one.
    assert_eq!(subject.call(Api::Own, "any", Call::Open).await, error("unavailable"));
    send(server.port(), "CONFIG SET requirepass secret\r\n").await.unwrap();
    until_it_answers(&subject, "any").await;
    // The password changes while the connection is lost.
    let change = "AUTH secret\r\nCONFIG SET requirepass other\r\n";
    send(server.port(), change).await.unwrap();
    send(server.port(), "AUTH other\r\nCLIENT KILL TYPE normal SKIPME yes\r\n").await.unwrap();
    loop {
        let answer = subject.call(Api::Own, "any", increment("key")).await;
        if answer == error("unavailable") {
            break;
        }
        // Until the pipelined commands have reached the server.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    send(server.port(), "AUTH other\r\nCONFIG SET requirepass secret\r\n").await.unwrap();
    until_it_answers(&subject, "any").await;
}
