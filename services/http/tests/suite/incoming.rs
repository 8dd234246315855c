//! Requests that are answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use airssys_wasm::{MessageSpan, MessageTracer, TraceContext, TracedMessage};

use crate::support::{served, served_with};

#[tokio::test(flavor = "multi_thread")]
async fn component_that_knows_nothing_of_airssys_keeps_its_state_and_answers() {
    let served = served("", "", "").await;
    for count in ["1", "2", "3"] {
        let response = served.get("/count").await;
        assert_eq!((response.status, response.text()), (200, count));
    }
    let response = served.get("/line?a=%20b&c").await;
    assert_eq!(response.text(), "GET http://localhost/line?a=%20b&c");
    let response = served
        .raw(b"GET /headers HTTP/1.1\r\nHost: localhost:80\r\nX-Note: one\r\nconnection: close\r\n\r\n")
        .await;
    assert!(response.text().contains("one"), "{}", response.text());
    let component = served.app.host().component_snapshot("web").unwrap();
    assert_eq!((component.received, component.handled, component.dead_lettered), (5, 5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_for_each_request_is_fresh() {
    let served = served("instances = \"per-request\"\nconcurrency = 4", "", "").await;
    for _ in 0..3 {
        assert_eq!(served.get("/count").await.text(), "1");
    }
    let slow = (0..4).map(|_| served.get("/slow"));
    for response in futures_util::future::join_all(slow).await {
        assert_eq!(response.text(), "slow");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_streamed_in_both_directions() {
    let served = served("", "", "").await;
    let body: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    let response = served.post_chunked("/echo", &body).await;
    assert_eq!(response.status, 200);
    assert!(response.body == body, "{} bytes came back", response.body.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn route_is_chosen_by_host_method_and_path() {
    let served = served("", "", "").await;
    let status = async |method: &str, host: &str, path: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        served.raw(request.as_bytes()).await
    };
    // The guest answers 404 with a text of its own.
    assert_eq!(status("POST", "x", "/orders/7").await.text(), "not here");
    let other = status("GET", "x", "/orders/7").await;
    assert!(other.status == 405 && other.head.contains("allow: post"), "{other:?}");
    assert_eq!(status("GET", "API.test:80", "/api/a/b").await.text(), "not here");
    assert_eq!(status("GET", "www.test", "/api/a/b").await.text(), "nothing is here\n");
    assert_eq!(status("GET", "x", "/a/b").await.status, 404);
    assert_eq!(status("DELETE", "x", "/count").await.text(), "3", "two of the others reached the guest");
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_is_kept_for_the_next_request() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let served = served("", "", "").await;
    let mut stream = served.connect().await;
    for count in [b"1", b"2"] {
        stream.write_all(b"GET /count HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"0\r\n\r\n")
            && !seen.windows(5).any(|w| w == [b"\r\n\r\n", &count[..]].concat())
        {
            let mut bytes = [0; 1_024];
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "the connection is kept");
            seen.extend(&bytes[..read]);
        }
        assert!(seen.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&seen));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_served_end_before_a_drain() {
    let mut served = served("", "", "").await;
    let address = served.address;
    let slow = tokio::spawn(async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.unwrap();
        crate::support::response(&mut stream).await
    });
    while served.app.host().in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(served.server.drain(crate::support::SOON).await);
    // The connection was closed behind the response, although the client would have kept it.
    assert_eq!(slow.await.unwrap().text(), "slow");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert!(served.app.shutdown(Duration::from_secs(5)).await.late.is_empty());
}

/// Notes the parents of spans.
#[derive(Debug, Default)]
struct Parents(Mutex<Vec<Option<TraceContext>>>);

impl MessageTracer for Parents {
    fn begin(&self, parent: Option<TraceContext>, message: &TracedMessage<'_>) -> Box<dyn MessageSpan> {
        assert_eq!((message.sender, message.component), ("http", "web"));
        self.0.lock().unwrap().push(parent);
        Box::new(NoSpan)
    }
}

struct NoSpan;

impl MessageSpan for NoSpan {
    fn context(&self) -> Option<TraceContext> {
        None
    }

    fn end(self: Box<Self>, _: airssys_wasm::SpanOutcome<'_>) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn request_belongs_to_the_trace_that_its_client_names() {
    let parents = Arc::new(Parents::default());
    let served = served_with("", "", "", Some(parents.clone())).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for traceparent in [parent, "nonsense"] {
        let request = format!(
            "GET /count HTTP/1.1\r\nhost: localhost\r\ntraceparent: {traceparent}\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(served.raw(request.as_bytes()).await.status, 200);
    }
    let parents = parents.0.lock().unwrap().clone();
    assert_eq!(parents, [parent.parse().ok(), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn outgoing_request_is_denied() {
    let served = served("", "", "").await;
    let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    target.set_nonblocking(true).unwrap();
    let response = served.get(&format!("/outgoing?{}", target.local_addr().unwrap())).await;
    assert_eq!(response.text(), "not sent");
    let nothing = target.accept().unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "nothing was connected");
}
