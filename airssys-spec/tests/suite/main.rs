//! Manifests from outside the crate: golden files, and manifests of any shape.
#![allow(clippy::unwrap_used)]

mod golden;
mod parse;
