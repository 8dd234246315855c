//! Reads a table of a manifest key by key. Mistakes go to the document, and reading goes on.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::amount::Unit;
use super::diagnostic::{Document, Fault};
use super::suggest::{either, is_similar, nearest, nearest_or_all, string};
use super::value::{describe, kind, scalar};

pub(super) use super::value::{List, Located, Setting};

/// The most entries that a list may have.
const MAX_LIST: usize = 1024;

/// A table of a manifest. The keys that have been read so far are the keys that it may have.
pub(super) struct Table<'a> {
    pub(super) document: &'a Document,
    /// The name as written in the file, such as `[mailbox]`.
    name: String,
    span: Option<Range<usize>>,
    entries: &'a DeTable<'a>,
    known: RefCell<Vec<&'static str>>,
    /// True if every key is known.
    open: Cell<bool>,
}

impl<'a> Table<'a> {
    pub(super) fn root(document: &'a Document, entries: &'a DeTable<'a>) -> Self {
        Self::named(document, String::new(), None, entries)
    }

    /// Makes a table with the name that reports use, such as `[service.keyvalue]`.
    pub(super) fn named(
        document: &'a Document,
        name: String,
        span: Option<Range<usize>>,
        entries: &'a DeTable<'a>,
    ) -> Self {
        Self { document, name, span, entries, known: RefCell::default(), open: Cell::default() }
    }

