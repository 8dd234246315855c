//! Progress of a build.

use std::path::PathBuf;

use crate::language::Language;

/// An event that a build reports while it goes on.
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
    /// A component is being built.
    Building {
        /// The component's folder.
        folder: PathBuf,
    },
    /// A step of building it begins, as a sentence without an end mark. It may take long.
    Step(&'static str),
    /// The SDK that the crate asks for is not released, so it is taken from this folder.
    OwnSdk {
        /// The folder of the SDK.
        folder: PathBuf,
    },
    /// The component was built, but the build is not recorded. The next run builds it again.
    NotRecorded {
        /// The component's folder.
        folder: PathBuf,
        /// The reason, as a sentence without an end mark.
        reason: String,
    },
    /// A tool printed this line.
    Output(String),
}
