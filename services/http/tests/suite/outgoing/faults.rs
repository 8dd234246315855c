//! Servers that are slow, lie, or go away.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::servers::{Server, http, raw};
use super::site::{Names, Site, fetch, fetch_with};

/// Answers each connection with these bytes, and closes it after a while.
async fn answering(answer: impl Into<Vec<u8>>) -> Server {
    let answer = answer.into();
    raw(move |mut stream: TcpStream, _| {
        let answer = answer.clone();
        async move {
            let mut head = [0; 4_096];
            drop(stream.read(&mut head).await);
            stream.write_all(&answer).await.ok();
            stream.shutdown().await.ok();
            drop(stream.read(&mut head).await);
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn response_that_breaks_a_rule_is_a_typed_error_and_the_next_request_is_served() {
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let many: String = (0..1_000).map(|number| format!("x{number}: y\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{many}\r\n");
    for (answer, error) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort".to_owned(), "incomplete HTTP response"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel".to_owned(),
            "incomplete HTTP response",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello".to_owned(),
            "HTTP protocol error",
        ),
        (huge, "HttpResponseHeaderSectionSize"),
        (many, "HttpResponseHeaderSectionSize"),
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), "HttpProtocolError"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy".to_owned(),
            "HttpProtocolError",
        ),
        ("HTTP/1.1 200 OK\r\nx".to_owned(), "ConnectionTerminated"),
        (String::new(), "ConnectionTerminated"),
    ] {
        let (wrong, right) = (answering(answer.clone()).await, http().await);
        let served = Site::new([wrong.origin(), right.origin()]).start().await;
        let failed = fetch(&served, &wrong.origin()).await;
        let start = answer.chars().take(80).collect::<String>();
        assert!(failed.status == 502 && failed.text().contains(error), "{start:?}: {}", failed.text());
        assert_eq!(fetch(&served, &format!("{}/hello", right.origin())).await.text(), "hello");
        assert_eq!(served.app.dead_letters().total(), 0, "{start:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_a_response_are_not_the_next_response() {
    let answer =
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong";
    let server = answering(answer).await;
    let served = Site::new([server.origin()]).start().await;
    for _ in 0..3 {
        assert_eq!(fetch(&served, &server.origin()).await.text(), "hello");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_is_not_there_is_a_typed_error() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let origin = format!("http://{unused}");
    let unknown = "http://unknown.test:80".to_owned();
    let served = Site::new([origin.clone(), unknown.clone()]).start().await;
    assert_eq!(fetch(&served, &origin).await.text(), "ErrorCode::ConnectionRefused");
    let answer = fetch(&served, &unknown).await;
    assert!(answer.text().contains("DnsError"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_and_operator_bound_the_time_of_each_step() {
    let server = http().await;
    let origin = server.origin();
    let never = "http://never.test:80".to_owned();
    let bounds =
        "connect_timeout = \"10 s\"\nfirst_byte_timeout = \"300 ms\"\nbetween_bytes_timeout = \"300 ms\"";
    for (service, header, path, error) in [
        ("", "x-first-byte-ms: 100\r\n", "/never", "HttpResponseTimeout"),
        ("", "x-between-bytes-ms: 100\r\n", "/drip", "connection read timeout"),
        (bounds, "x-first-byte-ms: 3600000\r\n", "/never", "HttpResponseTimeout"),
        (bounds, "x-between-bytes-ms: 3600000\r\n", "/drip", "connection read timeout"),
    ] {
        let served = Site::new([origin.clone(), never.clone()]).service(service).start().await;
        let answer = fetch_with(&served, "GET", &format!("{origin}{path}"), header).await;
        assert!(answer.text().contains(error), "{path} {header}: {}", answer.text());
        server.until_open(0).await;
    }
    let served = Site::new([never.clone()]).names(&Names::default()).start().await;
    let answer = fetch_with(&served, "GET", &never, "x-connect-ms: 100\r\n").await;
    assert_eq!(answer.text(), "ErrorCode::DnsTimeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn timeouts_of_one_server_differ_from_those_of_others() {
    let (patient, impatient) = (http().await, http().await);
    let to = format!("[service.http.outgoing.to.\"{}\"]\nfirst_byte_timeout = \"50 ms\"", impatient.origin());
    let served = Site::new([patient.origin(), impatient.origin()]).service(&to).start().await;
    assert_eq!(fetch(&served, &format!("{}/slow", patient.origin())).await.text(), "slow");
    let answer = fetch(&served, &format!("{}/slow", impatient.origin())).await;
    assert_eq!(answer.text(), "ErrorCode::HttpResponseTimeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_a_request_waits_is_not_the_guests() {
    let server = http().await;
    let served = Site::new([server.origin()]).limits("execution_time = \"100 ms\"").start().await;
    assert_eq!(fetch(&served, &format!("{}/slow", server.origin())).await.text(), "slow");
}
