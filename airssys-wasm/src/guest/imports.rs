//! The host's implementation of the interfaces that components import, one file per interface.

pub(crate) mod airssys;
mod callbacks;
mod clock;
mod logging;
mod messaging;
mod progress;
mod system;
pub(crate) mod wasi;
