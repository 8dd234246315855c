//! The tables that services and backends read: their keys are known only to them.

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use super::amount::Unit;
use super::diagnostic::Fault;
use super::load::without_dots;
use super::reader::Table;
use super::secret::{self, Secret};
use super::variables::Variables;

/// The surroundings of a table: the files that its parts are written in, and the environment.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    /// Each file with the offset at which its text begins, in ascending order.
    pub(super) files: Vec<(usize, &'a Path)>,
    pub(super) variables: &'a Variables,
}

impl Surroundings<'_> {
    /// Returns the path that a file names, relative to the folder of the file.
    pub(super) fn path(&self, span: &Range<usize>, written: &str) -> PathBuf {
        let file = self.files.iter().rev().find(|(start, _)| *start <= span.start).map(|(_, file)| *file);
        let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
        without_dots(&folder.join(written))
    }
}

/// A table of a configuration, read key by key. Mistakes are collected; reading goes on.
///
/// `example` is the value that a report suggests, as it would be written.
pub struct ConfigTable<'a> {
    pub(super) table: Table<'a>,
    pub(super) surroundings: &'a Surroundings<'a>,
}

impl<'a> ConfigTable<'a> {
    /// Returns a string, or `None` if the key is absent or wrong.
    pub fn text(&self, key: &'static str, example: &str) -> Option<&'a str> {
        self.table.text(key, example).written()?;
        match self.table.value(key)?.get_ref() {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// As [`ConfigTable::text`]; an absent key is reported.
    pub fn required_text(&self, key: &'static str, example: &str) -> Option<&'a str> {
        self.require(key, example);
        self.text(key, example)
    }

    /// Reports the absence of a key.
    pub fn require(&self, key: &'static str, example: &str) {
        if self.table.value(key).is_none() {
            self.table.missing(key, example);
        }
    }

    /// Returns the path of a file or folder, relative to the folder of the file that names it.
    /// Returns `None` if the key is absent or wrong.
    pub fn path(&self, key: &'static str, example: &str) -> Option<PathBuf> {
        let span = self.table.value(key).map(|value| value.span())?;
        self.text(key, example).map(|written| self.surroundings.path(&span, written))
    }

    /// Returns a secret: a string, `{ env = "VARIABLE" }` or `{ file = "PATH" }`. Returns `None` if the
    /// key is absent or wrong, or if the variable or the file is missing, which is reported.
    ///
    /// Reports show neither the secret nor the line that it is written in.
    pub fn secret(&self, key: &'static str, example: &str) -> Option<Secret> {
        let value = self.table.value(key)?;
        if secret::reference(value.get_ref()).is_none() {
            self.table.document.hide(value.span());
        }
        let path = |span: &Range<usize>, written: &str| self.surroundings.path(span, written);
        match secret::read(value, self.surroundings.variables, path) {
            Ok(secret) => Some(secret),
            Err(Fault { message, help }) => {
                let help = help.replace("KEY", key).replace("EXAMPLE", example);
                self.report(key, format!("`{key}` in {} {message}", self.table.name()), help);
                None
            }
        }
    }

    /// Returns the value of an environment variable that is the default of a key, or `None` if the
    /// table has the key, or the variable is not set.
    pub fn default_variable(&self, key: &'static str, name: &str) -> Option<String> {
        match self.table.value(key) {
            Some(_) => None,
            None => self.surroundings.variables.get(name),
        }
    }

    /// As [`ConfigTable::default_variable`], for a whole number within a range. Another value is
    /// reported.
    pub fn default_count(
        &self,
        key: &'static str,
        name: &str,
        range: RangeInclusive<u64>,
        example: u64,
    ) -> Option<u64> {
        let text = self.default_variable(key, name)?;
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let message =
                format!("the environment variable `{name}` must be a whole number from {least} to {most}");
            self.report(key, message, format!("set it to one such as {example}, or write `{key}` here"));
        }
        number
    }

    /// Returns a string that stands for something else, or `None` if the key is absent or wrong.
    ///
    /// `parse` returns the message and the help of a report.
    pub fn parsed<T>(
        &self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, (String, String)>,
    ) -> Option<T> {
        let fault = |(message, help)| Fault { message, help };
        self.table.parsed(key, example, |text| parse(text).map_err(fault)).into_value()
    }

    /// Returns a boolean, or `None` if the key is absent or wrong.
    pub fn boolean(&self, key: &'static str) -> Option<bool> {
        self.table.boolean(key).into_value()
    }

    /// Returns a number within a range, or `None` if the key is absent or wrong.
    pub fn count(&self, key: &'static str, range: RangeInclusive<u64>, example: u64) -> Option<u64> {
        self.table.amount(key, Unit::Count, range, example).into_value()
    }

    /// Returns a size in bytes, written with a unit, or `None` if the key is absent or wrong.
    pub fn bytes(&self, key: &'static str, range: RangeInclusive<u64>, example: u64) -> Option<u64> {
        self.table.amount(key, Unit::Bytes, range, example).into_value()
    }

    /// Returns a time in whole milliseconds, written with a unit, or `None` if the key is absent or
    /// wrong.
    pub fn time(
        &self,
        key: &'static str,
        range_ms: RangeInclusive<u64>,
        example_ms: u64,
    ) -> Option<Duration> {
        self.table.amount(key, Unit::Time, range_ms, example_ms).into_value().map(Duration::from_millis)
    }

    /// Returns a table within this one, or `None` if the key is absent or wrong.
    pub fn table<T>(&self, key: &'static str, read: impl FnOnce(&ConfigTable<'_>) -> T) -> Option<T> {
        let table = self.table.table(key).into_value()?;
        let table = ConfigTable { table, surroundings: self.surroundings };
        let value = read(&table);
        table.table.finish();
        Some(value)
    }

    /// Reads every table within this one, with its key, in the order of the file. For tables whose
    /// keys are names that the app chooses.
    pub fn each_table<T>(&self, mut read: impl FnMut(&'a str, &ConfigTable<'_>) -> T) -> Vec<T> {
        let mut values = Vec::new();
        for (key, value) in self.table.entries() {
            let name = format!("[{}.{}]", self.table.name().trim_matches(['[', ']']), key.value);
            if let Some(table) = self.table.as_table(key.value, name, value).into_value() {
                let table = ConfigTable { table, surroundings: self.surroundings };
                values.push(read(key.value, &table));
                table.table.finish();
            }
        }
        self.table.allow_all();
        values
    }

    /// Reports a mistake in the value of a key, or in the table if the key is absent.
    pub fn report(&self, key: &'static str, message: impl Into<String>, help: impl Into<String>) {
        let span = self.table.value(key).map(|value| value.span()).or(self.table.span());
        self.table.document.report(span, message.into(), help.into());
    }

    /// Reports a mistake in the table as a whole, such as in its name.
    pub fn fault(&self, message: impl Into<String>, help: impl Into<String>) {
        self.table.document.report(self.table.span(), message.into(), help.into());
    }
}
