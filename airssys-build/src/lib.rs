//! Builds components from their sources: Rust, JavaScript, Python.

mod build;
mod error;
mod event;
mod files;
mod help;
mod inputs;
mod javascript;
mod language;
mod process;
mod python;
mod recipe;
mod record;
mod rust;
pub mod scaffold;
mod sdk;
mod tools;

pub use build::build;
pub use error::{BuildError, TARGET};
pub use event::BuildEvent;
pub use language::Language;
