//! Two processes, one of which calls the other over HTTP on loopback, on a connection that stays.

use std::convert::Infallible;
use std::time::Duration;

use airssys_benches::{must, workers};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use test_commands::bench::FIRST;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::other::{Served, decoded, encoded, number};
use crate::timed;

pub(crate) const NAME: &str = "http";

pub(crate) fn serve() {
    must(workers(1).block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = service_fn(|request: Request<Incoming>| async {
            let body = must(request.into_body().collect().await).to_bytes();
            let mut reply = Vec::with_capacity(64);
            must(ciborium::into_writer(&decoded(&body), &mut reply));
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(reply))))
        });
        let connection = hyper::server::conn::http1::Builder::new();
        // Until the other side has gone.
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
        let (served, runtime) = (Served::new(NAME), workers(1));
        let connection = runtime.block_on(async {
            let stream = must(TcpStream::connect(&served.address).await);
            must(stream.set_nodelay(true));
            let (connection, driver) = must(handshake(TokioIo::new(stream)).await);
            tokio::spawn(driver);
            connection
        });
        Peer { runtime, connection, served }
    }

    /// The time of so many calls, one after the other.
    pub(crate) fn ask(&mut self, requests: u64) -> Duration {
        let (connection, address) = (&mut self.connection, &self.served.address);
        timed(|| {
            self.runtime.block_on(async {
                for request in 0..requests {
                    let number = number(request);
                    let call =
                        Request::post("/").header("host", address).header("content-type", "application/cbor");
                    let call = must(call.body(Full::new(Bytes::from(encoded(number)))));
                    let reply = must(connection.send_request(call).await);
                    let body = must(reply.into_body().collect().await).to_bytes();
                    assert_eq!(decoded(&body).number, FIRST + number);
                }
            });
        })
    }
}
