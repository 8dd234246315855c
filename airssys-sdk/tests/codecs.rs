//! Every codec by itself, against every other, and against the tables of `docs/codecs.md`.
#![allow(clippy::unwrap_used)]

#[path = "codecs/guide.rs"]
mod guide;
#[path = "codecs/order.rs"]
mod order;
#[path = "codecs/round_trip.rs"]
mod round_trip;
#[path = "codecs/tables.rs"]
mod tables;
