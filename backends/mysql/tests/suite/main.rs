//! MySQL and MariaDB, against a real server that the tests start.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod conformance;
mod faults;
mod roles;
mod server;
mod tls;
