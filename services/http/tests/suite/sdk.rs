//! Requests that a component of the SDK answers.

use std::path::Path;

use crate::support::{Response, SOON, Served, serve};

/// Serves the guest under the name `orders`. It asks another instance, `stock`.
async fn served(limits: &str) -> Served {
    let folder = tempfile::tempdir().expect("a folder");
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components/test-orders");
    let guest = format!("source = {:?}", guest.display().to_string());
    let stock = "[component]\nname = \"stock\"\nversion = \"0.1.0\"\n";
    std::fs::write(folder.path().join("stock.toml"), stock).expect("a manifest");
    let app_toml = format!(
        "[app]\nname = \"shop\"\n\
         [[component]]\n{guest}\nmanifest = \"stock.toml\"\n\
         [[component]]\n{guest}\nname = \"orders\"\n{limits}\n\
         [grants.orders]\nrequest = [\"stock\"]\n\
         [[http]]\nlisten = \"127.0.0.1:0\"\nbody = \"64 KiB\"\n\
         [[http.route]]\npath = \"/*\"\ncomponent = \"orders\"\n"
    );
    serve(folder, &app_toml, None).await
}

async fn post(served: &Served, path: &str, body: &str) -> Response {
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nconnection: close\r\n");
    served.raw(format!("{head}\r\n{body}").as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn actor_keeps_its_state_between_requests_and_reads_and_writes_json() {
    let served = served("").await;
    for count in ["1", "2"] {
        let response = post(&served, "/orders", r#"{"article": "apples", "count": 3}"#).await;
        assert_eq!((response.status, response.text()), (200, count));
        assert!(response.head.contains("content-length: 1"), "{}", response.head);
        assert!(response.head.contains("content-type: application/json"), "{}", response.head);
    }
    assert_eq!(served.get("/orders/1").await.text(), r#"{"article":"apples","count":3}"#);
    for (path, status) in [("/orders/2", 404), ("/orders/x", 404), ("/orders/1/2", 404), ("/orders", 404)] {
        assert_eq!(served.get(path).await.status, status, "{path}");
    }
    let wrong = post(&served, "/orders", r#"{"article": "apples", "count": "many"}"#).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("expected u64"), "{}", wrong.text());
    assert_eq!(post(&served, "/orders", "{").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn handler_of_a_request_awaits_replies_and_timers_together() {
    let served = served("").await;
    assert_eq!(served.get("/ask/slow").await.text(), "1");
    assert_eq!(served.get("/together").await.text(), "2");
    assert_eq!(served.get("/ask/count").await.text(), "4");
    assert_eq!(served.get("/task").await.text(), "5", "a task of the runtime asks");
    // The timeout is over before the reply comes, which nothing waits for.
    assert_eq!(served.get("/late").await.status, 504);
    assert_eq!(served.get("/ask/count").await.text(), "7");
    let orders = served.app.host().component_snapshot("orders").unwrap();
    assert_eq!((orders.handled, orders.dead_lettered), (6, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_the_asked_component_are_answers_and_the_asker_lives_on() {
    let served = served("").await;
    post(&served, "/orders", r#"{"article": "apples", "count": 3}"#).await;
    assert_eq!(served.get("/ask/panic").await.status, 503);
    let rejected = served.get("/ask/reject").await;
    assert_eq!((rejected.status, rejected.text()), (500, "the request could not be handled\n"));
    assert_eq!(served.get("/orders/0").await.status, 200, "the state is still there");
    assert_eq!(served.app.host().component_snapshot("orders").unwrap().restarts(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_streamed_while_the_handler_asks_another_component() {
    let served = served("").await;
    let response = served.post_chunked("/relay", &[b'x'; 30_000]).await;
    assert_eq!(response.status, 200);
    let parts: Vec<_> = response.text().lines().filter_map(|line| line.split_once(':')).collect();
    let bytes: usize = parts.iter().map(|(_, bytes)| bytes.parse::<usize>().unwrap()).sum();
    assert_eq!(bytes, 30_000);
    let asked: Vec<_> = parts.iter().map(|(asked, _)| (*asked).to_owned()).collect();
    assert_eq!(asked, (1..=asked.len()).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn body_that_is_too_large_is_answered_by_the_host() {
    let served = served("").await;
    let response = served.post_chunked("/orders", &[b' '; 80_000]).await;
    assert_eq!(response.status, 413, "{}", response.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_the_same_actor_await_timers_and_replies_too() {
    let served = served("").await;
    let host = served.app.host();
    // CBOR, behind its prefix.
    let ask = async |what: &str| {
        let message = [&[0x51, 0x60 + what.len() as u8], what.as_bytes()].concat();
        host.request("orders", message, SOON).await.unwrap()
    };
    assert_eq!(&ask("slow").await[..], [0x51, 1]);
    assert_eq!(&ask("ask").await[..], [0x51, 0x19, 0x03, 0xe9], "1,001");
    assert_eq!(served.get("/messages").await.text(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn handler_that_waits_for_nothing_fails_and_the_next_request_is_served() {
    let served = served("").await;
    assert_eq!(served.get("/stall").await.status, 500);
    assert_eq!(served.get("/messages").await.text(), "0");
    assert_eq!(served.app.host().component_snapshot("orders").unwrap().restarts(), 1);
}
