//! Bounds on the number, the rate and the bytes of requests.

use super::servers::http;
use super::site::{Site, ask, fetch};

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_run_and_wait_are_refused() {
    let server = http().await;
    let served = Site::new([server.origin()]).service("concurrent = 2\nwaiting = 1").start().await;
    let answer = ask(&served, "GET", "/fetch-many?6", &format!("{}/slow", server.origin()), "").await;
    let results: Vec<_> = answer.text().lines().collect();
    let of = |result: &str| results.iter().filter(|line| **line == result).count();
    assert_eq!((of("slow"), of("ErrorCode::ConnectionLimitReached")), (3, 3), "{results:?}");
    assert_eq!(server.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_waits_for_its_place_until_a_deadline() {
    let server = http().await;
    let keys = "concurrent = 1\nwait_timeout = \"50 ms\"";
    let served = Site::new([server.origin()]).service(keys).start().await;
    let answer = ask(&served, "GET", "/fetch-many?2", &format!("{}/slow", server.origin()), "").await;
    let mut results: Vec<_> = answer.text().lines().collect();
    results.sort_unstable();
    assert_eq!(results, ["ErrorCode::ConnectionLimitReached", "slow"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_rate_are_refused_and_counted() {
    let server = http().await;
    let served = Site::new([server.origin()]).limits("outgoing_requests_per_second = 1").start().await;
    let answer = ask(&served, "GET", "/fetch-many?8", &format!("{}/hello", server.origin()), "").await;
    let refused = answer.text().lines().filter(|line| line.contains("InternalError")).count();
    assert!(refused >= 1 && answer.text().contains("hello"), "{}", answer.text());
    let component = served.app.host().component_snapshot("web").unwrap();
    assert_eq!(component.over_quota.get("outgoing_requests_per_second"), Some(&(refused as u64)));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_beyond_the_rate_wait_in_both_directions() {
    let server = http().await;
    let served = Site::new([server.origin()]).limits("outgoing_bytes_per_second = \"200 KiB\"").start().await;
    // The body of the request and that of the response take half of it each.
    let body = vec![b'x'; 120_000];
    let head = format!(
        "POST /fetch HTTP/1.1\r\nhost: a\r\nx-target: {}/echo\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        server.origin(),
        body.len()
    );
    let answer = served.raw(&[head.as_bytes(), &body].concat()).await;
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    let component = served.app.host().component_snapshot("web").unwrap();
    assert!(component.over_quota.get("outgoing_bytes_per_second").is_some_and(|count| *count <= 2));
    assert_eq!(fetch(&served, &format!("{}/hello", server.origin())).await.text(), "hello");
}
