//! The server of the metrics, over HTTP.

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
use tokio::task::JoinHandle;

use super::text::{CONTENT_TYPE as METRICS_TYPE, text};
use crate::clients::{Clients, Progress};
use crate::host::ComponentHost;

/// The most connections at once. A further connection takes the place of the quietest one.
const MAX_CONNECTIONS: usize = 16;

/// The timeout for the head of a request, and for the next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time of a connection. A client that reads slowly has no more for its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// The delay after a failed accept, such as when the process has no file descriptor left.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The metrics cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// Other machines could read them, which is not allowed.
    #[error("`{address}` is not a loopback address; allow other addresses to serve metrics there")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
}

/// A port for metrics. Clients can connect, and get an answer when the app is served.
#[derive(Debug)]
pub struct MetricsListener {
    address: SocketAddr,
    listener: TcpListener,
}

/// A server of an app's metrics at `GET /metrics`, until it is stopped or dropped.
#[derive(Debug)]
pub struct MetricsServer {
    task: JoinHandle<()>,
}

impl MetricsListener {
    /// Listens on an address. An address that other machines can reach is refused unless `anywhere` is
    /// true, because they could read the names and the load of components.
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

    /// Returns the address, with the assigned port if port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the metrics of this app from now on.
    pub fn serve(self, host: ComponentHost) -> MetricsServer {
        MetricsServer { task: tokio::spawn(accept(self.listener, host)) }
    }
}

impl MetricsServer {
    /// Closes all connections, and waits until the port is free.
    pub async fn stop(mut self) {
        self.task.abort();
        // The task was cancelled, so it returns an error.
        drop((&mut self.task).await);
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts connections. Open connections are closed when this future is dropped.
async fn accept(listener: TcpListener, host: ComponentHost) {
    let mut connections = Clients::at_most(MAX_CONNECTIONS);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => connections.admit(|progress| serve(stream, host.clone(), progress)),
            Err(error) => {
                tracing::debug!("a connection for metrics was not accepted: {error}");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, host: ComponentHost, progress: Arc<Progress>) {
    let service = service_fn(|request| {
        progress.has_asked();
        let answer = answer(&request, &host);
        async move { Ok::<_, Infallible>(answer) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIMEOUT, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("a connection for metrics ended: {error}"),
        Err(_) => tracing::debug!("a connection for metrics took too long"),
    }
}

fn answer(request: &Request<Incoming>, host: &ComponentHost) -> Response<Full<Bytes>> {
    match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET | &Method::HEAD) => {
            page(StatusCode::OK, METRICS_TYPE, text(&host.snapshot()))
        }
        ("/metrics", _) => {
            let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "use GET\n".to_owned());
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
