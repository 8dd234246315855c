//! Clients that want the server to read a request in another way than its neighbours.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{SOON, response, served};

#[tokio::test(flavor = "multi_thread")]
async fn body_of_two_lengths_never_hides_a_second_request() {
    let served = served("", "", "").await;
    let hidden = "GET /count HTTP/1.1\r\nhost: a\r\n\r\n";
    for lengths in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
    ] {
        let request =
            format!("POST /length HTTP/1.1\r\nhost: a\r\n{lengths}\r\n3\r\nabc\r\n0\r\n\r\n{hidden}");
        let answered = served.raw(request.as_bytes()).await;
        assert!(answered.head.contains("connection: close"), "{}", answered.head);
        assert_eq!(answered.text(), "3");
    }
    assert_eq!(served.app.host().component_snapshot("web").unwrap().received, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_that_others_read_differently_are_refused() {
    let served = served("", "", "client_timeout = \"5 s\"").await;
    for line in [
        "transfer-encoding: identity",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "transfer-encoding : chunked",
        "transfer-encoding:\r\n chunked",
        "content-length: +3",
        "content-length: -3",
        "content-length: 0x3",
        "content-length: 3, 4",
        "content-length: 3 3",
        "content-length: 99999999999999999999999",
        "x: a\rb",
        "x: a\0b",
        "x\0: a",
        "host: b@a",
    ] {
        let host = if line.starts_with("host") { "" } else { "host: a\r\n" };
        let request = format!(
            "POST /length HTTP/1.1\r\n{host}{line}\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        let answered = served.raw(request.as_bytes()).await;
        assert_eq!(answered.status, 400, "{line:?}");
    }
    let old = b"POST /length HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(served.raw(old).await.status, 400);
    assert_eq!(served.app.host().component_snapshot("web").unwrap().received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_break_their_form_fail_the_body_and_not_the_component() {
    let served = served("", "", "client_timeout = \"5 s\"").await;
    let extensions = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(100_000));
    let trailers = format!("0\r\n{}\r\n", "x: y\r\n".repeat(50_000));
    for body in ["ffffffffffffffffff\r\na", "1\r\nab\r\n0\r\n\r\n", "x\r\n", "-1\r\n", &extensions, &trailers]
    {
        let head =
            "POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        let (mut reader, mut writer) = served.connect().await.into_split();
        let bytes = format!("{head}{body}").into_bytes();
        let sent = tokio::spawn(async move { writer.write_all(&bytes).await.map(|()| writer) });
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, reader.read_to_end(&mut answer)).await.expect("it ends");
        drop(sent.await);
        // A reset is an answer, too.
        let is_refused = answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 5");
        assert!(is_refused || read.is_err() || answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(served.get("/count").await.status, 200);
    assert_eq!(served.app.dead_letters().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let served = served("", "", "").await;
    let mut requests = "GET /count HTTP/1.1\r\nhost: a\r\n\r\n".repeat(49);
    requests += "GET /count HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut stream = served.connect().await;
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("in time").unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 50, "{text}");
    let mut at = 0;
    for count in 1..=50 {
        let found = text[at..].find(&format!("\r\n{count}")).unwrap_or_else(|| panic!("no {count}: {text}"));
        at += found;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn host_of_the_request_line_prevails() {
    let served = served("", "", "").await;
    let ask = async |line: &str, host: &str| {
        let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        served.raw(request.as_bytes()).await
    };
    assert_eq!(ask("GET http://api.test/api/x", "www.test").await.text(), "not here");
    assert_eq!(ask("GET http://www.test/api/x", "api.test").await.text(), "nothing is here\n");
    assert_eq!(ask("GET http://api.test/line", "www.test").await.text(), "GET http://api.test/line");
    assert_eq!(ask("OPTIONS *", "api.test").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_does_not_come_in_time_costs_the_component_nothing() {
    let served = served("", "", "request_timeout = \"500 ms\"").await;
    for round in 1..=5 {
        let mut stream = served.connect().await;
        let head = b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc";
        stream.write_all(head).await.unwrap();
        let answered = response(&mut stream).await;
        assert_eq!(answered.status, 408, "{round}: {answered:?}");
    }
    // The instance that has seen some of the five serves the last.
    let entered: u32 = served.get("/count").await.text().parse().unwrap();
    assert!(entered > 1, "a fresh instance");
    assert_eq!(served.app.dead_letters().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_goes_away_before_its_response_costs_the_component_nothing() {
    let served = served("", "", "").await;
    for round in 1..=5 {
        let mut stream = served.connect().await;
        let head = b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc";
        stream.write_all(head).await.unwrap();
        while served.app.host().component_snapshot("web").unwrap().received < round {
            tokio::task::yield_now().await;
        }
        drop(stream);
    }
    assert_eq!(served.get("/count").await.status, 200);
    assert_eq!(served.app.dead_letters().total(), 0);
}
