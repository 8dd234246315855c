//! Two processes, one of which calls the other over HTTP on loopback, on a persistent connection.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use airssys_benches::must;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use test_commands::bench::FIRST;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::other::{Served, decoded, encoded, number, thread};
use crate::timed;

pub(crate) const NAME: &str = "http";

const ASK: &str = "/ask";
const TELL: &str = "/tell";
const COUNT: &str = "/count";

pub(crate) fn serve() {
    must(thread().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let counted = AtomicU64::new(0);
        let answer = service_fn(|request: Request<Incoming>| async {
            let path = request.uri().path().to_owned();
            let body = must(request.into_body().collect().await).to_bytes();
            let reply = match path.as_str() {
                COUNT => counted.load(Ordering::Relaxed).to_string().into_bytes(),
                path => {
                    let reading = decoded(&body);
                    counted.fetch_add(1, Ordering::Relaxed);
                    let mut reply = Vec::with_capacity(64);
                    if path == ASK {
                        must(ciborium::into_writer(&reading, &mut reply));
                    }
                    reply
                }
            };
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(reply))))
        });
        let connection = hyper::server::conn::http1::Builder::new();
        // Serves until the other side closes the connection.
        let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
        Ok::<_, std::io::Error>(())
    }));
}

/// A process that answers, and a connection to it.
pub(crate) struct Peer {
    runtime: Runtime,
    connection: SendRequest<Full<Bytes>>,
    served: Served,
}

impl Peer {
    pub(crate) fn new() -> Peer {
        let (served, runtime) = (Served::new(NAME), thread());
        let connection = runtime.block_on(async {
            let stream = must(TcpStream::connect(&served.address).await);
            must(stream.set_nodelay(true));
            let (connection, driver) = must(handshake(TokioIo::new(stream)).await);
            tokio::spawn(driver);
            connection
        });
        Peer { runtime, connection, served }
    }

    /// Returns the time of `requests` calls, one after the other.
    pub(crate) fn ask(&mut self, requests: u64) -> Duration {
        timed(|| {
            for number in (0..requests).map(number) {
                let reply = self.call(ASK, encoded(number));
                assert_eq!(decoded(&reply).number, FIRST + number);
            }
        })
    }

    /// Returns the time until `messages` messages are counted. Each is a call with an empty answer,
    /// because HTTP has no one-way message.
    pub(crate) fn tell(&mut self, messages: u64) -> Duration {
        let before = self.counted();
        let took = timed(|| {
            for message in 0..messages {
                self.call(TELL, encoded(number(message)));
            }
        });
        assert_eq!(self.counted() - before, messages, "messages were lost");
        took
    }

    fn counted(&mut self) -> u64 {
        let count = self.call(COUNT, Vec::new());
        must(String::from_utf8_lossy(&count).parse())
    }

    fn call(&mut self, path: &str, body: Vec<u8>) -> Bytes {
        let request = Request::post(path).header("host", &self.served.address);
        let request = must(request.body(Full::new(Bytes::from(body))));
        self.runtime.block_on(async {
            must(self.connection.ready().await);
            let reply = must(self.connection.send_request(request).await);
            must(reply.into_body().collect().await).to_bytes()
        })
    }
}
