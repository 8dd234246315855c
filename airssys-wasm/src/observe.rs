//! Observation of an app: the audit, dead letters, stats, snapshots and traces.

pub mod audit;
pub(crate) mod costs;
pub(crate) mod dead_letters;
pub(crate) mod denials;
pub(crate) mod handling_times;
pub(crate) mod in_flight;
pub(crate) mod memory;
pub(crate) mod resident;
pub(crate) mod snapshot;
pub(crate) mod stats;
pub(crate) mod trace;
pub(crate) mod unix_time;
pub(crate) mod usage;
pub(crate) mod warnings;
