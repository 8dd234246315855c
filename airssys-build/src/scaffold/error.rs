//! Reasons for which a new component was not made.

use std::path::PathBuf;

use airssys_spec::pattern::InvalidName;

/// Reasons for which a new component was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// The folder's name cannot be a component's.
    #[error("`{name}` cannot be a component's name")]
    Name {
        /// The folder's name.
        name: String,
        /// The rule that the name breaks.
        source: InvalidName,
    },
    /// The name is reserved by Rust, the SDK or the host.
    #[error(
        "`{name}` cannot be a component's name, because Rust, the SDK or the host uses it; choose another"
    )]
    Reserved {
        /// The folder's name.
        name: String,
    },
    /// The folder exists and is not empty.
    #[error("{} exists already, and is not empty; name a new folder", folder.display())]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder of the SDK holds no SDK.
    #[error("{} holds no airssys-sdk crate; name its folder with --sdk", folder.display())]
    NoSdk {
        /// The folder.
        folder: PathBuf,
    },
    /// The manifest of the workspace around the new component cannot be used.
    #[error(
        "{} {problem}; mend it, or add the folder to its `workspace.exclude`", manifest.display()
    )]
    Workspace {
        /// The manifest.
        manifest: PathBuf,
        /// The mistake, as the predicate of a sentence about the file.
        problem: String,
    },
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}
