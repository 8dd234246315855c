//! Reads tables of a manifest, and collects what is wrong with them.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::Problems;
use super::units::{self, BadUnit};

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// A table of a manifest, and where to report what is wrong with it.
pub(super) struct Table<'d> {
    pub(super) file: &'d Path,
    problems: &'d RefCell<Problems>,
    /// As it stands in the file, such as `[limits]`.
    name: String,
    entries: &'d DeTable<'d>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
}

/// Reads a manifest's text with `read`; reports what is wrong with its syntax.
pub(super) fn read_document<T>(
    file: &Path,
    text: &str,
    problems: &RefCell<Problems>,
    read: impl FnOnce(&Table<'_>) -> T,
) -> T {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let message = error.message().to_owned();
        let help = "write it as TOML, https://toml.io".to_owned();
        problems.borrow_mut().add(file, error.span(), message, help);
    }
    let (entries, asked) = (document.get_ref(), RefCell::default());
    let table = Table { file, problems, name: "the manifest".to_owned(), entries, span: 0..0, asked };
    let value = read(&table);
    // What the parser skipped over can make keys look unknown or missing.
    if errors.is_empty() {
        table.report_unknown_keys();
    }
    value
}

impl<'d> Table<'d> {
    /// Reports a mistake.
    pub(super) fn problem(&self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.borrow_mut().add(self.file, Some(span.clone()), message.into(), help.into());
    }

