//! OpenBao behind a component: the scenarios, logins, and faults of a real server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faults;
mod options;
mod scenarios;
mod server;
