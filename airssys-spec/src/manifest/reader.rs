//! Reads a table of a manifest key by key. Mistakes go to the document, and reading goes on.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::amount::Unit;
use super::diagnostic::{Document, Fault};

/// The most entries that a list may have.
const MAX_LIST: usize = 1024;

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

impl<T: Clone> List<T> {
    pub(super) fn values(&self) -> Vec<T> {
        self.items.iter().map(|item| item.value.clone()).collect()
    }
}

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
                let inside = if self.name.is_empty() { "the file" } else { &self.name };
                let message = format!("{inside} has no key `{}`", key.value);
                self.document.report(Some(key.span), message, nearest_or_all(key.value, "key", &known));
            }
        }
    }

    /// Reports the absence of a required key.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let message = format!("{} has no `{key}`", self.name);
        self.document.report(self.span(), message, format!("add {key} = {example}"));
    }

    fn fault(&self, key: &str, span: Range<usize>, fault: Fault) {
        let message = format!("`{key}` in {}: {}", self.name, fault.message);
        self.document.report(Some(span), message, fault.help);
    }

    /// Reports a value of the wrong kind.
    pub(super) fn wrong_kind(&self, key: &str, found: &Spanned<DeValue<'_>>, expected: &str, help: String) {
        let inside = if self.name.is_empty() { String::new() } else { format!(" in {}", self.name) };
        let message = format!("`{key}`{inside} is {}, not {expected}", describe(found.get_ref()));
        self.document.report(Some(found.span()), message, help);
    }

    /// Returns a table within this one.
    pub(super) fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let value = self.value(key)?;
        let path = if self.name.is_empty() { key.to_owned() } else { self.path_of(key) };
        self.as_table(key, format!("[{path}]"), value)
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
    ) -> Option<Table<'a>> {
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table::named(self.document, name, Some(value.span()), entries)),
            _ => {
                self.wrong_kind(key, value, "a table", format!("write {name} on a line of its own"));
                None
            }
        }
    }

    /// Returns the tables that are written as `[[key]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let name = format!("[[{key}]]");
        let help = || format!("write {name} on a line of its own");
        match self.value(key).map(|value| (value, value.get_ref())) {
            None => Vec::new(),
            Some((_, DeValue::Array(array))) => {
                array.iter().filter_map(|value| self.as_table(key, name.clone(), value)).collect()
            }
            Some((value, _)) => {
                self.wrong_kind(key, value, "a list of tables", help());
                Vec::new()
            }
        }
    }

    pub(super) fn text(&self, key: &'static str, example: &str) -> Option<Located<&'a str>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Located { value: text, span: value.span() }),
            _ => {
                self.wrong_kind(key, value, "a string", format!("write {key} = {example}"));
                None
            }
        }
    }

    /// Returns a parsed string.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<Located<T>> {
        let text = self.text(key, example)?;
        match parse(text.value) {
            Ok(value) => Some(Located { value, span: text.span }),
            Err(fault) => {
                self.fault(key, text.span, fault);
                None
            }
        }
    }

    /// As `parsed`, for a required key.
    pub(super) fn required<T>(
        &self,
        key: &'static str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<Located<T>> {
        let found = self.parsed(key, example, parse);
        if !self.entries.contains_key(key) {
            self.missing(key, example);
        }
        found
    }

    /// Returns the value of one of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let quoted: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let found = self.parsed(key, quoted.first().map_or("", |word| word), |text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| Fault {
                message: format!("{text:?} is not a possible value"),
                help: format!("write {}", quoted.join(" or ")),
            })
        });
        found.map(|found| found.value)
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<Located<bool>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(Located { value: *boolean, span: value.span() }),
            _ => {
                self.wrong_kind(key, value, "a boolean", format!("write {key} = true or {key} = false"));
                None
            }
        }
    }

    /// Returns an amount: a whole number, or a string with a unit.
    pub(super) fn amount(
        &self,
        key: &'static str,
        unit: Unit,
        range: RangeInclusive<u64>,
        example: u64,
    ) -> Option<Located<u64>> {
        let value = self.value(key)?;
        let example = unit.show(example);
        let parsed = match (value.get_ref(), unit) {
            (DeValue::Integer(number), Unit::Count) => {
                // A sign or too many digits, which the parser accepts, are out of any range.
                Some(Ok(u64::from_str_radix(number.as_str(), number.radix()).ok()))
            }
            (DeValue::Integer(number), _) => Some(unit.parse(&number.to_string(), &example).map(Some)),
            (DeValue::String(text), Unit::Bytes | Unit::Time) => Some(unit.parse(text, &example).map(Some)),
            _ => None,
        };
        match parsed {
            Some(Ok(Some(amount))) if range.contains(&amount) => {
                return Some(Located { value: amount, span: value.span() });
            }
            Some(Ok(_)) => {
                let (least, most) = (unit.show(*range.start()), unit.show(*range.end()));
                let (found, inside) = (describe(value.get_ref()), &self.name);
                let message = format!("`{key}` in {inside} is {found}: it must be from {least} to {most}");
                let help = format!("write an amount within that, such as {example}");
                self.document.report(Some(value.span()), message, help);
            }
            Some(Err(fault)) => self.fault(key, value.span(), fault),
            None => {
                let expected = if unit == Unit::Count { "a whole number" } else { "a string with a unit" };
                self.wrong_kind(key, value, expected, format!("write {key} = {example}"));
            }
        }
        None
    }

    /// Returns a list of parsed strings without duplicates.
    pub(super) fn list<T: PartialEq + Display>(
        &self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> List<T> {
        let Some(value) = self.value(key) else { return List::default() };
        let mut list = List { span: Some(value.span()), ..List::default() };
        let DeValue::Array(array) = value.get_ref() else {
            list.complete = false;
            self.wrong_kind(key, value, "a list of strings", format!("write {key} = [{example}]"));
            return list;
        };
        if array.len() > MAX_LIST {
            list.complete = false;
            let message =
                format!("`{key}` in {} has {} entries: {MAX_LIST} are allowed", self.name, array.len());
            self.document.report(Some(value.span()), message, "write patterns with `*` instead".to_owned());
            return list;
        }
        for item in array.iter() {
            let DeValue::String(text) = item.get_ref() else {
                list.complete = false;
                self.wrong_kind(key, item, "a string", format!("write {key} = [{example}]"));
                continue;
            };
            match parse(text) {
                Ok(value) if list.items.iter().any(|known| known.value == value) => {
                    let message = format!("`{key}` in {} lists `{value}` twice", self.name);
                    self.document.report(Some(item.span()), message, "remove one of the two".to_owned());
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

/// Returns the help for an unknown name: the most similar known name, or all of them.
pub(super) fn nearest_or_all(found: &str, kind: &str, known: &[&str]) -> String {
    let distance = |name: &str| strsim::damerau_levenshtein(found, name);
    let nearest = known.iter().map(|name| (distance(name), *name)).min();
    match nearest {
        Some((distance, name)) if distance <= (found.len() / 3).max(1) => format!("did you mean `{name}`?"),
        Some((_, name)) if known.len() == 1 => format!("the only {kind} is `{name}`"),
        Some(_) => format!("the {kind}s are {}", known.join(", ")),
        None => format!("there are no {kind}s"),
    }
}
