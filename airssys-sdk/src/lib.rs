//! Write airssys components in Rust: a struct and a trait impl.
//!
//! A component is a struct that implements [`Component`], in a crate of its own whose type is
//! `cdylib`, built for `wasm32-wasip2`. The host runs it as an actor: one message at a time, in a
//! sandbox, supervised. It may do only what its `Component.toml` asks for and its app grants.
//!
//! ```
//! use airssys_sdk::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     article: String,
//!     count: u64,
//! }
//!
//! #[derive(Serialize)]
//! struct Shipped<'a> {
//!     article: &'a str,
//! }
//!
//! struct Orders {
//!     stock: String,
//! }
//!
//! impl Component for Orders {
//!     fn initialize(config: &Config, _context: &Context) -> Result<Self, StartError> {
//!         Ok(Orders { stock: config.require("stock")?.to_owned() })
//!     }
//!
//!     async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
//!         let order: Order = message.decode()?;
//!         let left: u64 = context.request(&self.stock, &order.article).await?;
//!         if left < order.count {
//!             return Err(Rejection::from(format!("{left} of {} are left", order.article)));
//!         }
//!         context.publish("orders.shipped", &Shipped { article: &order.article }).await?;
//!         log::info!("shipped {} of {}", order.count, order.article);
//!         Ok(Reply::none())
//!     }
//! }
//!
//! airssys_sdk::component!(Orders);
//! ```
//!
//! Values travel as CBOR, unless the component [prefers](Component::PREFERS) another codec or a
//! value is sent in the wrapper of one: see [`codec`]. The [`log`] crate writes to the host's log,
//! and the host filters each line by its level. A panic is reported to the host with its location,
//! and ends the instance.

// Generated code refers to the runtime by this crate's name, here and in the author's crate.
extern crate self as airssys_sdk;

// `component!` refers to it from the author's crate.
#[doc(hidden)]
pub mod bindings;

pub mod codec;
mod component;
mod config;
mod context;
mod error;
mod executor;
mod export;
#[cfg(test)]
mod fake_host;
mod host;
#[cfg(feature = "http")]
pub mod http;
mod logger;
mod message;
mod progress;
mod reply;
mod together;

pub use airssys_message::{Codec, report};
pub use log;

pub use component::{Component, Health};
pub use config::Config;
pub use context::{
    Context, Identity, PublishFuture, QuotaUsage, REQUEST_TIMEOUT, RequestFuture, SEND_TIMEOUT,
    SendBatchFuture, SendFuture,
};
pub use error::{
    ConfigError, DecodeError, EncodeError, Rejection, RequestError, SendBatchError, SendError, StartError,
    SubscribeError,
};
pub use message::Message;
pub use reply::Reply;
pub use together::join;
pub use uuid::Uuid;

/// The items that most components use.
pub mod prelude {
    pub use crate::log;
    pub use crate::{Codec, Component, Config, Context, Health, Message, Rejection, Reply, StartError, join};
}

/// The README's examples, tested like those of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// The guide to codecs, tested like those of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../docs/codecs.md")]
mod codecs_guide {}

/// The items that `component!` expands to. Not for authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use crate::bindings::export_component;
    pub use crate::bindings::exports::airssys::component::lifecycle::Guest as Lifecycle;
    pub use crate::codec::check_prefers;
    pub use crate::export::Export;
    #[cfg(feature = "http")]
    pub use wasip2::{self, exports::http::incoming_handler::Guest as IncomingHandler};
    pub use wit_bindgen::rt as runtime;
}
