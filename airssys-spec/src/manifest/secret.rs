//! Values that are never shown.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Fault;
use super::value::describe;
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
    match value.get_ref() {
        DeValue::String(text) => Ok(Secret::new(&**text)),
        DeValue::Table(table) => match entry(table) {
            Some(("env", name, _)) => variables.get(name).map(Secret::new).ok_or_else(|| Fault {
                message: format!("names the environment variable `{name}`, which is not set"),
                help: format!("set `{name}`, or write `KEY = {{ file = \"/run/secrets/NAME\" }}`"),
            }),
            Some(("file", written, span)) => {
                let file = path(&span, written);
                of_file(&file).map_err(|error| Fault {
                    message: format!("names the file {}, which cannot be read: {error}", file.display()),
                    help: "write the secret into that file, in one line, or write `KEY = { env = \"VARIABLE\" }`"
                        .to_owned(),
                })
            }
            _ => Err(forms("is a table of another form")),
        },
        other => Err(forms(&format!("is {}, not a secret", describe(other)))),
    }
}

/// Returns true if a value only names a secret, so that it can be shown.
pub(super) fn is_reference(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Table(table) => matches!(entry(table), Some(("env" | "file", ..))),
        _ => false,
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

/// Returns the content of a file without the end of its last line.
fn of_file(file: &Path) -> io::Result<Secret> {
    let text = file::read_text(file, MAX_SECRET_BYTES)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}
