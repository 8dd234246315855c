//! Manifests and patterns, seen from outside the crate.
#![allow(clippy::unwrap_used)]

mod golden;
mod help;
mod hostile;
mod parse;
mod paste;
mod patterns;
mod runtime;
