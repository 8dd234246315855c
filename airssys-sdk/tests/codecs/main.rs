//! Every codec by itself, against every other, and what `docs/codecs.md` says of them.
#![allow(clippy::unwrap_used)]

mod guide;
mod order;
mod round_trip;
mod tables;
