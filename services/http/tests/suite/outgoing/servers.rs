//! Servers to which components send requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server with counters.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) counts: Arc<Counts>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) connections: AtomicUsize,
    pub(super) requests: AtomicUsize,
    pub(super) open: AtomicUsize,
    /// The parts of endless bodies that were taken, of 64 KiB each.
    pub(super) parts: AtomicUsize,
}

impl Server {
    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The origin of the server under another host.
    pub(super) fn under(&self, host: &str) -> String {
        format!("http://{host}:{}", self.address.port())
    }

    pub(super) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Waits until so many connections are open.
    pub(super) async fn until_open(&self, connections: usize) {
        let reached = async {
            while self.counts.open.load(Ordering::SeqCst) != connections {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(crate::support::SOON, reached).await.expect("connections are closed");
    }
}

/// Serves each connection with a function, which gets its number from 0.
pub(super) async fn raw<F>(serve: impl Fn(TcpStream, usize) -> F + Send + Sync + 'static) -> Server
where
    F: Future<Output = ()> + Send + 'static,
{
    counted(move |stream, number, _| serve(stream, number)).await
}

async fn counted<F>(serve: impl Fn(TcpStream, usize, Arc<Counts>) -> F + Send + Sync + 'static) -> Server
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let counts = Arc::<Counts>::default();
    let mut tasks = JoinSet::new();
    let of_task = Arc::clone(&counts);
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let number = of_task.connections.fetch_add(1, Ordering::SeqCst);
            let (open, served) = (Open::new(&of_task), serve(stream, number, Arc::clone(&of_task)));
            connections.spawn(async move {
                served.await;
                drop(open);
            });
        }
    });
    Server { address, counts, _tasks: tasks }
}

struct Open(Arc<Counts>);

impl Open {
    fn new(counts: &Arc<Counts>) -> Open {
        counts.open.fetch_add(1, Ordering::SeqCst);
        Open(Arc::clone(counts))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A server of HTTP/1.1 whose paths say what it answers.
pub(super) async fn http() -> Server {
    counted(|stream, _, counts| async move {
        let service = service_fn(move |request| answer(request, Arc::clone(&counts)));
        let served = hyper::server::conn::http1::Builder::new();
        drop(served.serve_connection(TokioIo::new(stream), service).await);
    })
    .await
}

/// A server with TLS: of HTTP/2 and 1.1, or of HTTP/1.1 only.
pub(super) async fn https(config: Arc<rustls::ServerConfig>) -> Server {
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    counted(move |stream, _, counts| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let service = service_fn(move |request| answer(request, Arc::clone(&counts)));
            let io = TokioIo::new(stream);
            if is_http2 {
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                drop(builder.serve_connection(io, service).await);
            } else {
                drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service).await);
            }
        }
    })
    .await
}

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

async fn answer(request: Request<Incoming>, counts: Arc<Counts>) -> Result<Answer, Infallible> {
    counts.requests.fetch_add(1, Ordering::SeqCst);
    let text = |text: String| Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    Ok(match path.as_str() {
        "/hello" => Response::new(text("hello".to_owned())),
        "/version" => Response::new(text(format!("{:?}", request.version()))),
        "/echo" => Response::new(request.into_body().boxed_unsync()),
        "/head" => {
            let mut lines = vec![format!("{} {:?}", request.method(), request.uri())];
            for (name, value) in request.headers() {
                lines.push(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
            }
            Response::new(text(lines.join("\n")))
        }
        "/close" => {
            Response::builder().header("connection", "close").body(text("closed".to_owned())).unwrap()
        }
        "/redirect" => {
            Response::builder().status(302).header("location", query).body(text(String::new())).unwrap()
        }
        "/never" => std::future::pending().await,
        "/slow" => {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            Response::new(text("slow".to_owned()))
        }
        "/drip" => Response::new(Endless { counts, most: 1 }.boxed_unsync()),
        "/endless" => Response::new(Endless { counts, most: usize::MAX }.boxed_unsync()),
        _ => Response::builder().status(404).body(text("not here".to_owned())).unwrap(),
    })
}

/// A body of so many parts, which then stalls.
struct Endless {
    counts: Arc<Counts>,
    most: usize,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.most == 0 {
            return Poll::Pending;
        }
        self.most -= 1;
        self.counts.parts.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 64 << 10])))))
    }
}
