//! Components that fail, and clients that break rules or take their time.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{SOON, response, served};

#[tokio::test(flavor = "multi_thread")]
async fn trap_is_answered_with_500_and_the_next_request_is_served() {
    for component in ["", "instances = \"per-request\""] {
        let served = served(component, "", "").await;
        assert_eq!(served.get("/count").await.text(), "1");
        let failed = served.get("/trap").await;
        assert_eq!(failed.status, 500);
        assert!(!failed.text().contains("asked to"), "a client learns nothing of the inside: {failed:?}");
        assert_eq!(served.get("/count").await.text(), "1", "a fresh instance");
        assert_eq!(served.app.dead_letters().total(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn execution_time_is_answered_with_504_and_the_next_request_is_served() {
    for component in ["", "instances = \"per-request\""] {
        let served = served(component, "execution_time = \"50 ms\"", "").await;
        assert_eq!(served.get("/spin").await.status, 504);
        assert_eq!(served.get("/count").await.text(), "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handler_that_waits_too_long_is_answered_with_504_and_frees_its_instance() {
    for component in ["", "instances = \"per-request\"\nconcurrency = 1"] {
        let served = served(component, "", "request_timeout = \"500 ms\"").await;
        assert_eq!(served.get("/never").await.status, 504);
        // Its instance may still be ending.
        let mut status = 504;
        while status == 504 {
            status = served.get("/count").await.status;
        }
        assert_eq!(status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_a_guest_makes_are_bounded() {
    let served = served("instances = \"per-request\"", "", "").await;
    assert_eq!(served.get("/fields?400x1000").await.text(), "400 lists");
    for too_many in ["/fields?600x10", "/fields?1x40000"] {
        assert_eq!(served.get(too_many).await.status, 500, "{too_many}");
    }
    assert_eq!(served.get("/count").await.text(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_mailbox_is_answered_with_503_and_a_time_to_retry() {
    let served = served("mailbox = 1", "", "").await;
    let responses = futures_util::future::join_all((0..6).map(|_| served.get("/slow"))).await;
    let refused: Vec<_> = responses.iter().filter(|response| response.status == 503).collect();
    assert!(refused.len() >= 3, "{responses:?}");
    assert!(refused.iter().all(|response| response.head.contains("retry-after: 1")), "{refused:?}");
    let served_ones = responses.iter().filter(|response| response.status == 200).count();
    assert_eq!(served_ones + refused.len(), 6, "{responses:?}");
    assert!(served_ones >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_body_is_answered_with_413_with_and_without_a_known_length() {
    let served = served("", "", "body = \"50 KiB\"").await;
    let known = b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\nconnection: close\r\n\r\n";
    assert_eq!(served.raw(known).await.status, 413);
    assert_eq!(served.post_chunked("/length", &[0; 60_000]).await.status, 413);
    assert_eq!(served.post_chunked("/length", &[0; 50_000]).await.text(), "50000");
    // The component has not failed: it has seen an error of its body.
    assert_eq!(served.app.dead_letters().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_never_reach_the_guest() {
    let served = served("", "", "client_timeout = \"5 s\"").await;
    let many_headers = (0..200).map(|number| format!("x{number}: y\r\n")).collect::<String>();
    let long_header = format!("x: {}\r\n", "y".repeat(100_000));
    for (request, status) in [
        ("GET /count HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /count HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n".to_owned(), 400),
        ("GET /count HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n".to_owned(), 400),
        ("GET /count HTTP/1.1\r\nhost: a\r\nconnection: close\r\n bad\r\n\r\n".to_owned(), 400),
        ("GET count HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), 400),
        ("\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), 400),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\nconnection: close\r\n\r\n".to_owned(), 400),
        (format!("GET /count HTTP/1.1\r\nhost: a\r\n{many_headers}\r\n"), 431),
        (format!("GET /count HTTP/1.1\r\nhost: a\r\n{long_header}\r\n"), 431),
        (
            "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_owned(),
            400,
        ),
    ] {
        let mut stream = served.connect().await;
        // A server that has read enough resets the connection.
        drop(stream.write_all(request.as_bytes()).await);
        let answered = response(&mut stream).await;
        assert_eq!(answered.status, status, "{request:?}");
    }
    assert_eq!(served.app.host().component_snapshot("web").unwrap().received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_sends_headers_or_a_body_too_slowly_is_given_up() {
    let served = served("", "", "client_timeout = \"200 ms\"").await;
    for (start, path) in [("", "idle"), ("GET /count HT", "headers")] {
        let mut stream = served.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let closed = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await;
        assert!(closed.is_ok(), "{path}");
    }
    let mut stream = served.connect().await;
    let head = b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\nconnection: close\r\n\r\nabc";
    stream.write_all(head).await.unwrap();
    let answered = response(&mut stream).await;
    assert!(answered.status >= 400, "{answered:?}");
    assert_eq!(served.get("/count").await.status, 200, "the instance is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_takes_nothing_frees_the_instance() {
    let served = served("", "", "client_timeout = \"300 ms\"\nrequest_timeout = \"20 s\"").await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    // The stream is held, and not read. The next request is behind it in the mailbox.
    assert_eq!(served.get("/count").await.status, 200);
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn response_that_fails_midway_is_never_complete() {
    let served = served("", "", "").await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET /cut HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("it ends");
    assert!(read.is_err() || !bytes.ends_with(b"0\r\n\r\n"), "a client must see that the body is cut");
    assert!(bytes.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes));
    assert_eq!(served.get("/count").await.text(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_goes_away_costs_nothing_but_its_request() {
    let served = served("mailbox = 100", "", "").await;
    for _ in 0..20 {
        let mut stream = served.connect().await;
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    }
    // The instance counts the requests that it was entered with. The first had begun, and the host sees
    // the end of the others while it runs.
    let entered: u32 = served.get("/count").await.text().parse().unwrap();
    assert!((1..=10).contains(&entered), "{entered} of 21 requests were run");
    assert_eq!(served.app.dead_letters().total(), 0);
}
