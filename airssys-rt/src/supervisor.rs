//! Supervisors: their children, and the decisions about children that end.

mod children;
mod entry;
pub(crate) mod node;
mod parked;
pub(crate) mod prepared;
pub(crate) mod reference;
pub(crate) mod relocation;
pub(crate) mod runner;
pub(crate) mod spec;
pub(crate) mod task;
mod verdict;