    /// Where the table stands.
    pub(super) fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// The name that it has in the file.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn get(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.borrow_mut().push(key);
        self.entries.get(key)
    }

    /// A value of one type; reports any other.
    fn typed<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'d DeValue<'d>) -> Option<T>,
    ) -> Option<Found<T>> {
        let found = self.get(key)?;
        let (value, span) = (read(found.get_ref()), found.span());
        if value.is_none() {
            let kind = found.get_ref().type_str();
            self.problem(&span, format!("`{key}` is {}", a(kind)), format!("write {expected}"));
        }
        value.map(|value| Found { value, span })
    }

    /// A text.
    pub(super) fn string(&self, key: &'static str, example: &str) -> Option<Found<&'d str>> {
        self.typed(key, &format!("it as a string, such as {key} = {example}"), DeValue::as_str)
    }

    /// Whether a key is there and has a text.
    pub(super) fn is_string(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|found| found.get_ref().is_str())
    }

    /// A text that has to be there.
    pub(super) fn required_string(&self, key: &'static str, example: &str) -> Option<Found<&'d str>> {
        let found = self.string(key, example);
        if found.is_none() && !self.entries.contains_key(key) {
            let message = format!("{} has no `{key}`", self.name);
            self.problem(&self.span, message, format!("add {key} = {example}"));
        }
        found
    }

    /// A text with a meaning; reports one that has none.
    pub(super) fn parse<T: FromStr>(&self, found: &Found<&str>, help: &str) -> Option<Found<T>>
    where
        T::Err: Display,
    {
        match found.value.parse() {
            Ok(value) => Some(Found { value, span: found.span.clone() }),
            Err(error) => {
                self.problem(&found.span, error.to_string(), help);
                None
            }
        }
    }

    /// A list of texts with a meaning; none if the key is missing.
    pub(super) fn list<T: FromStr>(&self, key: &'static str, example: &str) -> Option<Vec<Found<T>>>
    where
        T::Err: Display,
    {
        let help = format!("write a list of strings, such as {key} = {example}");
        let array = self.typed(key, &help["write ".len()..], DeValue::as_array)?;
        let mut list: Vec<Found<T>> = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for item in array.value.iter() {
            let Some(text) = item.get_ref().as_str() else {
                let kind = item.get_ref().type_str();
                self.problem(&item.span(), format!("`{key}` holds {}", a(kind)), help.clone());
                continue;
            };
            if seen.contains(&text) {
                self.problem(&item.span(), format!("`{key}` names `{text}` twice"), "take one of them away");
                continue;
            }
            seen.push(text);
            list.extend(self.parse(&Found { value: text, span: item.span() }, &help));
        }
        Some(list)
    }

    /// A whole number within bounds.
    pub(super) fn integer(&self, key: &'static str, allowed: RangeInclusive<u64>) -> Option<Found<u64>> {
        let (low, high) = (*allowed.start(), *allowed.end());
        let found =
            self.typed(key, &format!("a whole number, such as {key} = {low}"), DeValue::as_integer)?;
        let digits = found.value.as_str();
        let number = u64::from_str_radix(digits, found.value.radix()).ok().filter(|n| allowed.contains(n));
        if number.is_none() {
            let message = format!("`{key}` is {digits}");
            self.problem(&found.span, message, format!("write a whole number from {low} to {high}"));
        }
        number.map(|value| Found { value, span: found.span })
    }

    /// A number that is at least `least`.
    pub(super) fn number(&self, key: &'static str, least: f64) -> Option<f64> {
        let read = |value: &DeValue<'_>| match value {
            DeValue::Float(float) => float.as_str().replace('_', "").parse::<f64>().ok(),
            DeValue::Integer(integer) => integer.as_str().replace('_', "").parse::<f64>().ok(),
            _ => None,
        };
        let found = self.typed(key, &format!("a number, such as {key} = 2.0"), read)?;
        if !(found.value.is_finite() && found.value >= least) {
            let message = format!("`{key}` is {}", found.value);
            self.problem(&found.span, message, format!("write a number that is at least {least}"));
            return None;
        }
        Some(found.value)
    }

    /// Yes or no.
    pub(super) fn boolean(&self, key: &'static str) -> Option<Found<bool>> {
        self.typed(key, &format!("{key} = true or {key} = false"), DeValue::as_bool)
    }

    /// A size in bytes, at least 1.
    pub(super) fn size(&self, key: &'static str) -> Option<Found<u64>> {
        self.unit(key, "64 MiB", units::size, |size| size > 0)
    }

    /// A duration, longer than none.
    pub(super) fn duration(&self, key: &'static str) -> Option<Found<Duration>> {
        self.unit(key, "100 ms", units::duration, |duration: Duration| !duration.is_zero())
    }

    fn unit<T: Copy>(
        &self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&str) -> Result<T, BadUnit>,
        is_something: impl FnOnce(T) -> bool,
    ) -> Option<Found<T>> {
        let expected = format!("a number and its unit as a string, such as {key} = \"{example}\"");
        let found = self.typed(key, &expected, DeValue::as_str)?;
        match read(found.value) {
            Ok(value) if is_something(value) => Some(Found { value, span: found.span }),
            Ok(_) => {
                let message = format!("`{key}` is nothing: \"{}\"", found.value);
                self.problem(&found.span, message, format!("write more, such as \"{example}\""));
                None
            }
            Err(BadUnit { message, help }) => {
                self.problem(&found.span, format!("`{key}`: {message}"), help);
                None
            }
        }
    }

    /// A table below this one; what it does not know is reported when it has been read.
    pub(super) fn table<T>(&self, key: &'static str, read: impl FnOnce(&Table<'d>) -> T) -> Option<T> {
        let found = self.typed(key, &format!("a table, [{key}]"), DeValue::as_table)?;
        let table = self.below(format!("[{key}]"), found.value, found.span);
        let value = read(&table);
        table.report_unknown_keys();
        Some(value)
    }

    /// A list of tables, `[[key]]`.
    pub(super) fn tables<T>(&self, key: &'static str, mut read: impl FnMut(&Table<'d>) -> T) -> Vec<T> {
        let found = self.typed(key, &format!("a list of tables, [[{key}]]"), DeValue::as_array);
        let mut list = Vec::new();
        for item in found.iter().flat_map(|found| found.value.iter()) {
            let Some(entries) = item.get_ref().as_table() else {
                self.problem(&item.span(), format!("`{key}` holds no table"), format!("write [[{key}]]"));
                continue;
            };
            let table = self.below(format!("[[{key}]]"), entries, item.span());
            list.push(read(&table));
            table.report_unknown_keys();
        }
        list
    }

    /// Every entry of a table whose keys are free, by name.
    pub(super) fn each(&self) -> impl Iterator<Item = (Found<&'d str>, &'d Spanned<DeValue<'d>>)> {
        self.entries.iter().map(|(key, value)| {
            let found: &'d str = key.get_ref().as_ref();
            (Found { value: found, span: key.span() }, value)
        })
    }

    /// A table below this one, whose keys are free.
    pub(super) fn free_table(&self, key: &'static str) -> Option<Table<'d>> {
        let found = self.typed(key, &format!("a table, [{key}]"), DeValue::as_table)?;
        Some(self.below(format!("[{key}]"), found.value, found.span))
    }

    /// An entry of a table whose keys are free, which has to be a table itself.
    pub(super) fn entry_table<T>(
        &self,
        key: &Found<&'d str>,
        value: &'d Spanned<DeValue<'d>>,
        read: impl FnOnce(&Table<'d>) -> T,
    ) -> Option<T> {
        let parent = self.name.trim_matches(['[', ']']);
        let name = format!("[{parent}.{}]", key.value);
        let Some(entries) = value.get_ref().as_table() else {
            let kind = value.get_ref().type_str();
            self.problem(&value.span(), format!("`{}` is {}", key.value, a(kind)), format!("write {name}"));
            return None;
        };
        let table = self.below(name, entries, key.span.clone());
        let result = read(&table);
        table.report_unknown_keys();
        Some(result)
    }

    fn below(&self, name: String, entries: &'d DeTable<'d>, span: Range<usize>) -> Table<'d> {
        Table { file: self.file, problems: self.problems, name, entries, span, asked: RefCell::default() }
    }

    fn report_unknown_keys(&self) {
        let asked = self.asked.borrow();
        for key in self.entries.keys().filter(|key| !asked.contains(&key.get_ref().as_ref())) {
            let found: &str = key.get_ref().as_ref();
            let help = match nearest(found, asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys are {}", asked.join(", ")),
            };
            self.problem(&key.span(), format!("{} has no key `{found}`", self.name), help);
        }
    }
}

/// The known name that is most like the one that was found, if one is like it.
pub(super) fn nearest<'k>(found: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let rated = known.map(|name| (strsim::damerau_levenshtein(found, name), name));
    let (distance, name) = rated.min()?;
    (distance <= 2.max(found.len() / 4)).then_some(name)
}

/// The name of a type with its article.
fn a(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {kind}")
}
