//! `Component.toml` and `app.toml`: read, checked against each other, and resolved.
//!
//! Every mistake of all files is reported at once, each with its place and how to mend it. The
//! keys are described in `docs/manifests.md`.

mod app;
mod component;
mod diagnostic;
mod grants;
mod limits;
mod reader;
mod units;

pub use app::{AppComponent, AppManifest, Source};
pub use component::ComponentManifest;
pub use diagnostic::{Diagnostic, Diagnostics, SourceText};

pub(crate) use crate::pattern::is_component_name;
