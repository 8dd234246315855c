//! HTTP through the whole host: a real guest, which knows nothing of airssys, and clients on raw sockets.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod faults;
mod incoming;
mod outgoing;
mod support;
