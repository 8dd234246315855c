//! An app: the components of an `app.toml`, built, started and followed to their end.

mod input;
mod loading;
mod running;
mod start;
mod starting;
mod tree;

pub use input::{InputError, InputOverride};
pub use loading::locate;
pub use running::{Ended, RunError, RunningApp};
pub use start::{StartOptions, StartingApp, configure_backends, start};
pub use starting::{AppEvent, StartAppError};
