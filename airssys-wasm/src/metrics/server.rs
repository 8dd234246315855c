//! The server of the metrics, over HTTP.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::text::{CONTENT_TYPE as METRICS_TYPE, text};
use crate::clients::{Clients, Progress, ServerThread, Watched};
use crate::host::ComponentHost;
use crate::sync::lock;

/// The most connections that have sent a request. A further one takes the place of the quietest one.
const MAX_CONNECTIONS: usize = 16;

/// The timeout for the head of a request, and for the next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time of a connection. A client that reads slowly has no more for its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// The time for which scrapes share a page.
const PAGE_INTERVAL: Duration = Duration::from_millis(500);

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
    /// Its thread cannot be started.
    #[error("the thread of the metrics cannot be started")]
    Thread(#[source] io::Error),
}

/// A port for metrics. Clients can connect, and get an answer when the app is served.
#[derive(Debug)]
pub struct MetricsListener {
    address: SocketAddr,
    listener: TcpListener,
}

/// A server of an app's metrics at `GET /metrics`, until it is stopped or dropped.
///
/// It has a thread of its own, so that it answers while components hold every worker, and a scrape takes no
/// worker from them. A page is made at most twice a second, and shared by the scrapes of that time.
#[derive(Debug)]
pub struct MetricsServer {
    thread: ServerThread,
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
    ///
    /// # Errors
    /// [`MetricsError::Thread`] if the system starts no thread for it.
    pub fn serve(self, host: ComponentHost) -> Result<MetricsServer, MetricsError> {
        let started = self.listener.into_std().and_then(|listener| {
            ServerThread::start("airssys-metrics", || accept(listener, Pages::of(host)))
        });
        Ok(MetricsServer { thread: started.map_err(MetricsError::Thread)? })
    }
}

impl MetricsServer {
    /// Closes all connections, and waits until the port is free.
    pub async fn stop(self) {
        // The thread may be making a page, for which no worker waits.
        let stopped = tokio::task::spawn_blocking(move || drop(self.thread)).await;
        if let Err(error) = stopped {
            tracing::error!(%error, "the server of the metrics did not stop in order");
        }
    }
}

/// The pages of an app's metrics.
struct Pages {
    host: ComponentHost,
    /// The last page, and the time at which it was made.
    last: Mutex<Option<(Instant, Bytes)>>,
}

impl Pages {
    fn of(host: ComponentHost) -> Arc<Pages> {
        Arc::new(Pages { host, last: Mutex::default() })
    }

    /// Returns the page for a scrape at this time. Makes one if the last is too old.
    fn at(&self, now: Instant) -> Bytes {
        let mut last = lock(&self.last);
        match &*last {
            Some((made, page)) if now.saturating_duration_since(*made) < PAGE_INTERVAL => page.clone(),
            _ => {
                let page = Bytes::from(text(&self.host.snapshot()));
                *last = Some((now, page.clone()));
                page
            }
        }
    }
}

/// Accepts connections. Open connections are closed when this future is dropped.
async fn accept(listener: StdListener, pages: Arc<Pages>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the metrics cannot be served"),
    };
    let mut connections = Clients::at_most(MAX_CONNECTIONS);
    loop {
        connections.room().await;
        match listener.accept().await {
            Ok((stream, _)) => connections.admit(|progress| serve(stream, Arc::clone(&pages), progress)),
            Err(error) => {
                tracing::debug!("a connection for metrics was not accepted: {error}");
                connections.give_way().await;
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, pages: Arc<Pages>, progress: Arc<Progress>) {
    let stream = Watched::new(stream, Arc::clone(&progress));
    let service = service_fn(|request| {
        progress.has_asked();
        let answer = answer(&request, &pages);
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

fn answer(request: &Request<Incoming>, pages: &Pages) -> Response<Full<Bytes>> {
    match (request.uri().path(), request.method()) {
        ("/metrics", &Method::GET | &Method::HEAD) => {
            page(StatusCode::OK, METRICS_TYPE, pages.at(Instant::now()))
        }
        ("/metrics", _) => {
            let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, PLAIN, Bytes::from_static(b"use GET\n"));
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            refused
        }
        _ => page(StatusCode::NOT_FOUND, PLAIN, Bytes::from_static(b"the metrics are at /metrics\n")),
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn page(status: StatusCode, kind: &'static str, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use airssys_rt::ActorSystem;

    use super::*;

    #[tokio::test]
    async fn scrapes_of_one_interval_share_a_page() {
        let pages = Pages::of(ComponentHost::new(ActorSystem::new("test")));
        let now = Instant::now();
        let first = pages.at(now);
        for _ in 0..1_000 {
            assert_eq!(pages.at(now + PAGE_INTERVAL - Duration::from_nanos(1)).as_ptr(), first.as_ptr());
        }
        let next = pages.at(now + PAGE_INTERVAL);
        assert_ne!(next.as_ptr(), first.as_ptr(), "the page is made anew");
        assert_eq!(pages.at(now + PAGE_INTERVAL).as_ptr(), next.as_ptr());
    }
}