    /// The name as written in the file, such as `[mailbox]`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the place of the table, or `None` for the root.
    pub(super) fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }

    /// Returns the value of a key that this table may have.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.entries.get(key)
    }

    /// Returns the value of a key as a setting: wrong if the key is most likely misspelt.
    fn setting(&self, key: &'static str) -> Setting<&'a Spanned<DeValue<'a>>> {
        match self.value(key) {
            Some(value) => Setting::Written(Located { value, span: value.span() }),
            None if self.is_misspelt(key) => Setting::Wrong,
            None => Setting::Absent,
        }
    }

    /// Returns true if the key is absent, and an unknown key is most likely meant to be it.
    pub(super) fn is_misspelt(&self, key: &str) -> bool {
        let known = self.known.borrow();
        let is_unknown = |found: &str| !known.contains(&found) && is_similar(found, key);
        !self.entries.contains_key(key)
            && self.entries.keys().any(|found| is_unknown(AsRef::<str>::as_ref(found.get_ref())))
    }

    /// Returns all keys with their values, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(Located<&'a str>, &'a Spanned<DeValue<'a>>)> {
        let located =
            |key: &'a Spanned<_>| Located { value: AsRef::<str>::as_ref(key.get_ref()), span: key.span() };
        let mut entries: Vec<_> = self.entries.iter().map(|(key, value)| (located(key), value)).collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        entries
    }

    /// Allows every key, because the app chooses their names.
    pub(super) fn allow_all(&self) {
        self.open.set(true);
    }

    /// Reports every key that has not been read.
    pub(super) fn finish(self) {
        if self.open.get() {
            return;
        }
        let known = self.known.borrow();
        for (key, _) in self.entries() {
            if !known.contains(&key.value) {
                if self.document.is_full() {
                    self.document.count_more();
                    continue;
                }
                let inside = if self.name.is_empty() { "the file" } else { &self.name };
                let message = format!("{inside} has no key `{}`", key.value);
                self.document.report(Some(key.span), message, nearest_or_all(key.value, "key", &known));
            }
        }
    }

    /// Reports the absence of a required key, unless it is misspelt, which is reported as such.
    pub(super) fn missing(&self, key: &str, example: &str) {
        if !self.is_misspelt(key) {
            let message = format!("{} has no `{key}`", self.name);
            self.document.report(self.span(), message, format!("add `{key} = {example}`"));
        }
    }

    fn fault(&self, key: &str, span: Range<usize>, fault: Fault) {
        let message = format!("`{key}` in {}: {}", self.name, fault.message);
        self.document.report(Some(span), message, fault.help);
    }

    /// Reports a value of the wrong kind.
    pub(super) fn wrong_kind(&self, key: &str, found: &Spanned<DeValue<'_>>, expected: &str, help: String) {
        let inside = if self.name.is_empty() { String::new() } else { format!(" in {}", self.name) };
        let is = match self.document.is_secret() {
            true => {
                self.document.hide(found.span());
                kind(found.get_ref()).to_owned()
            }
            false => describe(found.get_ref()),
        };
        let message = format!("`{key}`{inside} is {is}, not {expected}");
        self.document.report(Some(found.span()), message, help);
    }

    /// Returns the text of a value for a help. Returns `None` if the document may have secrets.
    fn scalar(&self, value: &DeValue<'_>) -> Option<String> {
        scalar(value).filter(|_| !self.document.is_secret())
    }

    /// Returns a table within this one.
    pub(super) fn table(&self, key: &'static str) -> Setting<Table<'a>> {
        let path = if self.name.is_empty() { key.to_owned() } else { self.path_of(key) };
        self.setting(key).and_then(|value| self.as_table(key, format!("[{path}]"), value.value))
    }

    fn path_of(&self, key: &str) -> String {
        format!("{}.{key}", self.name.trim_matches(['[', ']']))
    }

    /// Returns a value of this table as a table of this name.
    pub(super) fn as_table(
        &self,
        key: &str,
        name: String,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Setting<Table<'a>> {
        match value.get_ref() {
            DeValue::Table(entries) => Setting::Written(Located {
                value: Table::named(self.document, name, Some(value.span()), entries),
                span: value.span(),
            }),
            _ => {
                let help = format!("write `{name}` on a line of its own, and its keys below it");
                self.wrong_kind(key, value, "a table", help);
                Setting::Wrong
            }
        }
    }

    /// Returns the tables that are written as `[[key]]`, and whether these are all.
    pub(super) fn tables(&self, key: &'static str) -> (Vec<Table<'a>>, bool) {
        let path = if self.name.is_empty() { key.to_owned() } else { self.path_of(key) };
        let name = format!("[[{path}]]");
        match self.setting(key) {
            Setting::Absent => (Vec::new(), true),
            Setting::Wrong => (Vec::new(), false),
            Setting::Written(Located { value, .. }) => match value.get_ref() {
                DeValue::Array(array) => {
                    let tables: Vec<_> = array
                        .iter()
                        .filter_map(|value| self.as_table(key, name.clone(), value).into_value())
                        .collect();
                    let all = tables.len() == array.len();
                    (tables, all)
                }
                _ => {
                    self.wrong_kind(key, value, "a list of tables", format!("write `{name}`"));
                    (Vec::new(), false)
                }
            },
        }
    }

    /// Returns a string as it is.
    pub(super) fn text(&self, key: &'static str, example: &str) -> Setting<String> {
        self.parsed(key, example, |text| Ok(text.to_owned()))
    }

    /// Returns a parsed string. For a value of another kind, the help has the value as a string if
    /// that parses, or else the example.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Setting<T> {
        self.setting(key).and_then(|Located { value: found, span }| match found.get_ref() {
            DeValue::String(text) => match parse(text) {
                Ok(value) => Setting::Written(Located { value, span }),
                Err(fault) => {
                    self.fault(key, span, fault);
                    Setting::Wrong
                }
            },
            other => {
                let written = self.scalar(other).filter(|text| parse(text).is_ok());
                let written = written.map_or_else(|| example.to_owned(), |text| string(&text));
                self.wrong_kind(key, found, "a string", format!("write `{key} = {written}`"));
                Setting::Wrong
            }
        })
    }

    /// As `parsed`, for a required key.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Setting<T> {
        let found = self.parsed(key, example, parse);
        if let Setting::Absent = found {
            self.missing(key, example);
        }
        found
    }

    /// Returns the value of one of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Setting<T> {
        let all: Vec<_> = words.iter().map(|(word, _)| string(word)).collect();
        let help = |text: &str| {
            let meant = nearest(text, words.iter().map(|(word, _)| *word));
            format!("write {}", meant.map_or_else(|| either(&all), |word| format!("`{}`", string(word))))
        };
        self.setting(key).and_then(|Located { value: found, span }| {
            let text = scalar(found.get_ref()).unwrap_or_default();
            match (found.get_ref(), words.iter().find(|(word, _)| *word == text)) {
                (DeValue::String(_), Some((_, meaning))) => {
                    return Setting::Written(Located { value: *meaning, span });
                }
                (DeValue::String(_), None) => {
                    let message = format!("{text:?} is not a possible value");
                    self.fault(key, span, Fault { message, help: help(&text) });
                }
                _ => self.wrong_kind(key, found, "a string", help(&text)),
            }
            Setting::Wrong
        })
    }

    pub(super) fn boolean(&self, key: &'static str) -> Setting<bool> {
        self.setting(key).and_then(|Located { value: found, span }| match found.get_ref() {
            DeValue::Boolean(boolean) => Setting::Written(Located { value: *boolean, span }),
            other => {
                let word = scalar(other).unwrap_or_default().to_lowercase();
                let meant = match word.as_str() {
                    "true" | "yes" | "on" | "1" => vec![format!("{key} = true")],
                    "false" | "no" | "off" | "0" => vec![format!("{key} = false")],
                    _ => vec![format!("{key} = true"), format!("{key} = false")],
                };
                self.wrong_kind(key, found, "a boolean", format!("write {}", either(&meant)));
                Setting::Wrong
            }
        })
    }

    /// Returns an amount: a whole number, or a string with a unit.
    pub(super) fn amount(
        &self,
        key: &'static str,
        unit: Unit,
        range: RangeInclusive<u64>,
        example: u64,
    ) -> Setting<u64> {
        self.setting(key).and_then(|Located { value: found, span }| {
            let parsed = match (found.get_ref(), unit) {
                (DeValue::Integer(number), Unit::Count) => {
                    // A sign or too many digits, which the parser accepts, are out of any range.
                    Some(Ok(u64::from_str_radix(number.as_str(), number.radix()).ok()))
                }
                (DeValue::Integer(number), _) => Some(unit.parse(&number.to_string()).map(Some)),
                (DeValue::String(text), Unit::Bytes | Unit::Time) => Some(unit.parse(text).map(Some)),
                _ => None,
            };
            let (least, most) = (unit.show(*range.start()), unit.show(*range.end()));
            let written = scalar(found.get_ref()).unwrap_or_default();
            let help = match unit.nearest(&written, &range) {
                Some((forms, reason)) => {
                    let forms: Vec<_> = forms.iter().map(|form| format!("{key} = {form}")).collect();
                    format!("write {}{reason}", either(&forms))
                }
                None => {
                    let example = unit.show(example);
                    format!("write an amount from {least} to {most}, such as `{key} = {example}`")
                }
            };
            match parsed {
                Some(Ok(Some(amount))) if range.contains(&amount) => {
                    return Setting::Written(Located { value: amount, span });
                }
                Some(Ok(_)) => {
                    let (found, inside) = (describe(found.get_ref()), &self.name);
                    let message =
                        format!("`{key}` in {inside} is {found}: it must be from {least} to {most}");
                    self.document.report(Some(span), message, help);
                }
                Some(Err(message)) => self.fault(key, span, Fault { message, help }),
                None => {
                    let expected =
                        if unit == Unit::Count { "a whole number" } else { "a string with a unit" };
                    self.wrong_kind(key, found, expected, help);
                }
            }
            Setting::Wrong
        })
    }

    /// Returns a list of parsed strings without duplicates.
    pub(super) fn list<T: PartialEq + Display>(
        &self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> List<T> {
        let value = match self.setting(key) {
            Setting::Absent => return List::default(),
            Setting::Wrong => return List::unknown(),
            Setting::Written(value) => value.value,
        };
        let mut list = List { span: Some(value.span()), ..List::default() };
        // A value of another kind, as an entry if it parses as one.
        let as_entry = |value: &DeValue<'_>| {
            let text = self.scalar(value).filter(|text| parse(text).is_ok());
            text.map_or_else(|| example.to_owned(), |text| string(&text))
        };
        let DeValue::Array(array) = value.get_ref() else {
            list.complete = false;
            let help = format!("write `{key} = [{}]`", as_entry(value.get_ref()));
            self.wrong_kind(key, value, "a list of strings", help);
            return list;
        };
        if array.len() > MAX_LIST {
            list.complete = false;
            let message =
                format!("`{key}` in {} has {} entries: {MAX_LIST} are allowed", self.name, array.len());
            self.document.report(Some(value.span()), message, "write patterns with \"*\" instead".to_owned());
            return list;
        }
        for item in array.iter() {
            let DeValue::String(text) = item.get_ref() else {
                list.complete = false;
                self.wrong_kind(key, item, "a string", format!("write `{}`", as_entry(item.get_ref())));
                continue;
            };
            match parse(text) {
                Ok(value) if list.items.iter().any(|known| known.value == value) => {
                    let message = format!("`{key}` in {} lists `{value}` twice", self.name);
                    let help = format!("remove `{}` here, or there", string(&value.to_string()));
                    self.document.report(Some(item.span()), message, help);
                }
                Ok(value) => list.items.push(Located { value, span: item.span() }),
                Err(fault) => {
                    list.complete = false;
                    self.fault(key, item.span(), fault);
                }
            }
        }
        list
    }
}
