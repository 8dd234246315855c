//! A request and the head of its response, on a connection.

use std::sync::Arc;
use std::time::Duration;

use airssys_wasm::{Access, Caller, Origin};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, Request, Response, Uri, Version};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, WasiBody};

use super::clients::Client;
use super::config::Timeouts;
use super::connect::connect;
use super::fault;
use super::pool::{Connection, Sender};
use super::request_body::OutgoingBody;
use super::response_body::{IncomingBody, Lease};
use super::source::Source;
use super::throttle::Progress;

type Sent = Result<Response<Incoming>, TrySendError<Request<OutgoingBody>>>;

/// Runs a request until its response begins.
///
/// A server may close a connection that is kept, while a request is on its way. The request is sent again if
/// nothing of it was sent, and once if it may be repeated: it is idempotent, and nothing of its body was
/// taken (RFC 9110, 9.2.2).
pub(super) async fn run(
    client: &Arc<Client>,
    caller: &Caller,
    origin: &Origin,
    timeouts: Timeouts,
    entered: OwnedSemaphorePermit,
    request: Request<Source>,
) -> Result<Response<WasiBody>, Error> {
    let running = client.place(timeouts.place).await?;
    let header_bytes = client.options().header_bytes;
    let (head, source) = request.into_parts();
    let again = head.method.is_idempotent().then(|| head.clone());
    let progress = Progress::new();
    let whole = source.handle();
    let body = OutgoingBody::new(source, caller.clone(), progress.clone());
    let mut request = Request::from_parts(head, body);
    let mut may_reuse = true;
    let (connection, response) = loop {
        let may = |address: &Origin| caller.has(&Access::HttpOutgoing { origin: address });
        let kept = match may_reuse {
            true => client.pool.take(origin, may).await,
            false => None,
        };
        let is_reused = kept.is_some();
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                let made = connect(client, caller, origin, timeouts.connect).await?;
                if let Some(shared) = made.shared() {
                    client.pool.keep(shared);
                }
                made
            }
        };
        progress.made_in(Duration::ZERO);
        addressed(&mut request, origin, &connection)?;
        let sent = tokio::select! {
            sent = send(&mut connection, request) => sent,
            () = progress.stalled(timeouts.first_byte) => return Err(Error::HttpResponseTimeout),
        };
        let mut error = match sent {
            Ok(response) => break (connection, response),
            Err(error) => error,
        };
        client.pool.remove(&connection);
        let failed = fault::of_request(error.error(), header_bytes);
        request = match (error.take_message(), &again) {
            // Nothing of it was sent.
            (Some(unsent), _) if is_reused => unsent,
            (_, Some(head)) if is_reused && matches!(failed, Error::ConnectionTerminated) => {
                may_reuse = false;
                let body = whole.again().ok_or(failed)?;
                Request::from_parts(head.clone(), OutgoingBody::new(body, caller.clone(), progress.clone()))
            }
            _ => return Err(failed),
        };
    };
    // hyper bounds its buffer, into which more fits than the limit.
    if section_bytes(response.headers()) > header_bytes {
        return Err(Error::HttpResponseHeaderSectionSize(u32::try_from(header_bytes).ok()));
    }
    let pool = Arc::clone(&client.pool);
    let lease = Lease { pool, connection, _places: [entered, running] };
    let (head, body) = response.into_parts();
    let body = IncomingBody::new(body, caller.clone(), timeouts.between_bytes, lease);
    Ok(Response::from_parts(head, body.boxed_unsync()))
}

/// Returns the bytes of headers as HTTP/1.1 sends them.
fn section_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

async fn send(connection: &mut Connection, request: Request<OutgoingBody>) -> Sent {
    match &mut connection.sender {
        Sender::Http1 { sender, .. } => sender.try_send_request(request).await,
        Sender::Http2 { sender, .. } => sender.try_send_request(request).await,
    }
}

/// Gives a request the target and the host of its origin, in the form of the connection's version.
fn addressed(
    request: &mut Request<OutgoingBody>,
    origin: &Origin,
    connection: &Connection,
) -> Result<(), Error> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    // The target of a request without a path is the root.
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let invalid = |_| Error::HttpRequestUriInvalid;
    match &connection.sender {
        Sender::Http1 { .. } => {
            let host =
                HeaderValue::from_str(&origin.authority()).map_err(|_| Error::HttpRequestUriInvalid)?;
            *request.uri_mut() = path.parse::<Uri>().map_err(invalid)?;
            *request.version_mut() = Version::HTTP_11;
            request.headers_mut().insert(HOST, host);
        }
        Sender::Http2 { .. } => {
            let uri = format!("{}://{}{path}", origin.scheme(), origin.authority());
            *request.uri_mut() = uri.parse::<Uri>().map_err(invalid)?;
            *request.version_mut() = Version::HTTP_2;
            request.headers_mut().remove(HOST);
        }
    }
    Ok(())
}
