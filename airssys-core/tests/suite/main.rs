//! The tests of the public API.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod exit;
mod topic;
