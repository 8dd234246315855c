//! The service `wasi:http`: components answer HTTP requests, and send some.
//!
//! [`Http`] is the service, for the list of an engine's services. A component that exports
//! `wasi:http/incoming-handler` of any version 0.2 then loads, whether or not it knows airssys.
//! [`HttpServer`] listens on the addresses of an app's `[[http]]`, and puts each request into the mailbox
//! of its component.

mod activity;
mod answer;
mod body;
mod call;
mod connection;
mod error;
mod files;
mod outgoing;
mod routes;
mod server;
mod service;
mod slow_client;
mod tls;

pub use error::ServeError;
pub use outgoing::Resolve;
pub use server::HttpServer;
pub use service::{Http, HttpOptions};
