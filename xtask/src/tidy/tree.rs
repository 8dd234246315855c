//! The repository's files.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::tool::{self, ToolError, tool};

/// Why the files are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TreeError {
    #[error("git cannot list them")]
    List(#[from] ToolError),
    #[error("{path} cannot be read")]
    Read { path: String, source: io::Error },
}

/// The files that git knows or would add, by their path from the root.
pub(crate) struct Tree {
    /// Their texts; nothing for those that are not UTF-8.
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
                // Deleted, and git is not told yet.
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

    /// The files that are text, as path and text.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The text of a file, if it is there and is text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// The files with one of these endings, as path and text.
    pub(crate) fn ending(&self, endings: &[&str]) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }

    /// Whether there is such a file or folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.contains_key(path) || self.paths().any(|own| own.starts_with(&folder))
    }
}

/// The lines of a text with their numbers, from 1.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}
