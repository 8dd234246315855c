//! Answer HTTP requests.
//!
//! A component that also implements [`HttpComponent`] is exported with
//! [`http_component!`](crate::http_component). It keeps its state between requests, gets one request or
//! message at a time, and uses its [`Context`] in both.
//!
//! ```
//! use airssys_sdk::http::{self, HttpComponent, HttpError, Method, Request, RequestExt, Response};
//! use airssys_sdk::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Deserialize, Serialize)]
//! struct Order {
//!     article: String,
//!     count: u64,
//! }
//!
//! struct Orders(Vec<Order>);
//!
//! impl HttpComponent for Orders {
//!     async fn http(&mut self, mut request: Request, context: &Context) -> Result<Response, HttpError> {
//!         if let Some(path) = request.parameters(Method::GET, "/orders/{number}") {
//!             let number: usize = path.get("number")?;
//!             return http::json(self.0.get(number).ok_or(HttpError::NOT_FOUND)?);
//!         }
//!         if request.is(Method::POST, "/orders") {
//!             let order: Order = request.json().await?;
//!             let left: u64 = context.request("stock", &order.article).await?;
//!             if left < order.count {
//!                 return Err(HttpError::conflict(format!("{left} are left\n")));
//!             }
//!             self.0.push(order);
//!             return http::json(&self.0.len());
//!         }
//!         Err(HttpError::NOT_FOUND)
//!     }
//! }
//!
//! impl Component for Orders {
//!     fn initialize(_: &Config, _: &Context) -> Result<Self, StartError> {
//!         Ok(Orders(Vec::new()))
//!     }
//!
//!     async fn handle(&mut self, _: Message, _: &Context) -> Result<Reply, Rejection> {
//!         Ok(Reply::none())
//!     }
//! }
//!
//! airssys_sdk::http_component!(Orders);
//! ```
//!
//! Requests, responses and bodies are those of the crates `http` and `wstd`. Both handlers may await what wstd offers, beside the futures of
//! [`Context`]: parts of a body, timers, and requests of [`Client`]. A [streamed](streamed()) body is sent
//! part by part. The instance gets its next request when that body has been sent.
//!
//! Such a component runs on a stack of its own, because it waits within calls. A message costs more than
//! in a component without HTTP.

mod error;
mod export;
mod paths;
mod request;
mod response;
pub(crate) mod wait;

use std::future::Future;

pub use wstd::http::body::Bytes;
pub use wstd::http::{Body, Client, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

pub use error::HttpError;
pub use paths::Parameters;
pub use request::{RequestExt, parts};
pub use response::{json, streamed, text};

use crate::component::Component;
use crate::context::Context;

/// A request. Its body has not arrived yet, unless it is small.
pub type Request = wstd::http::Request<Body>;

/// A response. [`json`] and [`text`] make common ones, and `Response::builder()` any other.
pub type Response = wstd::http::Response<Body>;

/// A component that answers HTTP requests.
///
/// Export it with [`http_component!`](crate::http_component). The app's `[[http.route]]` say which requests
/// it gets.
pub trait HttpComponent: Component {
    /// Answers a request; write it as `async fn http`.
    ///
    /// While it awaits, other components run. This instance gets no other request or message. If the
    /// client goes away, the handler runs on.
    ///
    /// # Errors
    /// [`HttpError`], which becomes the response. Errors of [`Context`] become one with `?`. A panic
    /// ends the instance, and the client gets status 500.
    fn http(
        &mut self,
        request: Request,
        context: &Context,
    ) -> impl Future<Output = Result<Response, HttpError>>;
}
