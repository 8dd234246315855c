//! Mistakes in manifests, with their places and remedies.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{suggest, unreadable};

/// The most mistakes of a file that are described. More are counted, because a file can have one on each
/// of its lines.
const MAX_MISTAKES: usize = 100;

/// The most bytes of a message, and of a help. A longer one is cut.
const MAX_MESSAGE_BYTES: usize = 1 << 10;
const MAX_HELP_BYTES: usize = 64 << 10;

/// One mistake in a manifest.
///
/// Displayed as `file:line:column: message`, with the help on lines of its own. In the help,
/// everything between backquotes, and every table, can be pasted as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The file, as the caller named it.
    pub file: PathBuf,
    /// The place in bytes of the file, or `None` if the mistake is about the file as a whole.
    pub span: Option<Range<usize>>,
    /// The line on which it begins; the first is 1.
    pub line: usize,
    /// The character of the line at which it begins; the first is 1.
    pub column: usize,
    /// A description of the mistake.
    pub message: String,
    /// The remedy.
    pub help: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, help, .. } = self;
        let help = help.replace('\n', "\n    ");
        write!(f, "{}:{line}:{column}: {message}\n  help: {help}", file.display())
    }
}

/// All mistakes in the manifests of an app: at least one.
///
/// Ordered by file, `app.toml` first, and by place in the file. Keeps the text of the files, so
/// that a program can show the places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    texts: BTreeMap<PathBuf, Arc<str>>,
}

impl Diagnostics {
    /// Returns the diagnostics in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Returns the text of a file that a diagnostic names, or `None` if it could not be read.
    pub fn text(&self, file: &Path) -> Option<&str> {
        self.texts.get(file).map(|text| &**text)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
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

impl Error for Diagnostics {}

/// A mistake in a value, before its place is known.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) help: String,
}

/// A file, and the mistakes found in it so far.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) file: PathBuf,
    /// `None` if the file could not be read.
    text: Option<Arc<str>>,
    found: RefCell<Vec<Diagnostic>>,
    /// The number of mistakes beyond [`MAX_MISTAKES`].
    more: Cell<usize>,
    /// Names of components that the file knows, for examples.
    names: RefCell<Vec<String>>,
    /// The places of secrets, which are masked in the text that is kept.
    hidden: RefCell<Vec<Range<usize>>>,
    /// True if any value may be a secret that stands in the wrong place.
    is_secret: bool,
}

impl Document {
    pub(super) fn new(file: &Path, text: &str) -> Self {
        Self { text: Some(text.into()), ..Self::without_text(file) }
    }

    /// As [`Document::new`], for a file in which any value may be a secret. Reports name the kinds of
    /// wrong values, not the values.
    pub(super) fn of_secrets(file: &Path, text: &str) -> Self {
        Self { is_secret: true, ..Self::new(file, text) }
    }

    pub(super) fn is_secret(&self) -> bool {
        self.is_secret
    }

