//! Requests to the server, and its answers.

use airssys_rt::BoxError;
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::options::Options;

/// The most bytes of an answer: 16 MiB, which a list of many names can have.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Reasons for which a request fails. The texts are for logs, and contain no values.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// Nothing was sent.
    #[error("the server cannot be reached: {0}")]
    NotSent(String),
    /// The server may have done the request.
    #[error("the connection to the server was lost: {0}")]
    Lost(String),
    #[error("the server refuses the login of the host")]
    Forbidden,
    #[error("the server cannot serve now: status {0}")]
    Absent(StatusCode),
    #[error("the server answered with the status {0}")]
    Status(StatusCode),
    #[error("the answer of the server has more than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
    #[error("the answer of the server is not the one of Vault")]
    Form,
}

/// An answer: its body, or `None` if there is nothing at the path.
pub(crate) struct Answer(Option<Zeroizing<Vec<u8>>>);

impl Answer {
    /// Returns the content, or `None` if there is nothing at the path.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<Option<T>, RequestError> {
        // The library's error may repeat a part of the value.
        self.0.as_ref().map(|body| serde_json::from_slice(body).map_err(|_| RequestError::Form)).transpose()
    }
}

/// The content of an answer with the status 404.
#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<serde::de::IgnoredAny>,
}

/// Returns true if a path does not exist. The answer about an absent secret has no errors.
fn has_errors(body: &[u8]) -> bool {
    serde_json::from_slice::<Errors>(body).map_or(true, |answer| !answer.errors.is_empty())
}

/// The HTTP client of a table.
pub(crate) struct Server {
    http: reqwest::Client,
    url: Url,
    headers: HeaderMap,
}

/// Returns the reason of an error of the HTTP client, without the path of the secret.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}

impl Server {
    pub(crate) fn new(options: &Options, ca: Option<&[u8]>) -> Result<Server, BoxError> {
        // Fails if the program has a provider already, which is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        // A redirect would send the token to another server.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(options.timeout);
        let http = match (options.url.scheme(), ca) {
            // Otherwise the system's certificates are read for nothing.
            ("http", _) => http.tls_certs_only([]),
            (_, Some(ca)) => http.tls_certs_only(reqwest::Certificate::from_pem_bundle(ca)?),
            (_, None) => http,
        };
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true"));
        if let Some(namespace) = &options.namespace {
            headers.insert(HeaderName::from_static("x-vault-namespace"), HeaderValue::from_str(namespace)?);
        }
        Ok(Server { http: http.build()?, url: options.url.clone(), headers })
    }

    /// Sends a request. A path begins behind `/v1/`, and its parts are encoded. Cancel safe.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&HeaderValue>,
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Answer, RequestError> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/v1/{path}", self.url.path().trim_end_matches('/')));
        let mut request = self.http.request(method, url).headers(self.headers.clone());
        if let Some(token) = token {
            request = request.header(HeaderName::from_static("x-vault-token"), token);
        }
        if let Some(body) = body {
            request = request.body(Bytes::from_owner(body));
        }
        let mut response = request.send().await.map_err(|error| match error.is_connect() {
            true => RequestError::NotSent(reason(error)),
            false => RequestError::Lost(reason(error)),
        })?;
        let status = response.status();
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| RequestError::Lost(reason(error)))? {
            if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(RequestError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        match status.as_u16() {
            200..=299 => Ok(Answer(Some(bytes))),
            404 if has_errors(&bytes) => Err(RequestError::Status(status)),
            404 => Ok(Answer(None)),
            401 | 403 => Err(RequestError::Forbidden),
            // A standby, a limit, and a server that is sealed or not reachable behind a gateway.
            307 | 429 | 472 | 473 | 500..=599 => Err(RequestError::Absent(status)),
            _ => Err(RequestError::Status(status)),
        }
    }
}
