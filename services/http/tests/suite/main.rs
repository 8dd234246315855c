//! HTTP through the whole host: real guests, with the SDK and without, and clients on raw sockets.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod faults;
mod files;
mod hostile;
mod incoming;
mod outgoing;
mod sdk;
mod support;
mod tls;
