//! Progress of a build.

use std::path::PathBuf;

use crate::language::Language;

/// What is told while components are built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildEvent {
    /// The compilation target is missing, and is being added through rustup.
    AddingTarget,
    /// The tools of a language are missing, and are being installed.
    InstallingTools {
        /// The language.
        language: Language,
    },
    /// This component is being built.
    Building {
        /// Its folder.
        folder: PathBuf,
    },
    /// A line that a tool printed.
    Output(String),
}
