//! The host's side of the interfaces that components import: one file per interface.

mod clock;
pub(crate) mod contract;
mod logging;
mod messaging;
mod progress;
mod system;
pub(crate) mod wasi;
