//! Reasons for which a component was not built.

use std::path::PathBuf;

use crate::language::Language;

/// The target for which components are compiled.
pub const TARGET: &str = "wasm32-wasip2";

/// Reasons for which a component was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The folder holds no project of a known language.
    #[error(
        "{} holds no Cargo.toml (Rust), package.json (JavaScript) or pyproject.toml (Python): a component's \
         source is the folder of one, or a .wasm file",
        folder.display()
    )]
    NoProject {
        /// The folder.
        folder: PathBuf,
    },
    /// A program that is needed cannot be run.
    #[error("`{program}`, looked for in PATH, cannot be run; {help}")]
    NoProgram {
        /// The program.
        program: &'static str,
        /// How to get it.
        help: &'static str,
        /// The reason.
        source: std::io::Error,
    },
    /// The compilation target is missing and rustup could not add it.
    #[error(
        "the target {TARGET} is missing and could not be added; try `rustup target add {TARGET}`\n{output}"
    )]
    NoTarget {
        /// The output of rustup.
        output: String,
    },
    /// A program that is needed is too old, or lacks a part.
    #[error("{found}; {help}")]
    Unfit {
        /// The program that was found.
        found: String,
        /// How to get one that fits.
        help: &'static str,
    },
    /// There is no folder to install tools into.
    #[error(
        "no folder for tools is known, because HOME and XDG_CACHE_HOME are not set; set AIRSSYS_TOOLS_DIR"
    )]
    NoToolsFolder,
    /// The tools of a language could not be installed.
    #[error("the tools for {language} cannot be installed into {}\n{output}", folder.display())]
    NoTools {
        /// The language.
        language: Language,
        /// The folder of the tools.
        folder: PathBuf,
        /// The output of the installer.
        output: String,
    },
    /// The file of a project has a mistake.
    #[error("{} {problem}", file.display())]
    Project {
        /// The project's file.
        file: PathBuf,
        /// The mistake, as the predicate of a sentence about the file.
        problem: String,
    },
    /// A file that building needs cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The tools failed to build the component.
    #[error("{} does not build\n{output}", folder.display())]
    Failed {
        /// The component's folder.
        folder: PathBuf,
        /// The output of the tools.
        output: String,
    },
    /// Building the crate made no component.
    #[error("{} made no .wasm file; its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`", folder.display())]
    NoArtifact {
        /// The crate's folder.
        folder: PathBuf,
    },
}
