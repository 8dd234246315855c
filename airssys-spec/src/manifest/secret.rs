//! Values that are never shown.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Fault;
use super::value::kind;
use super::variables::Variables;
use crate::file;

/// The most bytes of a file with a secret.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// A value that is never shown: its `Debug` form hides it, and it has no `Display`.
///
/// ```
/// use airssys_spec::manifest::Secret;
///
/// let secret = Secret::new("open sesame");
/// assert_eq!(secret.reveal(), "open sesame");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Makes a secret of a value.
    pub fn new(value: impl Into<Arc<str>>) -> Secret {
        Secret(value.into())
    }

    /// Returns the value, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Reads a secret in one of its three forms. In a help, `KEY` and `EXAMPLE` stand for the key and its
/// example.
pub(super) fn read(
    value: &Spanned<DeValue<'_>>,
    variables: &Variables,
    path: impl Fn(&Range<usize>, &str) -> PathBuf,
) -> Result<Secret, Fault> {
    if let DeValue::String(text) = value.get_ref() {
        return Ok(Secret::new(&**text));
    }
    match reference(value.get_ref()) {
        Some((Reference::Variable(name), _)) => {
            variables.get(&name).map(Secret::new).ok_or_else(|| missing_variable(&name))
        }
        Some((Reference::File(written), span)) => {
            let file = path(&span, &written);
            let text = file::read_text(&file, MAX_SECRET_BYTES).map_err(|error| unreadable(&file, &error))?;
            Ok(Secret::new(without_line_end(&text)))
        }
        None => Err(forms(&match value.get_ref() {
            DeValue::Table(_) => "is a table of another form".to_owned(),
            other => format!("is {}, not a secret", kind(other)),
        })),
    }
}

/// The place of a value outside its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// `{ env = "VARIABLE" }`
    Variable(String),
    /// `{ file = "PATH" }`
    File(String),
}

/// Returns the place that a value names, with the span of its text. Returns `None` if the value is not
/// of that form.
pub(super) fn reference(value: &DeValue<'_>) -> Option<(Reference, Range<usize>)> {
    let DeValue::Table(table) = value else { return None };
    let (key, text, span) = entry(table)?;
    match key {
        "env" => Some((Reference::Variable(text.to_owned()), span)),
        "file" => Some((Reference::File(text.to_owned()), span)),
        _ => None,
    }
}

/// Reports an absent variable. In the help, `KEY` stands for the key.
pub(super) fn missing_variable(name: &str) -> Fault {
    Fault {
        message: format!("names the environment variable `{name}`, which is not set"),
        help: format!("set `{name}`, or write `KEY = {{ file = \"/run/secrets/NAME\" }}`"),
    }
}

/// Reports a file that cannot be read. In the help, `KEY` stands for the key.
pub(super) fn unreadable(file: &Path, error: &io::Error) -> Fault {
    Fault {
        message: format!("names the file {}, which cannot be read: {error}", file.display()),
        help: "write the value into that file, in one line, or write `KEY = { env = \"VARIABLE\" }`"
            .to_owned(),
    }
}

fn forms(message: &str) -> Fault {
    let help = "write `KEY = EXAMPLE`, `KEY = { env = \"VARIABLE\" }` or `KEY = { file = \"PATH\" }`";
    Fault { message: message.to_owned(), help: help.to_owned() }
}

/// Returns the only entry of a table, if its value is a string.
fn entry<'a>(table: &'a DeTable<'_>) -> Option<(&'a str, &'a str, Range<usize>)> {
    let mut entries = table.iter();
    let (key, value) = entries.next().filter(|_| table.len() == 1)?;
    match value.get_ref() {
        DeValue::String(text) => Some((AsRef::<str>::as_ref(key.get_ref()), text, value.span())),
        _ => None,
    }
}

/// Returns a text without the end of its last line.
pub(super) fn without_line_end(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}
