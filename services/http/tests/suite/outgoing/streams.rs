//! Bodies that stream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::servers::http;
use super::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_to_a_server_and_back() {
    let server = http().await;
    let served = Site::new([server.origin()]).start().await;
    let body: Vec<u8> = (0..1_500_000_u32).map(|number| (number % 251) as u8).collect();
    for path in ["/fetch", "/fetch-stream"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nx-target: {}/echo\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            server.origin(),
            body.len()
        );
        let (mut reader, mut writer) = served.connect().await.into_split();
        let request = [head.as_bytes(), &body].concat();
        let sent = tokio::spawn(async move { writer.write_all(&request).await.map(|()| writer) });
        let answer = crate::support::response(&mut reader).await;
        drop(sent.await);
        assert!(answer.body == body, "{path}: {} bytes came back", answer.body.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_is_not_taken_stops_at_its_server() {
    let server = http().await;
    let served = Site::new([server.origin()])
        .http("client_timeout = \"1 s\"\nrequest_timeout = \"2 s\"")
        .start()
        .await;
    let mut stream = served.connect().await;
    let head =
        format!("GET /fetch-stream HTTP/1.1\r\nhost: a\r\nx-target: {}/endless\r\n\r\n", server.origin());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    let parts = || server.counts.parts.load(Ordering::SeqCst);
    let mut before = 0;
    while before != parts() {
        before = parts();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Sockets of the system hold some MiB. A host without backpressure would take all.
    assert!(parts() < 512, "{} parts of 64 KiB were taken", parts());
    drop(stream);
    server.until_open(0).await;
}
