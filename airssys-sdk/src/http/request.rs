//! Methods of requests for handlers.

use std::future::Future;

use futures_core::Stream;
use serde::de::DeserializeOwned;
use wstd::http::body::Bytes;
use wstd::http::body::util::BodyExt;

use crate::http::paths::parameters;
use crate::http::{Body, HttpError, Method, Parameters, Request, StatusCode};

/// Methods for requests.
pub trait RequestExt {
    /// Returns true if the request has this method, and a path that matches the pattern.
    fn is(&self, method: Method, path: &str) -> bool {
        self.parameters(method, path).is_some()
    }

    /// Returns the parameters of a path pattern, such as `/orders/{id}`, if the request has this method and
    /// its path matches. `/*` at the end of a pattern stands for the rest of a path.
    fn parameters(&self, method: Method, path: &str) -> Option<Parameters>;

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// [`HttpError`] with status 400 if it is not JSON of this type; with status 413 if it is larger than
    /// the listener allows.
    fn json<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T, HttpError>>;
}

impl RequestExt for Request {
    fn parameters(&self, method: Method, path: &str) -> Option<Parameters> {
        let found = parameters(path, self.uri().path())?;
        (*self.method() == method).then_some(found)
    }

    async fn json<T: DeserializeOwned>(&mut self) -> Result<T, HttpError> {
        let bytes = self.body_mut().contents().await.map_err(|error| body_error(&error))?;
        serde_json::from_slice(bytes)
            .map_err(|error| HttpError::bad_request(format!("the body is not the expected JSON: {error}\n")))
    }
}

/// Reads a body part by part, as it arrives.
///
/// Each error is that of [`RequestExt::json`] about a body that has not arrived.
///
/// ```
/// # use airssys_sdk::http::{self, HttpError, Request, Response};
/// use futures_util::TryStreamExt;
///
/// async fn length(request: Request) -> Result<Response, HttpError> {
///     let parts = http::parts(request.into_body());
///     let length = parts.try_fold(0, async |length, part| Ok(length + part.len())).await?;
///     http::json(&length)
/// }
/// ```
pub fn parts(body: Body) -> impl Stream<Item = Result<Bytes, HttpError>> + Unpin {
    body.into_boxed_body().map_err(|error| body_error(&error)).into_data_stream()
}

/// The error of a body that did not arrive.
fn body_error(error: &wstd::http::Error) -> HttpError {
    // wstd keeps only the text of the host's error.
    match format!("{error:#}").contains("request body size exceeds") {
        true => HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"),
        false => HttpError::bad_request("the body has not arrived as a whole\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::wait::poll_once;

    fn request(method: Method, path: &str, body: &'static str) -> Request {
        let builder = wstd::http::Request::builder().method(method).uri(path);
        builder.body(body.into()).unwrap()
    }

    #[test]
    fn method_and_path_have_to_match_without_the_query() {
        let request = request(Method::GET, "http://shop.example/orders/7?x=/y", "");
        assert!(request.is(Method::GET, "/orders/{id}"));
        assert!(!request.is(Method::POST, "/orders/{id}"));
        assert!(!request.is(Method::GET, "/orders"));
        assert_eq!(request.parameters(Method::GET, "/orders/{id}").unwrap().get::<u8>("id").unwrap(), 7);
    }

    #[test]
    fn json_of_another_type_is_a_bad_request_that_says_why() {
        let mut request = request(Method::POST, "/", r#"{"count": "many"}"#);
        let read = poll_once(request.json::<std::collections::BTreeMap<String, u64>>());
        let error = read.unwrap_err();
        assert_eq!(error.status(), 400);
        assert!(error.to_string().contains("invalid type: string \"many\", expected u64"), "{error}");
    }
}
