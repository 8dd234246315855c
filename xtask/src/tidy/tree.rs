//! The files of the repository.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::tool::{self, ToolError, tool};

/// A failure to read the files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TreeError {
    #[error("git cannot list the files")]
    List(#[from] ToolError),
    #[error("{path} cannot be read")]
    Read { path: String, source: io::Error },
}

/// The files that git tracks or would add, by their paths from the root.
pub(crate) struct Tree {
    /// The texts. `None` for a file that is not UTF-8.
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    pub(crate) fn of(root: &Path) -> Result<Tree, TreeError> {
        let mut git = tool("git", root);
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = tool::read(git)?;
        let mut files = BTreeMap::new();
        for path in listed.split_terminator('\0') {
            match std::fs::read(root.join(path)) {
                Ok(bytes) => drop(files.insert(path.to_owned(), String::from_utf8(bytes).ok())),
                // A file that was deleted since it was added.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(TreeError::Read { path: path.to_owned(), source }),
            }
        }
        Ok(Tree { files })
    }

    #[cfg(test)]
    pub(crate) fn planted(files: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Tree { files: files.collect() }
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Returns the files that are text, as path and text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// Returns the text of a file. `None` if it does not exist or is not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Returns the files whose paths have one of these endings, as path and text.
    pub(crate) fn ending(&self, endings: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }

    /// Returns true if the file or folder exists.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.contains_key(path) || self.paths().any(|own| own.starts_with(&folder))
    }
}

/// Returns the lines of a text with their numbers, from 1.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}
