//! Builds components from their sources: Rust, JavaScript, Python.

mod javascript;
mod output;
mod process;
mod python;
mod rust;
mod tools;

use std::fmt;
use std::path::{Path, PathBuf};

/// What components are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// What a component is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// A crate: its folder has a `Cargo.toml`.
    Rust,
    /// A package of npm's: its folder has a `package.json`. TypeScript is JavaScript here.
    JavaScript,
    /// A project: its folder has a `pyproject.toml`.
    Python,
}

impl Language {
    /// Every language, in the order in which they are looked for.
    pub const ALL: [Language; 3] = [Language::Rust, Language::JavaScript, Language::Python];

    /// The file that tells a folder's language.
    pub fn project_file(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::JavaScript => "package.json",
            Language::Python => "pyproject.toml",
        }
    }

    /// The language of the component in a folder.
    pub fn of(folder: &Path) -> Option<Language> {
        Language::ALL.into_iter().find(|language| folder.join(language.project_file()).is_file())
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Language::Rust => "Rust",
            Language::JavaScript => "JavaScript",
            Language::Python => "Python",
        })
    }
}

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

/// Builds the component in a folder, optimised, and says where its `.wasm` file is.
///
/// What is missing of a language's tools is added: for Rust the compilation target, through
/// rustup; for JavaScript and Python what this library has pinned, into a folder of its own
/// (`$AIRSSYS_TOOLS_DIR`, else `airssys-tools` in the user's cache folder). Blocks until it is done.
///
/// # Errors
/// [`BuildError`], with what the tools printed.
pub fn build(folder: &Path, mut tell: impl FnMut(BuildEvent)) -> Result<PathBuf, BuildError> {
    match Language::of(folder) {
        Some(Language::Rust) => rust::build(folder, &mut tell),
        Some(Language::JavaScript) => output::build(folder, Language::JavaScript, &mut tell),
        Some(Language::Python) => output::build(folder, Language::Python, &mut tell),
        None => Err(BuildError::NoProject { folder: folder.to_owned() }),
    }
}
