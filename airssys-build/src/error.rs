//! Reasons for which a component was not built.

use std::path::PathBuf;

use crate::language::Language;

/// The target that components are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// Why a component was not built.
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
        /// Why not.
        source: std::io::Error,
    },
    /// The compilation target is missing and rustup could not add it.
    #[error(
        "the target {TARGET} is missing and could not be added; try `rustup target add {TARGET}`\n{output}"
    )]
    NoTarget {
        /// What rustup printed.
        output: String,
    },
    /// A program that is needed is too old, or lacks a part.
    #[error("{found}; {help}")]
    Unfit {
        /// What there is.
        found: String,
        /// How to get what is needed.
        help: &'static str,
    },
    /// There is no folder to install tools into.
    #[error("there is no folder for tools: neither AIRSSYS_TOOLS_DIR nor XDG_CACHE_HOME nor HOME is set")]
    NoToolsFolder,
    /// The tools of a language could not be installed.
    #[error("the tools for {language} cannot be installed into {}\n{output}", folder.display())]
    NoTools {
        /// The language.
        language: Language,
        /// Where they would be.
        folder: PathBuf,
        /// What the installer printed.
        output: String,
    },
    /// What a project says of itself is wrong.
    #[error("{} {problem}", file.display())]
    Project {
        /// The project's file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that building needs cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The tools do not make a component of it.
    #[error("{} does not build\n{output}", folder.display())]
    Failed {
        /// The component's folder.
        folder: PathBuf,
        /// What they printed.
        output: String,
    },
    /// The crate made no component.
    #[error("{} made no .wasm file; its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`", folder.display())]
    NoArtifact {
        /// The crate's folder.
        folder: PathBuf,
    },
}
