//! The languages that components are written in.

use std::fmt;
use std::path::Path;

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
