//! Backends: the products that serve the labels of services, chosen by the runtime configuration.

pub(crate) mod backoff;
mod connection;
pub(crate) mod current;
mod erased;
pub(crate) mod failure_log;
pub(crate) mod fair_share;
pub(crate) mod list;
pub(crate) mod product;
pub(crate) mod set;
