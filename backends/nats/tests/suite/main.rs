//! NATS behind a component: the scenarios, faults of real servers, and what other clients see.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod clients;
mod faults;
mod logins;
mod options;
mod scenarios;
mod server;
