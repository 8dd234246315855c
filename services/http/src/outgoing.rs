//! Requests of components to servers: `wasi:http/outgoing-handler`.
//!
//! A request passes these steps. Its origin is parsed, and the right to it decided. It takes a token of the
//! component's limits, and a place among its requests. It gets a pooled connection of the component, or a
//! new one, whose address is checked before it is connected. It is sent, and its body streams. The response
//! holds place and connection until its body has ended or is dropped.

use std::sync::Arc;
use std::time::Instant;

use airssys_wasm::{Access, Caller, MessageSpan, Origin, SpanOutcome, TraceContext};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks};

pub(crate) use clients::Clients;
pub(crate) use config::HttpConfig;
pub use resolver::Resolve;
pub(crate) use resolver::SystemResolver;

use clients::Client;
use source::Source;

mod address;
mod clients;
mod config;
mod connect;
mod exchange;
mod fault;
mod pool;
mod request_body;
mod resolver;
mod response_body;
mod source;
mod throttle;
mod tls;

/// The most bytes that a guest writes to a body at once, and that wait in it.
const BODY_CHUNK: usize = 64 << 10;

/// The outgoing requests of one incarnation of an instance.
pub(crate) struct Outgoing {
    client: Arc<Client>,
    caller: Caller,
    /// The place in a trace to which the present call belongs.
    pub(crate) trace: Option<TraceContext>,
}

impl Outgoing {
    pub(crate) fn new(client: Arc<Client>, caller: Caller) -> Outgoing {
        Outgoing { client, caller, trace: None }
    }

    /// Decides about a request, and takes its place among those of the component.
    fn admit(&self, request: &Request<WasiBody>) -> Result<Admitted, Error> {
        let origin = origin(request).ok_or(Error::HttpRequestUriInvalid)?;
        if request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let access = Access::HttpOutgoing { origin: &origin };
        self.caller.allows(&access).map_err(|_| Error::HttpRequestDenied)?;
        let place = self.client.enter().ok_or(Error::ConnectionLimitReached)?;
        self.caller.admit_request().map_err(|exceeded| {
            Error::InternalError(Some(format!("more than {} requests in a second", exceeded.most)))
        })?;
        Ok(Admitted { origin, place })
    }

    async fn send(
        client: &Arc<Client>,
        caller: &Caller,
        Admitted { origin, place }: Admitted,
        mut request: Request<Source>,
        options: Option<RequestOptions>,
        parent: Option<TraceContext>,
    ) -> Result<Response<WasiBody>, Error> {
        let span = caller.begin_request(parent, request.method().as_str(), &origin);
        let context = span.as_ref().and_then(|span| span.context()).or(parent);
        prepare_headers(request.headers_mut(), context);
        let timeouts = client.options().timeouts(&origin).bounded(options);
        let sent = exchange::run(client, caller, &origin, timeouts, place, request).await;
        end(span, sent.as_ref().err());
        sent
    }
}

/// A request that may be sent.
struct Admitted {
    origin: Origin,
    /// Its place among the requests that wait or run.
    place: OwnedSemaphorePermit,
}

/// Returns the origin of a request. The authority must have neither user name nor password.
fn origin(request: &Request<WasiBody>) -> Option<Origin> {
    let (scheme, authority) = (request.uri().scheme_str()?, request.uri().authority()?);
    format!("{scheme}://{authority}").parse().ok()
}

/// Removes the headers that the host sets, and adds the place in the trace. A guest that passes on the
/// headers of another message could have left them.
fn prepare_headers(headers: &mut HeaderMap, context: Option<TraceContext>) {
    for name in &DEFAULT_FORBIDDEN_HEADERS {
        headers.remove(name);
    }
    let traceparent = HeaderName::from_static("traceparent");
    let context = context.and_then(|context| HeaderValue::from_str(&context.to_string()).ok());
    if let Some(context) = context.filter(|_| !headers.contains_key(&traceparent)) {
        headers.insert(traceparent, context);
    }
}

fn end(span: Option<Box<dyn MessageSpan>>, error: Option<&Error>) {
    match (span, error) {
        (Some(span), None) => span.end(SpanOutcome::Done),
        (Some(span), Some(error)) => span.end(SpanOutcome::Failed(&error.to_string())),
        (None, _) => {}
    }
}

/// The hooks of an instance without outgoing requests.
pub(crate) struct NoRequests;

impl WasiHttpHooks for NoRequests {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Outgoing {
    /// The host sets it itself, from the checked origin.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        let began = Instant::now();
        let admitted = self.admit(&request);
        let (client, caller, parent) = (Arc::clone(&self.client), self.caller.clone(), self.trace);
        let request = request.map(Source::new);
        let body = request.body().handle();
        Box::new(async move {
            let sent = match admitted {
                Ok(admitted) => Outgoing::send(&client, &caller, admitted, request, options, parent).await,
                Err(error) => Err(error),
            };
            caller.record("handle", began, sent.is_ok());
            if let (Err(_), Some(place)) = (&sent, client.drain()) {
                body.drain(place);
            }
            sent.map(|response| (response, Box::new(std::future::ready(Ok(()))) as Io))
        })
    }
}
