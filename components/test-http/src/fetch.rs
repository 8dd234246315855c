//! Requests to servers, as the headers of an incoming request describe them.

use futures_util::future::{join, join_all};
use wstd::http::error::ErrorCode;
use wstd::http::{Body, Client, Error, HeaderMap, HeaderName, Request, Response, StatusCode};
use wstd::time::Duration;

/// The headers with this prefix are sent on, without it.
const SEND: &str = "x-send-";

/// Sends the request that `x-target` names, with the method and the body of this one.
async fn send(headers: &HeaderMap, method: &str, body: Body) -> Result<Response<Body>, Error> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let method = text("x-method").unwrap_or(method);
    let mut outgoing = Request::builder().method(method).uri(text("x-target").unwrap_or_default());
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(SEND) {
            outgoing = outgoing.header(HeaderName::from_bytes(name.as_bytes())?, value);
        }
    }
    let time = |name: &str| text(name).and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    let mut client = Client::new();
    if let Some(time) = time("x-connect-ms") {
        client.set_connect_timeout(time);
    }
    if let Some(time) = time("x-first-byte-ms") {
        client.set_first_byte_timeout(time);
    }
    if let Some(time) = time("x-between-bytes-ms") {
        client.set_between_bytes_timeout(time);
    }
    client.send(outgoing.body(body)?).await
}

/// Answers with what a server answers: its status, its `location`, and its whole body.
pub(crate) async fn fetch(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, body) = request.into_parts();
    let body = if head.method == "GET" { Body::empty() } else { body };
    Ok(whole(send(&head.headers, head.method.as_str(), body).await).await)
}

/// The same, with a body that streams through.
pub(crate) async fn stream(request: Request<Body>) -> Result<Response<Body>, Error> {
    let (head, body) = request.into_parts();
    let body = if head.method == "GET" { Body::empty() } else { body };
    match send(&head.headers, head.method.as_str(), body).await {
        Ok(response) => Ok(Response::new(response.into_body())),
        Err(error) => Ok(failed(&error)),
    }
}

/// Sends as many requests at once as the query says, and lists their results.
pub(crate) async fn many(request: Request<Body>) -> Result<Response<Body>, Error> {
    let count = request.uri().query().and_then(|query| query.parse().ok()).unwrap_or(1);
    let one = async |_| whole(send(request.headers(), "GET", Body::empty()).await).await;
    let mut lines = String::new();
    for response in join_all((0..count).map(one)).await {
        let mut body = response.into_body();
        lines += &format!("{}\n", String::from_utf8_lossy(body.contents().await?));
    }
    Ok(Response::new(lines.into()))
}

/// Sends as many requests one after the other as the query says, and drops each response unread.
pub(crate) async fn dropped(request: Request<Body>) -> Result<Response<Body>, Error> {
    let count = request.uri().query().and_then(|query| query.parse().ok()).unwrap_or(1);
    for _ in 0..count {
        match send(request.headers(), "GET", Body::empty()).await {
            Ok(response) => drop(response),
            Err(error) => return Ok(failed(&error)),
        }
    }
    Ok(Response::new("dropped".to_owned().into()))
}

/// Traps while a request is in flight.
pub(crate) async fn trap(request: Request<Body>) -> Result<Response<Body>, Error> {
    let sent = send(request.headers(), "GET", Body::empty());
    let panic = async {
        wstd::task::sleep(Duration::from_millis(200)).await;
        panic!("asked to")
    };
    let (sent, ()) = join(sent, panic).await;
    sent
}

async fn whole(sent: Result<Response<Body>, Error>) -> Response<Body> {
    let response = match sent {
        Ok(response) => response,
        Err(error) => return failed(&error),
    };
    let (head, mut body) = response.into_parts();
    let bytes = match body.contents().await {
        Ok(bytes) => bytes.to_vec(),
        Err(error) => return failed(&error),
    };
    let mut response = Response::new(bytes.into());
    *response.status_mut() = head.status;
    if let Some(location) = head.headers.get("location") {
        response.headers_mut().insert("location", location.clone());
    }
    response
}

fn failed(error: &Error) -> Response<Body> {
    let text = match error.downcast_ref::<ErrorCode>() {
        Some(code) => format!("{code:?}"),
        None => format!("{error:?}"),
    };
    let mut response = Response::new(text.into());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
