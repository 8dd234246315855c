//! Servers that crash, hang, and lose their connections.

use std::sync::Arc;
use std::time::Duration;

use airssys_blobstore::conformance::{Answer, Call, Subject};
use airssys_conformance::Proxy;

use crate::server::{backends, runtime, start};

fn error(text: &str) -> Answer {
    Answer::Error(text.to_owned())
}

fn put(container: &str, size: u64, finishes: bool) -> Call {
    Call::PutLarge { container: container.to_owned(), name: "object".to_owned(), size, finishes }
}

fn is_fault(answer: &Answer) -> bool {
    let of = |text: &str| matches!(answer, Answer::Error(found) if found.contains(text));
    of("unavailable") || of("timeout")
}

/// Calls until the server answers again.
async fn until_it_answers(subject: &Subject) {
    loop {
        let answer = subject.call(Call::ContainerExists("images".to_owned())).await;
        if !matches!(answer, Answer::Error(_)) {
            return;
        }
        assert!(is_fault(&answer), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_crashes_makes_its_containers_unavailable_and_keeps_what_it_acknowledged() {
    let mut server = start().await;
    let subject = Arc::new(Subject::new(backends(), &runtime(server.port(), ""), None).await);
    subject.create("images").await;
    subject.put("images", "object", b"old").await;
    let writing = {
        let subject = Arc::clone(&subject);
        tokio::spawn(async move { subject.call(put("images", 30 << 20, true)).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.kill();
    let written = writing.await.unwrap();
    assert!(written == Answer::Done || is_fault(&written), "{written:?}");
    let absent = subject.call(Call::ContainerExists("images".to_owned())).await;
    assert!(is_fault(&absent), "{absent:?}");
    subject.create("local").await;

    server.restart().await;
    until_it_answers(&subject).await;
    let get =
        Call::GetLarge { container: "images".to_owned(), name: "object".to_owned(), start: 0, end: u64::MAX };
    let found = subject.call(get).await;
    let is_whole = found == Answer::Streamed { bytes: 30 << 20, wrong: 0 };
    let is_old = matches!(found, Answer::Streamed { bytes: 3, .. });
    assert!(is_whole || (is_old && written != Answer::Done), "{written:?}, {found:?}");
    subject.put("images", "object", b"new").await;
    assert_eq!(subject.get("images", "object", 0, 9).await, Answer::Value(b"new".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_hangs_stalls_only_its_callers_and_only_until_their_deadline() {
    let server = start().await;
    let subject = Subject::new(backends(), &runtime(server.port(), "timeout = \"1 s\""), None).await;
    subject.create("images").await;
    subject.put("images", "object", b"old").await;
    server.freeze(true);
    subject.create("local").await;
    let id = || ("images".to_owned(), "object".to_owned());
    for call in [
        Call::ContainerExists("images".to_owned()),
        Call::Has { container: id().0, name: id().1 },
        put("images", 10, true),
        Call::Move { from: id(), to: ("images".to_owned(), "other".to_owned()) },
    ] {
        let answer = subject.call(call.clone()).await;
        assert!(is_fault(&answer), "{call:?}: {answer:?}");
    }
    server.freeze(false);
    until_it_answers(&subject).await;
    assert_eq!(subject.get("images", "object", 0, 9).await, Answer::Value(b"old".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn write_whose_connection_is_cut_is_not_sent_again_and_a_read_is() {
    let server = start().await;
    let proxy = Proxy::start(server.port()).await;
    let subject = Subject::new(backends(), &runtime(proxy.port(), ""), None).await;
    subject.create("images").await;
    subject.put("images", "object", b"old").await;
    for call in [
        Call::ContainerExists("images".to_owned()),
        Call::Has { container: "images".to_owned(), name: "object".to_owned() },
        Call::Get { container: "images".to_owned(), name: "object".to_owned(), start: 0, end: 9 },
        Call::List { container: "images".to_owned(), page: 10, skip: 0 },
    ] {
        proxy.cut(1);
        let answer = subject.call(call.clone()).await;
        assert!(!matches!(answer, Answer::Error(_)), "{call:?}: {answer:?}");
        assert_eq!(proxy.left(), 0, "{call:?}");
    }
    // A container that exists is created by one request, whose answer is lost.
    proxy.cut(1);
    assert_eq!(subject.call(Call::Create("images".to_owned())).await, error("unavailable"));
    assert_eq!(proxy.left(), 0);
    assert_eq!(subject.get("images", "object", 0, 9).await, Answer::Value(b"old".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_that_is_not_finished_is_aborted() {
    let server = start().await;
    let subject = Subject::new(backends(), &runtime(server.port(), ""), None).await;
    subject.create("images").await;
    let uploads = || async {
        let request = "GET /buckets/airssys/.uploads/?pretty=y HTTP/1.1\r\nHost: localhost\r\n\
                       Accept: application/json\r\nConnection: close\r\n\r\n";
        crate::server::ask(server.place().ports[6], request).await.unwrap_or_default()
    };
    subject.done(put("images", 12 << 20, false)).await;
    // The server has a folder for each upload in progress.
    while uploads().await.contains("\"FullPath\"") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(subject.names("images").await.is_empty());
    subject.done(put("images", 12 << 20, true)).await;
    assert_eq!(subject.names("images").await, ["object"]);
}
