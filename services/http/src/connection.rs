//! The requests of one connection.

use std::convert::Infallible;
use std::sync::Arc;

use airssys_spec::manifest::{HttpLimits, HttpListener};
use airssys_wasm::TraceContext;
use http_body::Body;
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout_at};

use crate::answer::NoAnswer;
use crate::body::{RequestBody, ResponseBody};
use crate::call::{Answer, RequestCall};
use crate::routes::Routes;
use crate::slow_client::SlowClient;

/// The smallest buffer that hyper accepts.
const MIN_BUFFER_BYTES: usize = 8_192;

/// The most headers of a request.
const MAX_HEADERS: usize = 100;

/// The parts of a listener that its connections share.
pub(crate) struct Site {
    pub(crate) listener: HttpListener,
    pub(crate) routes: Routes,
}

/// Serves a connection until it ends. When `draining` becomes true, it ends after the present request.
pub(crate) async fn serve(site: Arc<Site>, stream: TcpStream, mut draining: watch::Receiver<bool>) {
    // A delay of small packets would only add latency.
    drop(stream.set_nodelay(true));
    let HttpLimits { header_bytes, client_timeout, .. } = site.listener.limits;
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(respond(&site, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(client_timeout)
        .max_buf_size(header_bytes.max(MIN_BUFFER_BYTES))
        .max_headers(MAX_HEADERS)
        .half_close(false)
        .serve_connection(TokioIo::new(SlowClient::new(stream, client_timeout)), service);
    let mut connection = std::pin::pin!(connection);
    let drained = async { drop(draining.wait_for(|draining| *draining).await) };
    let served = tokio::select! {
        served = connection.as_mut() => Some(served),
        () = drained => None,
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
    request: Request<Incoming>,
    began: Instant,
    component: &mut Option<String>,
) -> Answer {
    let HttpLimits { body_bytes, request_timeout, client_timeout, .. } = site.listener.limits;
    let host = checked_host(&request)?;
    let entrance = site.routes.find(host, request.method(), request.uri().path())?;
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
    let request = request.map(|body| RequestBody::new(body, body_bytes, client_timeout));
    let call = RequestCall {
        point: entrance.point(),
        too_large: request.body().too_large(),
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
        Err(_) => Err(NoAnswer::TimedOut),
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
        (None, _) if request.version() >= Version::HTTP_11 || request.uri().authority().is_none() => {
            return Err(NoAnswer::BadRequest("the request names no host\n"));
        }
        (None, _) => return Ok(request.uri().host()),
        (Some(_), Some(_)) => return Err(NoAnswer::BadRequest("the request names two hosts\n")),
    };
    match host.parse::<hyper::http::uri::Authority>() {
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
