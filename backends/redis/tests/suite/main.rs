//! Redis and Valkey behind a component: the scenarios, and faults of real servers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faults;
mod scenarios;
mod server;
mod tls;
