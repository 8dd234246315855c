//! Answers of the host itself.

use airssys_wasm::{DeadLetterReason, EntryEnd, GuestFailure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

use crate::body::ResponseBody;

/// The seconds after which a client that was refused for lack of room may ask again.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// A reason for which a component has not answered a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// No route takes the path.
    NotFound,
    /// Routes take the path with these methods only.
    OtherMethod(String),
    /// The request breaks a rule of HTTP.
    BadRequest(&'static str),
    /// The body is larger than the listener allows.
    BodyTooLarge,
    /// The component has no room, or is not there.
    Unavailable,
    /// The component has failed, or has returned without a response.
    Failed,
    /// The component has taken too long.
    TimedOut,
    /// The client has taken too long to send the body.
    SlowClient,
    /// The request has too many headers.
    TooManyHeaders,
}

impl NoAnswer {
    /// Returns the answer for a call that ended without a response.
    pub(crate) fn of_end(how: EntryEnd<'_>) -> NoAnswer {
        match how {
            EntryEnd::Failed(GuestFailure::OutOfTime { .. } | GuestFailure::EntryTimedOut { .. }) => {
                NoAnswer::TimedOut
            }
            EntryEnd::Failed(GuestFailure::NoRoom { .. } | GuestFailure::Ended)
            | EntryEnd::NotEntered(DeadLetterReason::MadeWay | DeadLetterReason::TargetStopped) => {
                NoAnswer::Unavailable
            }
            _ => NoAnswer::Failed,
        }
    }

    /// Returns the answer for an error that the component has returned in place of a response.
    pub(crate) fn of_error(error: &ErrorCode) -> NoAnswer {
        match error {
            ErrorCode::HttpRequestBodySize(_) => NoAnswer::BodyTooLarge,
            _ => NoAnswer::Failed,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            NoAnswer::NotFound => StatusCode::NOT_FOUND,
            NoAnswer::OtherMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            NoAnswer::BadRequest(_) => StatusCode::BAD_REQUEST,
            NoAnswer::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            NoAnswer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            NoAnswer::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            NoAnswer::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            NoAnswer::SlowClient => StatusCode::REQUEST_TIMEOUT,
            NoAnswer::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    /// Returns the text for the client. It says nothing about the inside of the app.
    fn text(&self) -> &'static str {
        match self {
            NoAnswer::NotFound => "nothing is here\n",
            NoAnswer::OtherMethod(_) => "the method is not allowed here\n",
            NoAnswer::BadRequest(reason) => reason,
            NoAnswer::BodyTooLarge => "the body is too large\n",
            NoAnswer::Unavailable => "too busy; try again later\n",
            NoAnswer::Failed => "the request could not be handled\n",
            NoAnswer::TimedOut => "the request took too long\n",
            NoAnswer::SlowClient => "the body of the request took too long\n",
            NoAnswer::TooManyHeaders => "the request has too many headers\n",
        }
    }

    /// Returns the response for the client.
    pub(crate) fn response(&self) -> Response<ResponseBody> {
        let text = Full::new(Bytes::from_static(self.text().as_bytes())).map_err(|never| match never {});
        let mut response = Response::new(ResponseBody::of_host(text.boxed_unsync()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match self {
            NoAnswer::Unavailable => drop(headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS)),
            // The rest of what the client sends is not trusted.
            NoAnswer::BadRequest(_) | NoAnswer::SlowClient => {
                drop(headers.insert(CONNECTION, HeaderValue::from_static("close")))
            }
            NoAnswer::OtherMethod(methods) => {
                if let Ok(methods) = HeaderValue::from_str(methods) {
                    headers.insert(ALLOW, methods);
                }
            }
            _ => {}
        }
        response
    }
}
