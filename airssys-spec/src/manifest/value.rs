//! Values of a manifest, with their places.

use std::fmt::Display;
use std::ops::Range;

use toml::de::DeValue;

/// A value, with its place as bytes of the file.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<T> Located<T> {
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: change(self.value), span: self.span }
    }
}

/// The value of a key that may be absent or wrong.
///
/// A wrong value was reported already. No other mistake follows from it, so checks leave it out
/// instead of taking the default.
#[derive(Clone, Debug, Default)]
pub(super) enum Setting<T> {
    /// The key is absent, so its default holds.
    #[default]
    Absent,
    /// The key is misspelt, or its value is wrong.
    Wrong,
    /// The value as it is written.
    Written(Located<T>),
}

impl<T> Setting<T> {
    pub(super) fn written(&self) -> Option<&Located<T>> {
        match self {
            Self::Written(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// Returns the value without its place.
    pub(super) fn into_value(self) -> Option<T> {
        match self {
            Self::Written(value) => Some(value.value),
            Self::Absent | Self::Wrong => None,
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(super) fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong)
    }

    pub(super) fn and_then<U>(self, read: impl FnOnce(Located<T>) -> Setting<U>) -> Setting<U> {
        match self {
            Self::Absent => Setting::Absent,
            Self::Wrong => Setting::Wrong,
            Self::Written(value) => read(value),
        }
    }
}

impl<T: Copy> Setting<T> {
    /// Returns the written value, or the default if the key is absent. Returns `None` if it is wrong.
    pub(super) fn or(&self, default: T) -> Option<T> {
        match self {
            Self::Absent => Some(default),
            Self::Wrong => None,
            Self::Written(value) => Some(value.value),
        }
    }
}

/// An array of a manifest.
#[derive(Debug)]
pub(super) struct List<T> {
    pub(super) items: Vec<Located<T>>,
    /// The place of the array, or `None` if it is absent.
    pub(super) span: Option<Range<usize>>,
    /// True if `items` has everything that is written in the array.
    pub(super) complete: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), span: None, complete: true }
    }
}

impl<T> List<T> {
    /// Returns the list of a key that is misspelt, so that nothing is known of it.
    pub(super) fn unknown() -> Self {
        Self { complete: false, ..Self::default() }
    }
}

impl<T: Clone> List<T> {
    pub(super) fn values(&self) -> Vec<T> {
        self.items.iter().map(|item| item.value.clone()).collect()
    }
}

impl<T: Display> List<T> {
    /// Returns the items as text.
    pub(super) fn texts(&self) -> Vec<String> {
        self.items.iter().map(|item| item.value.to_string()).collect()
    }
}

/// Describes a value for people; long texts are cut.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() > 40 => {
            format!("the string {:?}…", text.chars().take(40).collect::<String>())
        }
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => format!("the integer {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(boolean) => format!("the boolean {boolean}"),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Names the kind of a value, without the value, which may be a secret.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Returns the text of a value, also of one that is alone in a list. Returns `None` for other lists
/// and for tables.
pub(super) fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) => value.to_string(),
            Err(_) => number.to_string(),
        }),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(boolean) => Some(boolean.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(array) if array.len() == 1 => array.first().and_then(|only| scalar(only.get_ref())),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
