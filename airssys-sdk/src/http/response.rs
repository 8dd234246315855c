//! Common responses.

use futures_core::Stream;
use send_wrapper::SendWrapper;
use serde::Serialize;
use wstd::http::body::Bytes;
use wstd::http::{HeaderName, HeaderValue};

use crate::http::{Body, HttpError, Response};

const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");

/// Makes a response with a value as JSON, and status 200.
///
/// # Errors
/// [`HttpError`] with status 500 if the value has no form in JSON.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Response, HttpError> {
    let bytes = serde_json::to_vec(value).map_err(|error| HttpError::internal(&error))?;
    Ok(with_type("application/json", bytes))
}

/// Makes a response with a text, and status 200.
pub fn text(text: impl Into<String>) -> Response {
    with_type("text/plain; charset=utf-8", text.into())
}

/// Makes a body that is sent part by part. The stream may use a [`Context`](crate::Context).
///
/// An error of the stream cuts the connection, so that the client sees that the body is not complete.
///
/// ```
/// # use airssys_sdk::http::{self, HttpError, Response};
/// # use airssys_sdk::Context;
/// use futures_util::StreamExt;
/// use futures_util::stream;
///
/// fn counts(context: &Context) -> Response {
///     let context = context.clone();
///     let lines = stream::iter(["apples", "pears"]).then(move |kind| {
///         let context = context.clone();
///         async move {
///             let count: u64 = context.request("stock", kind).await?;
///             Ok(format!("{kind}: {count}\n"))
///         }
///     });
///     Response::new(http::streamed(lines))
/// }
/// ```
pub fn streamed<S, T>(stream: S) -> Body
where
    S: Stream<Item = Result<T, HttpError>> + 'static,
    T: Into<Bytes> + 'static,
{
    Body::from_try_stream(SendWrapper::new(stream))
}

fn with_type(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
