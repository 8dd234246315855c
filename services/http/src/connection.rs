//! The requests of one connection.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use airssys_spec::manifest::{HttpLimits, HttpListener};
use airssys_wasm::TraceContext;
use http_body::Body;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::http::uri::Authority;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use crate::activity::{Activity, Running};
use crate::answer::NoAnswer;
use crate::body::{RequestBody, ResponseBody};
use crate::call::{Answer, RequestCall};
use crate::routes::{Routes, Target};
use crate::slow_client::SlowClient;
use crate::tls::HTTP2;

/// The smallest buffer that hyper accepts.
const MIN_BUFFER_BYTES: usize = 8_192;

/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// The most requests at once of a connection of HTTP/2.
const MAX_STREAMS: u32 = 100;

/// The parts of a listener that its connections share.
pub(crate) struct Site {
    pub(crate) listener: HttpListener,
    pub(crate) routes: Routes,
    /// `None` if the listener speaks HTTP without TLS.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// The parts of the serving of a connection that its protocol does not change.
struct Serving {
    site: Arc<Site>,
    activity: Arc<Activity>,
    draining: watch::Receiver<bool>,
}

/// Serves a connection until it ends. When `draining` becomes true, it ends after the present requests.
pub(crate) async fn serve(site: Arc<Site>, stream: TcpStream, draining: watch::Receiver<bool>) {
    // A delay of small packets would only add latency.
    drop(stream.set_nodelay(true));
    let client_timeout = site.listener.limits.client_timeout;
    let stream = SlowClient::new(stream, client_timeout);
    let tls = site.tls.clone();
    let serving = Serving { site, activity: Arc::default(), draining };
    let Some(tls) = tls else { return serving.http1(stream).await };
    let mut draining = serving.draining.clone();
    let accepted = tokio::select! {
        accepted = timeout(client_timeout, tls.accept(stream)) => accepted,
        // A client without a request has nothing to wait for.
        () = async { drop(draining.wait_for(|draining| *draining).await) } => return,
    };
    match accepted {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(HTTP2) => serving.http2(stream).await,
        Ok(Ok(stream)) => serving.http1(stream).await,
        Ok(Err(error)) => tracing::debug!(target: "airssys::http", "a TLS handshake failed: {error}"),
        Err(_) => tracing::debug!(target: "airssys::http", "a client was too slow with its TLS handshake"),
    }
}

impl Serving {
    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let HttpLimits { header_bytes, client_timeout, .. } = self.site.listener.limits;
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(client_timeout)
            .max_buf_size(header_bytes.max(MIN_BUFFER_BYTES))
            .max_headers(MAX_HEADERS)
            .half_close(false)
            .serve_connection(TokioIo::new(stream), self.service());
        // An idle connection ends by the timeout of its headers.
        self.until_ended(connection, std::future::pending()).await;
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let HttpLimits { header_bytes, client_timeout, .. } = self.site.listener.limits;
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(client_timeout)
            .keep_alive_timeout(client_timeout)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
            .serve_connection(TokioIo::new(stream), self.service());
        let idle = Arc::clone(&self.activity).idle(client_timeout);
        self.until_ended(connection, idle).await;
    }

    fn service(
        &self,
    ) -> impl HttpService<Incoming, ResBody = ResponseBody, Error = Infallible, Future: Send> + use<> {
        let (site, activity) = (Arc::clone(&self.site), Arc::clone(&self.activity));
        service_fn(move |request| {
            let (site, running) = (Arc::clone(&site), Running::begin(&activity));
            async move {
                let mut response = respond(&site, request).await;
                response.body_mut().hold(running);
                Ok::<_, Infallible>(response)
            }
        })
    }

    /// Serves until the connection ends, which it does after the present requests if the server drains or
    /// the connection is idle.
    async fn until_ended<C, E>(mut self, connection: C, idle: impl Future<Output = ()>)
    where
        C: GracefulConnection<Error = E>,
        E: std::fmt::Display,
    {
        let mut connection = pin!(connection);
        let drained = async { drop(self.draining.wait_for(|draining| *draining).await) };
        let served = tokio::select! {
            served = connection.as_mut() => Some(served),
            () = drained => None,
            () = idle => None,
        };
        let served = match served {
            Some(served) => served,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!(target: "airssys::http", "a connection ended: {error}");
        }
    }
}

