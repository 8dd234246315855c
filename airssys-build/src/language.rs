//! The languages that components are written in.

use std::fmt;
use std::path::Path;

/// A language in which a component is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// A crate, whose folder has a `Cargo.toml`.
    Rust,
    /// An npm package, whose folder has a `package.json`. TypeScript counts as JavaScript.
    JavaScript,
    /// A project, whose folder has a `pyproject.toml`.
    Python,
}

impl Language {
    /// Every language, in the order in which [`Language::of`] looks for them.
    pub const ALL: [Language; 3] = [Language::Rust, Language::JavaScript, Language::Python];

    /// Returns the name of the file that marks a folder as a project of this language.
    pub fn project_file(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::JavaScript => "package.json",
            Language::Python => "pyproject.toml",
        }
    }

    /// Returns the language of the component in a folder, or `None` if the folder has no project.
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
