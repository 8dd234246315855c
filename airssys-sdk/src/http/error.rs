//! Errors as responses.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::error::{DecodeError, EncodeError, RequestError, SendError, SubscribeError, chain};
use crate::http::{Response, StatusCode, response};

/// An error that becomes a response: a status, and a line of text for the client.
///
/// A cause is for the log, and never shown to the client.
///
/// ```
/// use airssys_sdk::http::{HttpError, StatusCode};
///
/// let error = HttpError::new(StatusCode::PAYMENT_REQUIRED, "pay first\n");
/// assert_eq!(error.status(), 402);
/// ```
#[derive(Debug)]
pub struct HttpError {
    status: StatusCode,
    text: Cow<'static, str>,
    cause: Option<String>,
}

impl HttpError {
    /// Status 404.
    pub const NOT_FOUND: HttpError = HttpError::fixed(StatusCode::NOT_FOUND, "nothing is here\n");

    /// Makes an error with a status, and a text for the client.
    pub fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError { status, text: text.into(), cause: None }
    }

    /// Status 400, with the mistake in the request.
    pub fn bad_request(text: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError::new(StatusCode::BAD_REQUEST, text)
    }

    /// Status 409, with the reason.
    pub fn conflict(text: impl Into<Cow<'static, str>>) -> HttpError {
        HttpError::new(StatusCode::CONFLICT, text)
    }

    /// Status 500, with a cause for the log.
    ///
    /// ```
    /// # use airssys_sdk::http::HttpError;
    /// fn settings(text: &str) -> Result<u64, HttpError> {
    ///     text.parse().map_err(|error| HttpError::internal(&error))
    /// }
    /// ```
    pub fn internal(cause: &(dyn Error + 'static)) -> HttpError {
        const INTERNAL: HttpError =
            HttpError::fixed(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be handled\n");
        INTERNAL.because(cause)
    }

    const fn fixed(status: StatusCode, text: &'static str) -> HttpError {
        HttpError { status, text: Cow::Borrowed(text), cause: None }
    }

    fn because(self, cause: &(dyn Error + 'static)) -> HttpError {
        HttpError { cause: Some(chain(cause)), ..self }
    }

    /// Status 503, because the component has no room for the request now.
    fn busy(cause: &(dyn Error + 'static)) -> HttpError {
        HttpError::fixed(StatusCode::SERVICE_UNAVAILABLE, "too busy; try again later\n").because(cause)
    }

    /// Returns the status of the response.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Writes the cause to the log, and makes the response.
    pub(crate) fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            log::error!("a request failed with status {}: {cause}", self.status.as_u16());
        }
        let mut response = response::text(self.text.into_owned());
        *response.status_mut() = self.status;
        response
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}: {}", self.status.as_u16(), self.text.trim_end())?;
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl Error for HttpError {}

impl From<SendError> for HttpError {
    fn from(error: SendError) -> HttpError {
        match &error {
            SendError::MailboxFull { .. } | SendError::TimedOut { .. } | SendError::QuotaExceeded { .. } => {
                HttpError::busy(&error)
            }
            _ => HttpError::internal(&error),
        }
    }
}

impl From<RequestError> for HttpError {
    fn from(error: RequestError) -> HttpError {
        const LATE: HttpError = HttpError::fixed(StatusCode::GATEWAY_TIMEOUT, "the request took too long\n");
        match error {
            RequestError::Send { source } => source.into(),
            RequestError::TimedOut { .. } => LATE.because(&error),
            RequestError::TargetFailed { .. } | RequestError::TargetStopped { .. } => HttpError::busy(&error),
            error => HttpError::internal(&error),
        }
    }
}

macro_rules! internal {
    ($($error:ty),*) => {$(
        impl From<$error> for HttpError {
            fn from(error: $error) -> HttpError {
                HttpError::internal(&error)
            }
        }
    )*};
}

internal!(SubscribeError, EncodeError, DecodeError);

/// Failures of bodies and of outgoing requests.
impl From<wstd::http::Error> for HttpError {
    fn from(error: wstd::http::Error) -> HttpError {
        HttpError::internal(error.as_ref())
    }
}
