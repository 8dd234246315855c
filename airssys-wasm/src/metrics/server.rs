//! Hands the figures out over HTTP.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::text;
use crate::host::ComponentHost;

/// Most connections at once; more have to wait.
const CONNECTIONS: usize = 16;

/// How long a client may take over the head of a request, or between two.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it takes a breath when connections cannot be accepted, for want of handles as a rule.
const BREATH: Duration = Duration::from_millis(100);

/// Why the figures are not handed out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// Other machines could read them, and nobody has allowed that.
    #[error("{address} can be reached from other machines: that has to be allowed expressly")]
    NotLoopback {
        /// Where they were to be handed out.
        address: SocketAddr,
    },
    /// The port cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// Where they were to be handed out.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// A port on which figures are to be handed out: whoever asks waits until there is an app.
#[derive(Debug)]
pub struct MetricsListener {
    address: SocketAddr,
    listener: TcpListener,
}

/// Hands out the figures of an app at `GET /metrics`, until it is stopped or dropped.
#[derive(Debug)]
pub struct MetricsServer {
    task: JoinHandle<()>,
}

impl MetricsListener {
    /// Listens. An address that other machines can reach is refused unless `anywhere` is true: the
    /// names of components and how busy they are would be anybody's to read.
    ///
    /// # Errors
    /// [`MetricsError`] if the address is refused, or cannot be listened on.
    pub async fn bind(address: SocketAddr, anywhere: bool) -> Result<MetricsListener, MetricsError> {
        if !anywhere && !address.ip().to_canonical().is_loopback() {
            return Err(MetricsError::NotLoopback { address });
        }
        let failed = |source| MetricsError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(MetricsListener { address, listener })
    }

    /// Where it listens: with the port that it got, if it asked for any (port 0).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands out the figures of this app from now on.
    pub fn serve(self, host: ComponentHost) -> MetricsServer {
        MetricsServer { task: tokio::spawn(accept(self.listener, host)) }
    }
}

impl MetricsServer {
    /// Stops, and waits until the port is free. Connections are closed.
    pub async fn stop(mut self) {
        self.task.abort();
        // It was cancelled; it gives no answer.
        drop((&mut self.task).await);
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts connections. Those that are open end with this.
async fn accept(listener: TcpListener, host: ComponentHost) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // It is never closed.
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let host = host.clone();
                connections.spawn(async move {
                    serve(stream, &host).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!("a connection for metrics was not accepted: {error}");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, host: &ComponentHost) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(&request, host)) });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection for metrics ended: {error}");
    }
}

fn answer(request: &Request<Incoming>, host: &ComponentHost) -> Response<Full<Bytes>> {
    match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET | &Method::HEAD) => {
            page(StatusCode::OK, text::CONTENT_TYPE, text::text(&host.snapshot()))
        }
        ("/metrics", _) => {
            let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET\n".to_owned());
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            refused
        }
        _ => page(StatusCode::NOT_FOUND, PLAIN, "the metrics are at /metrics\n".to_owned()),
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
