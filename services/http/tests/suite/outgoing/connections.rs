//! Connections that are kept, and shared, and given up.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::servers::{http, raw};
use super::site::{Site, ask, fetch, fetch_with};

#[tokio::test(flavor = "multi_thread")]
async fn connection_is_kept_and_never_used_for_another_component() {
    let server = http().await;
    let served = Site::new([server.origin()]).component("instances = 2").start().await;
    let target = format!("{}/hello", server.origin());
    for _ in 0..3 {
        assert_eq!(fetch(&served, &target).await.text(), "hello");
    }
    assert_eq!(server.connections(), 1);
    for _ in 0..2 {
        assert_eq!(fetch_with(&served, "GET", &target, "host: other\r\n").await.text(), "hello");
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unused_connection_is_closed_after_its_time() {
    let server = http().await;
    let served = Site::new([server.origin()]).service("idle_timeout = \"50 ms\"").start().await;
    assert_eq!(fetch(&served, &format!("{}/hello", server.origin())).await.text(), "hello");
    server.until_open(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oldest_unused_connection_makes_way_for_one_to_another_server() {
    let (one, other) = (http().await, http().await);
    let served = Site::new([one.origin(), other.origin()]).service("concurrent = 1").start().await;
    for server in [&one, &other, &one] {
        assert_eq!(fetch(&served, &format!("{}/hello", server.origin())).await.text(), "hello");
    }
    assert_eq!((one.connections(), other.connections()), (2, 1));
    other.until_open(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn response_that_is_dropped_frees_its_connection() {
    let server = http().await;
    let served = Site::new([server.origin()]).service("concurrent = 1\nwaiting = 0").start().await;
    let target = format!("{}/endless", server.origin());
    assert_eq!(ask(&served, "GET", "/fetch-dropped?5", &target, "").await.text(), "dropped");
    server.until_open(0).await;
    assert_eq!(fetch(&served, &format!("{}/hello", server.origin())).await.text(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn trap_ends_the_requests_of_its_instance() {
    let server = http().await;
    let served = Site::new([server.origin()]).start().await;
    let target = format!("{}/never", server.origin());
    assert_eq!(ask(&served, "GET", "/fetch-trap", &target, "").await.status, 500);
    server.until_open(0).await;
    assert_eq!(server.requests(), 1);
    assert_eq!(fetch(&served, &format!("{}/hello", server.origin())).await.text(), "hello");
}

/// Reads a request's head, with a body of `body` if it has one.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).to_lowercase();
        let has_body = text.contains("transfer-encoding") || text.contains("content-length: 4");
        let is_whole = if has_body { text.contains("body") } else { text.ends_with("\r\n\r\n") };
        if is_whole {
            return Some(text);
        }
        let mut bytes = [0; 1_024];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => seen.extend(&bytes[..count]),
        }
    }
}

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// Answers the first request of each connection, and closes it at the second.
async fn once(mut stream: TcpStream, _: usize) {
    if read_request(&mut stream).await.is_some() {
        stream.write_all(HELLO).await.ok();
        read_request(&mut stream).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_may_be_repeated_is_sent_again_if_the_server_closed_a_kept_connection() {
    let server = raw(once).await;
    let served = Site::new([server.origin()]).start().await;
    for _ in 0..3 {
        assert_eq!(fetch(&served, &server.origin()).await.text(), "hello");
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_may_not_be_repeated_fails_if_the_server_closed_a_kept_connection() {
    let server = raw(once).await;
    let served = Site::new([server.origin()]).start().await;
    assert_eq!(fetch(&served, &server.origin()).await.text(), "hello");
    let answer = fetch_with(&served, "POST", &server.origin(), "").await;
    assert_eq!(answer.text(), "ErrorCode::ConnectionTerminated");
    assert_eq!(server.connections(), 1, "it was not sent again");
    assert_eq!(fetch_with(&served, "POST", &server.origin(), "").await.text(), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_on_a_fresh_connection_is_never_repeated() {
    let server = raw(|mut stream, _| async move {
        read_request(&mut stream).await;
    })
    .await;
    let served = Site::new([server.origin()]).start().await;
    assert_eq!(fetch(&served, &server.origin()).await.text(), "ErrorCode::ConnectionTerminated");
    assert_eq!(server.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_that_a_server_closed_meanwhile_is_not_used() {
    let server = raw(|mut stream, _| async move {
        if read_request(&mut stream).await.is_some() {
            stream.write_all(HELLO).await.ok();
        }
    })
    .await;
    let served = Site::new([server.origin()]).start().await;
    for _ in 0..3 {
        assert_eq!(fetch_with(&served, "POST", &server.origin(), "").await.text(), "hello");
        server.until_open(0).await;
        // The client sees the end a little later than the server.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