async fn respond(site: &Site, request: Request<Incoming>) -> Response<ResponseBody> {
    let began = Instant::now();
    let line = site.listener.access_log.then(|| (request.method().clone(), request.uri().path().to_owned()));
    let mut component = None;
    let answer = answer(site, request, began, &mut component).await;
    let mut response = answer.unwrap_or_else(|none| none.response());
    if let Some((method, path)) = line {
        let (status, component) = (response.status().as_u16(), component.unwrap_or_default());
        response.body_mut().on_end(move |bytes| {
            let took_ms = began.elapsed().as_millis() as u64;
            tracing::info!(
                target: "airssys::http", %method, path, status, bytes, took_ms, component, "request"
            );
        });
    }
    response
}

async fn answer(
    site: &Site,
    mut request: Request<Incoming>,
    began: Instant,
    component: &mut Option<String>,
) -> Answer {
    let HttpLimits { body_bytes, request_timeout, client_timeout, .. } = site.listener.limits;
    // HTTP/1 has counted them before.
    if request.headers().len() > MAX_HEADERS {
        return Err(NoAnswer::TooManyHeaders);
    }
    // A component that passes headers on must not pass on a length that does not count.
    if request.headers().contains_key(TRANSFER_ENCODING) {
        request.headers_mut().remove(CONTENT_LENGTH);
    }
    let host = checked_host(&request)?;
    let entrance = match site.routes.find(host, request.method(), request.uri().path())? {
        (Target::Component(entrance), _) => entrance,
        (Target::Files(files), rest) => {
            let rest = rest.to_owned();
            let (parts, _) = request.into_parts();
            return files.answer(&Request::from_parts(parts, ()), &rest).await;
        }
    };
    if site.listener.access_log {
        *component = Some(entrance.component().to_owned());
    }
    if request.body().size_hint().lower() > body_bytes {
        return Err(NoAnswer::BodyTooLarge);
    }
    let trace = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let trace = trace.and_then(|value| value.parse::<TraceContext>().ok());
    let deadline = began + request_timeout;
    let (sender, answered) = oneshot::channel();
    let shares_connection = request.version() == Version::HTTP_2;
    let request = request.map(|body| RequestBody::new(body, body_bytes, client_timeout, deadline));
    let progress = request.body().progress();
    let call = RequestCall {
        point: entrance.point(),
        is_tls: site.tls.is_some(),
        shares_connection,
        progress: Arc::clone(&progress),
        cut: Arc::default(),
        request: Some(request),
        answer: Some(sender),
        deadline,
        request_timeout,
        client_timeout,
    };
    entrance.call(call, trace).map_err(|_| NoAnswer::Unavailable)?;
    match timeout_at(deadline, answered).await {
        Ok(Ok(answer)) => answer,
        // Its instance was ended while the request ran.
        Ok(Err(_)) => Err(NoAnswer::Failed),
        Err(_) if progress.has_ended.load(Ordering::Relaxed) => Err(NoAnswer::TimedOut),
        Err(_) => Err(NoAnswer::SlowClient),
    }
}

/// Returns the host that a request names, without its port.
fn checked_host(request: &Request<Incoming>) -> Result<Option<&str>, NoAnswer> {
    if request.method() == Method::CONNECT {
        return Err(NoAnswer::BadRequest("this server is not a proxy\n"));
    }
    if !request.uri().path().starts_with('/') && request.uri().path() != "*" {
        return Err(NoAnswer::BadRequest("a path begins with a slash\n"));
    }
    let mut named = request.headers().get_all(HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().map_err(|_| NoAnswer::BadRequest("the host is not a name\n"))?,
        // HTTP/2 names it in `:authority`, and a request of HTTP/1.0 in its line.
        (None, _) if request.version() != Version::HTTP_11 && request.uri().authority().is_some() => {
            return Ok(request.uri().host());
        }
        (None, _) => return Err(NoAnswer::BadRequest("the request names no host\n")),
        (Some(_), Some(_)) => return Err(NoAnswer::BadRequest("the request names two hosts\n")),
    };
    let is_other = |own: &Authority| request.version() == Version::HTTP_2 && own.as_str() != host;
    match host.parse::<Authority>() {
        _ if request.uri().authority().is_some_and(is_other) => {
            Err(NoAnswer::BadRequest("the request names two hosts\n"))
        }
        // A user before the host would hide it.
        Ok(_) if host.contains('@') => Err(NoAnswer::BadRequest("the host is not a name\n")),
        // A request's line prevails, because the guest sees that host.
        Ok(_) => Ok(Some(request.uri().host().unwrap_or_else(|| without_port(host)))),
        Err(_) => Err(NoAnswer::BadRequest("the host is not a name\n")),
    }
}

/// Returns a host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
