//! The metrics: a scrape depends on no worker of the components.
//!
//! These tests block the only thread of their host.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use airssys_wasm::metrics::{MetricsListener, MetricsServer};

use crate::support::*;

async fn serve() -> (SocketAddr, MetricsServer) {
    let listener = MetricsListener::bind(([127, 0, 0, 1], 0).into(), false).await.unwrap();
    (listener.address(), listener.serve(host()).unwrap())
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn scrape(address: SocketAddr) -> String {
    let (mut stream, mut page) = (connect(address), String::new());
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[tokio::test]
async fn scrape_is_answered_while_every_worker_is_held() {
    let (address, server) = serve().await;
    let page = scrape(address);
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("airssys_in_flight"), "{page}");
    server.stop().await;
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn scrape_is_answered_while_another_client_connects_in_a_loop() {
    let (address, _server) = serve().await;
    let ended = AtomicBool::new(false);
    let scrapes = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut held = VecDeque::new();
            while !ended.load(Ordering::Relaxed) {
                held.extend(TcpStream::connect(address));
                // More than there are places.
                if held.len() > 200 {
                    held.pop_front();
                }
            }
        });
        let scrapes: Vec<_> = (0..20).map(|_| std::panic::catch_unwind(|| scrape(address))).collect();
        ended.store(true, Ordering::Relaxed);
        scrapes
    });
    for page in scrapes {
        assert!(page.unwrap().starts_with("HTTP/1.1 200"));
    }
}
