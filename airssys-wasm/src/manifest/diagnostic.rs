//! Mistakes in manifests.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A mistake in a manifest: where it is, what was found, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub file: PathBuf,
    /// The place in the file, in bytes; none if it is the whole file.
    pub span: Option<Range<usize>>,
    /// The line of the place; the first is 1.
    pub line: usize,
    /// The column of the place in characters; the first is 1.
    pub column: usize,
    /// What was found.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

/// The text of a file that has mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The file.
    pub file: PathBuf,
    /// What it says.
    pub text: Arc<str>,
}

/// All mistakes that were found, in the order of the files' names and their lines; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: Vec<SourceText>,
}

impl Diagnostics {
    /// The mistakes.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// The text of a file, if it could be read.
    pub fn text(&self, file: &Path) -> Option<&str> {
        self.sources.iter().find(|source| source.file == file).map(|source| &*source.text)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line, column) = (self.file.display(), self.line, self.column);
        write!(f, "{file}:{line}:{column}: {}\n  help: {}", self.message, self.help)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Where mistakes are collected.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Diagnostic>,
    sources: Vec<SourceText>,
}

impl Problems {
    /// Makes a file's text known, so that places in it can be shown.
    pub(super) fn add_source(&mut self, file: &Path, text: &Arc<str>) {
        self.sources.push(SourceText { file: file.to_owned(), text: Arc::clone(text) });
    }

    pub(super) fn add(&mut self, file: &Path, span: Option<Range<usize>>, message: String, help: String) {
        let text = self.sources.iter().find(|source| source.file == file).map(|source| &*source.text);
        let (line, column) = place(text.unwrap_or_default(), span.as_ref().map_or(0, |span| span.start));
        let diagnostic = Diagnostic { file: file.to_owned(), span, line, column, message, help };
        // The same component can stand in an app several times; its mistakes are shown once.
        if !self.list.contains(&diagnostic) {
            self.list.push(diagnostic);
        }
    }

    /// The value, if there were no mistakes.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, Diagnostics> {
        match value {
            Some(value) if self.list.is_empty() => Ok(value),
            _ => {
                self.list.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
                Err(Diagnostics { list: self.list, sources: self.sources })
            }
        }
    }
}

/// The line and the column of a place, both from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
