//! Backends: the products that serve the labels of services, chosen by the runtime configuration.

mod connection;
mod erased;
pub(crate) mod list;
pub(crate) mod product;
pub(crate) mod set;
