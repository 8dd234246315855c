//! The settings of a component: `config` of its `[[component]]`.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostic::{Document, Fault};
use super::load::{Disk, Files, join};
use super::reader::Table;
use super::secret::{self, Reference};
use super::suggest::string;
use super::value::scalar;

/// The value of a setting. Its `Debug` form shows it only if it stands in the manifest itself.
///
/// ```
/// use airssys_spec::manifest::SettingValue;
///
/// assert_eq!(format!("{:?}", SettingValue::from("a.json")), "\"a.json\"");
/// assert_eq!(format!("{:?}", SettingValue::secret("open sesame")), "Secret(..)");
/// ```
#[derive(Clone)]
pub struct SettingValue {
    text: Arc<str>,
    is_secret: bool,
    /// The place outside the manifest that the value was read from.
    place: Option<Arc<Place>>,
}

/// The place of a value outside its manifest.
enum Place {
    Variable(String),
    File(PathBuf),
}

impl PartialEq for SettingValue {
    fn eq(&self, other: &SettingValue) -> bool {
        (&self.text, self.is_secret) == (&other.text, other.is_secret)
    }
}

impl Eq for SettingValue {}

impl SettingValue {
    /// Makes a value that is never shown.
    pub fn secret(text: impl Into<Arc<str>>) -> SettingValue {
        SettingValue { text: text.into(), is_secret: true, place: None }
    }

    /// Returns the value as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads the value again, if it is that of a variable or of a file of this machine. Returns `None` if it
    /// stands in the manifest.
    ///
    /// # Errors
    /// The reason for which the variable or the file is missing.
    pub fn read_again(&self) -> Option<Result<SettingValue, String>> {
        self.place.as_ref().map(|place| place.read(&Disk).map_err(|fault| fault.message))
    }
}

impl From<String> for SettingValue {
    fn from(text: String) -> SettingValue {
        SettingValue { text: text.into(), is_secret: false, place: None }
    }
}

impl From<&str> for SettingValue {
    fn from(text: &str) -> SettingValue {
        SettingValue { text: text.into(), is_secret: false, place: None }
    }
}

impl fmt::Debug for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_secret {
            true => f.write_str("Secret(..)"),
            false => self.text.fmt(f),
        }
    }
}

/// A setting as it is written.
#[derive(Debug)]
pub(super) struct Written {
    key: String,
    value: WrittenValue,
    span: Range<usize>,
}

#[derive(Debug)]
enum WrittenValue {
    Text(String),
    Reference(Reference),
}

/// Reads the settings of a `[[component]]`.
pub(super) fn read(table: &Table<'_>) -> Vec<Written> {
    let Some(settings) = table.table("config").into_value() else { return Vec::new() };
    let mut written = Vec::new();
    for (key, value) in settings.entries() {
        let text = || setting(value).map(WrittenValue::Text);
        let reference =
            secret::reference(value.get_ref()).map(|(reference, _)| WrittenValue::Reference(reference));
        match reference.or_else(text) {
            Some(found) => {
                written.push(Written { key: key.value.to_owned(), value: found, span: value.span() })
            }
            None => settings.wrong_kind(key.value, value, "a setting", mending(key.value, value.get_ref())),
        }
    }
    written
}

/// Returns the values of settings. A variable or a file that is missing is reported.
pub(super) fn resolve(
    document: &Document,
    written: &[Written],
    files: &impl Files,
) -> Vec<(String, SettingValue)> {
    let value = |setting: &Written| match &setting.value {
        WrittenValue::Text(text) => Some(text.as_str().into()),
        WrittenValue::Reference(reference) => {
            let found = fetch(document, reference, files);
            let report = |Fault { message, help }: Fault| {
                let message = format!("`{}` in [component.config] {message}", setting.key);
                document.report(Some(setting.span.clone()), message, help.replace("KEY", &setting.key));
            };
            found.map_err(report).ok()
        }
    };
    written.iter().filter_map(|setting| Some((setting.key.clone(), value(setting)?))).collect()
}

fn fetch(document: &Document, reference: &Reference, files: &impl Files) -> Result<SettingValue, Fault> {
    let place = Arc::new(match reference {
        Reference::Variable(name) => Place::Variable(name.clone()),
        Reference::File(written) => Place::File(join(&document.file, written)),
    });
    place.read(files)
}

impl Place {
    fn read(self: &Arc<Place>, files: &impl Files) -> Result<SettingValue, Fault> {
        let text = match &**self {
            Place::Variable(name) => files.variable(name).ok_or_else(|| secret::missing_variable(name))?,
            Place::File(file) => {
                let text = files.read(file).map_err(|error| secret::unreadable(file, &error))?;
                secret::without_line_end(&text).to_owned()
            }
        };
        Ok(SettingValue { place: Some(Arc::clone(self)), ..SettingValue::secret(text) })
    }
}

fn mending(key: &str, value: &DeValue<'_>) -> String {
    match (text_of(value), value) {
        (Some(text), _) => format!("write it as a string: `{key} = {}`", string(&text)),
        (None, DeValue::Table(_)) => {
            "write each of its keys as a setting, with a name of its own; a table is \
                                      only `{ env = \"VARIABLE\" }` or `{ file = \"PATH\" }`"
                .to_owned()
        }
        (None, _) => "write each of its items as a setting, with a name of its own".to_owned(),
    }
}

/// Returns a value as one text; that of a list has commas between the items.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    let DeValue::Array(items) = value else { return scalar(value) };
    let texts = items.iter().map(|item| text_of(item.get_ref()));
    texts.collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
}

fn setting(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(boolean) => Some(boolean.to_string()),
        _ => None,
    }
}
