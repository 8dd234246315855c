//! Every codec by itself, against every other, and against the tables of `docs/codecs.md`.
#![allow(clippy::unwrap_used)]

mod guide;
mod order;
mod round_trip;
mod tables;