    fn without_text(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            text: None,
            found: RefCell::default(),
            more: Cell::default(),
            names: RefCell::default(),
            hidden: RefCell::default(),
            is_secret: false,
        }
    }

    /// Makes the document of a file that could not be read, for this reason.
    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let document = Self::without_text(file);
        let (message, help) = unreadable::explain(error);
        document.report(None, message, help);
        document
    }

    /// Adds names of components to those that examples use.
    pub(super) fn knows(&self, names: impl IntoIterator<Item = String>) {
        self.names.borrow_mut().extend(names);
    }

    /// Returns the known name with this index, or else one after the file's folder.
    pub(super) fn name_of_app(&self, index: usize) -> String {
        let names = self.names.borrow();
        let folder = || self.folder_name();
        names
            .get(index)
            .or(names.first())
            .cloned()
            .or_else(folder)
            .unwrap_or_else(|| "my-component".to_owned())
    }

    /// Returns the name of the folder that the file is in, as the name of a component.
    pub(super) fn folder_name(&self) -> Option<String> {
        suggest::component_name(self.file.parent()?.file_name()?.to_str()?)
    }

    pub(super) fn report(&self, span: Option<Range<usize>>, message: String, help: String) {
        if self.is_full() {
            self.count_more();
            return;
        }
        let (message, help) = (cut(message, MAX_MESSAGE_BYTES), cut(help, MAX_HELP_BYTES));
        let (line, column) = span.as_ref().map_or((1, 1), |span| self.place(span.start));
        self.found.borrow_mut().push(Diagnostic {
            file: self.file.clone(),
            span,
            line,
            column,
            message,
            help,
        });
    }

    /// Returns true if further mistakes are only counted, so that no message needs to be made.
    pub(super) fn is_full(&self) -> bool {
        self.found.borrow().len() >= MAX_MISTAKES
    }

    /// Counts a mistake that is not described.
    pub(super) fn count_more(&self) {
        self.more.set(self.more.get() + 1);
    }

    /// Returns the line that counts the mistakes beyond those that are described.
    fn rest(&self) -> Option<Diagnostic> {
        let (more, (line, column)) = (self.more.get(), self.place(usize::MAX));
        let plural = if more == 1 { "" } else { "s" };
        (more > 0).then(|| Diagnostic {
            file: self.file.clone(),
            span: None,
            line,
            column,
            message: format!("… and {more} more mistake{plural} in this file"),
            help: format!("mend the {MAX_MISTAKES} above first"),
        })
    }

    /// Returns a place in the file as `file:line`.
    pub(super) fn line_of(&self, span: &Range<usize>) -> String {
        format!("{}:{}", self.file.display(), self.place(span.start).0)
    }

    /// Returns the line and column of a byte.
    fn place(&self, offset: usize) -> (usize, usize) {
        let text = self.text.as_deref().unwrap_or_default();
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// Cuts a text that has more bytes than this.
fn cut(text: String, max_bytes: usize) -> String {
    match text.len() <= max_bytes {
        true => text,
        false => format!("{}…", &text[..text.floor_char_boundary(max_bytes)]),
    }
}

/// Replaces every character of the secrets in a text, so that every place keeps its line and column.
pub(super) fn masked(text: &Arc<str>, secrets: &[Range<usize>]) -> Arc<str> {
    if secrets.is_empty() {
        return Arc::clone(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for secret in secrets {
        let hidden = bytes.get_mut(secret.clone()).unwrap_or_default();
        hidden.iter_mut().filter(|byte| !matches!(**byte, b'\n' | b'\r')).for_each(|byte| *byte = b'*');
    }
    // The mask is ASCII and covers whole characters, so the text stays valid.
    String::from_utf8(bytes).unwrap_or_default().into()
}

/// Returns an error with all mistakes in the documents, if there are any.
pub(super) fn verdict<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Result<(), Diagnostics> {
    let mut all = Diagnostics { list: Vec::new(), texts: BTreeMap::new() };
    for document in documents {
        all.take(document);
    }
    if all.list.is_empty() { Ok(()) } else { Err(all) }
}

impl Document {
    /// Masks a secret in the text that is kept for showing the places of mistakes.
    pub(super) fn hide(&self, secret: Range<usize>) {
        self.hidden.borrow_mut().push(secret);
    }

    /// Returns the text of the file; empty if it could not be read.
    pub(super) fn text(&self) -> Arc<str> {
        self.text.clone().unwrap_or_default()
    }

    /// Returns the places of the secrets in the text.
    pub(super) fn hidden(&self) -> Vec<Range<usize>> {
        self.hidden.borrow().clone()
    }

    /// Returns an error if anything was found in this document.
    pub(super) fn into_result(self) -> Result<(), Diagnostics> {
        verdict([&self])
    }

    /// Returns the mistakes in this document alone.
    pub(super) fn into_diagnostics(self) -> Diagnostics {
        let mut all = Diagnostics { list: Vec::new(), texts: BTreeMap::new() };
        all.take(&self);
        all
    }
}

impl Diagnostics {
    /// Adds the diagnostics of others: those of a file that is there already by their place in it,
    /// those of other files at the end.
    pub fn append(&mut self, mut others: Diagnostics) {
        for other in others.list {
            let place = |diagnostic: &Diagnostic| diagnostic.span.as_ref().map_or(0, |span| span.start);
            let before = |known: &Diagnostic| known.file == other.file && place(known) <= place(&other);
            let same_file = |known: &Diagnostic| known.file == other.file;
            let index = match (self.list.iter().rposition(before), self.list.iter().position(same_file)) {
                (Some(before), _) => before + 1,
                (None, first) => first.unwrap_or(self.list.len()),
            };
            self.list.insert(index, other);
        }
        self.texts.append(&mut others.texts);
    }

    /// Moves the places in a text that was joined from files to those files. Each part is the offset at
    /// which the text of a file begins, in ascending order, with the file and its text.
    pub(super) fn split(self, parts: &[(usize, &Path, Arc<str>)]) -> Diagnostics {
        let mut split = Diagnostics { list: Vec::new(), texts: BTreeMap::new() };
        for mut diagnostic in self.list {
            let start = diagnostic.span.as_ref().map_or(0, |span| span.start);
            let Some((offset, file, text)) = parts.iter().rev().find(|(offset, ..)| *offset <= start) else {
                split.list.push(diagnostic);
                continue;
            };
            diagnostic.file = file.to_path_buf();
            diagnostic.span = diagnostic.span.map(|span| span.start - offset..span.end - offset);
            (diagnostic.line, diagnostic.column) = diagnostic.span.as_ref().map_or((1, 1), |span| {
                let place = Document::new(file, text);
                place.place(span.start)
            });
            split.texts.insert(diagnostic.file.clone(), Arc::clone(text));
            split.list.push(diagnostic);
        }
        split
    }

    /// Returns the diagnostics without the texts of their files.
    pub(super) fn without_texts(self) -> Diagnostics {
        Diagnostics { texts: BTreeMap::new(), ..self }
    }

    /// Returns the places of the diagnostics.
    pub(super) fn spans(&self) -> impl Iterator<Item = &Range<usize>> {
        self.list.iter().filter_map(|diagnostic| diagnostic.span.as_ref())
    }

    fn take(&mut self, document: &Document) {
        let mut found = document.found.borrow().clone();
        found.sort_by_key(|diagnostic| diagnostic.span.as_ref().map_or(0, |span| span.start));
        if let (false, Some(text)) = (found.is_empty(), &document.text) {
            let text = masked(text, &document.hidden.borrow());
            self.texts.insert(document.file.clone(), text);
        }
        self.list.append(&mut found);
        self.list.extend(document.rest());
    }
}
