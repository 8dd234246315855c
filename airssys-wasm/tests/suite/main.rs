//! Real components in a real host, seen through the public API.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod audit;
mod backends;
mod backpressure;
mod batches;
mod capabilities;
mod codecs;
mod conservation;
mod control;
mod dead_letters;
mod delivery;
mod embedding;
mod entries;
mod failures;
mod grants;
mod graphs;
mod groups;
mod interpreters;
mod languages;
mod ledger;
mod lifecycle;
mod limits;
mod loading;
mod messaging;
#[cfg(feature = "metrics")]
mod metrics;
mod native;
mod neighbours;
mod offenders;
mod pools;
mod quotas;
mod raw_guest;
mod requests;
mod retained;
mod services;
mod snapshot;
mod state;
mod support;
mod traces;
mod volleys;
mod wasi;
