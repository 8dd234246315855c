//! Real components in a real host.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "suite/audit.rs"]
mod audit;
#[path = "suite/backpressure.rs"]
mod backpressure;
#[path = "suite/capabilities.rs"]
mod capabilities;
#[path = "suite/codecs.rs"]
mod codecs;
#[path = "suite/conservation.rs"]
mod conservation;
#[path = "suite/control.rs"]
mod control;
#[path = "suite/dead_letters.rs"]
mod dead_letters;
#[path = "suite/delivery.rs"]
mod delivery;
#[path = "suite/failures.rs"]
mod failures;
#[path = "suite/grants.rs"]
mod grants;
#[path = "suite/graphs.rs"]
mod graphs;
#[path = "suite/groups.rs"]
mod groups;
#[path = "suite/languages.rs"]
mod languages;
#[path = "suite/ledger.rs"]
mod ledger;
#[path = "suite/lifecycle.rs"]
mod lifecycle;
#[path = "suite/limits.rs"]
mod limits;
#[path = "suite/loading.rs"]
mod loading;
#[path = "suite/messaging.rs"]
mod messaging;
#[path = "suite/neighbours.rs"]
mod neighbours;
#[path = "suite/offenders.rs"]
mod offenders;
#[path = "suite/quotas.rs"]
mod quotas;
#[path = "suite/raw_guest.rs"]
mod raw_guest;
#[path = "suite/requests.rs"]
mod requests;
#[path = "suite/retained.rs"]
mod retained;
#[path = "suite/runs.rs"]
mod runs;
#[path = "suite/snapshot.rs"]
mod snapshot;
#[path = "suite/state.rs"]
mod state;
#[path = "suite/support.rs"]
mod support;
#[path = "suite/traces.rs"]
mod traces;
#[path = "suite/volleys.rs"]
mod volleys;
#[path = "suite/wasi.rs"]
mod wasi;
