//! The `[service.NAME]` tables of `app.toml`, which services of the host read.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::config_table::{ConfigTable, Surroundings};
use super::diagnostic::{Diagnostics, Document};
use super::reader::Table;
use super::syntax;
use super::variables::Variables;

/// The table `[service.NAME]` of an `app.toml`, as it is written.
///
/// The service that has the name reads it with [`ServiceTable::read`]. An app without the table has
/// an empty one.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceTable {
    name: String,
    file: PathBuf,
    /// The text of the whole file, to which spans refer.
    text: Arc<str>,
    span: Option<Range<usize>>,
}

impl fmt::Debug for ServiceTable {
    /// Hides the text of the file, because it may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ServiceTable { name, file, span, .. } = self;
        let mut shown = f.debug_struct("ServiceTable");
        shown.field("name", name).field("file", file).field("span", span).finish_non_exhaustive()
    }
}

impl ServiceTable {
    /// Makes the table of a service for which nothing is written.
    pub fn empty(name: impl Into<String>) -> ServiceTable {
        ServiceTable { name: name.into(), file: PathBuf::new(), text: Arc::default(), span: None }
    }

    /// Reads the tables `[service.NAME]` of a file, for a program without an `app.toml`. Other
    /// tables are not read.
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// use airssys_spec::manifest::ServiceTable;
    ///
    /// let tables = ServiceTable::parse("[service.prices]\nsheet = \"a\"", Path::new("shop.toml"))?;
    /// assert_eq!(tables[0].name(), "prices");
    /// # Ok::<(), airssys_spec::manifest::Diagnostics>(())
    /// ```
    ///
    /// # Errors
    /// Every place where the file is not TOML.
    pub fn parse(text: &str, file: &Path) -> Result<Vec<ServiceTable>, Diagnostics> {
        let document = Document::new(file, text);
        let parsed = syntax::parse(&document, text);
        let root = parsed.as_ref().map(|parsed| Table::root(&document, parsed.get_ref()));
        let tables = root.map_or_else(Vec::new, |root| ServiceTable::all(&document, &root));
        document.into_result().map(|()| tables)
    }

    /// Returns the tables of services, whose keys only the services know.
    pub(super) fn all(document: &Document, root: &Table<'_>) -> Vec<ServiceTable> {
        let Some(table) = root.table("service").into_value() else { return Vec::new() };
        let mut services = Vec::new();
        for (key, value) in table.entries() {
            let name = format!("[service.{}]", key.value);
            if table.as_table(key.value, name, value).written().is_some() {
                services.push(ServiceTable {
                    name: key.value.to_owned(),
                    file: document.file.clone(),
                    text: document.text(),
                    span: Some(value.span()),
                });
            }
        }
        services
    }

    /// Returns the name of the service.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the table. Keys that `read` does not ask for are reported as unknown.
    ///
    /// ```
    /// use airssys_spec::manifest::ServiceTable;
    ///
    /// let greeting = ServiceTable::empty("greetings").read(|table| {
    ///     table.text("greeting", "\"Hello\"").unwrap_or("Hello").to_owned()
    /// });
    /// assert_eq!(greeting.as_deref(), Ok("Hello"));
    /// ```
    ///
    /// # Errors
    /// Every mistake in the table, with its place.
    pub fn read<T>(&self, read: impl FnOnce(&ConfigTable<'_>) -> T) -> Result<T, Diagnostics> {
        let document = Document::new(&self.file, &self.text);
        let (parsed, _) = DeTable::parse_recoverable(&self.text);
        let (nothing, name) = (DeTable::default(), format!("[service.{}]", self.name));
        let written = parsed.get_ref().get("service").and_then(|services| match services.get_ref() {
            DeValue::Table(services) => services.get(self.name.as_str()),
            _ => None,
        });
        let entries = match written.map(|value| value.get_ref()) {
            Some(DeValue::Table(entries)) => entries,
            _ => &nothing,
        };
        let variables = Variables::of_process();
        let surroundings = Surroundings { files: vec![(0, &self.file)], variables: &variables };
        let table = Table::named(&document, name, self.span.clone(), entries);
        let table = ConfigTable { table, surroundings: &surroundings };
        let value = read(&table);
        table.table.finish();
        document.into_result().map(|()| value)
    }

    /// Returns the report of a mistake in the table as a whole.
    pub fn fault(&self, message: impl Into<String>, help: impl Into<String>) -> Diagnostics {
        let document = Document::new(&self.file, &self.text);
        document.report(self.span.clone(), message.into(), help.into());
        document.into_diagnostics()
    }
}

#[cfg(test)]
mod tests {
    use super::super::AppManifest;
    use super::*;

    fn table(text: &str) -> ServiceTable {
        let text = format!("[app]\nname = \"a\"\n{text}");
        AppManifest::parse(&text, Path::new("app.toml")).services.remove(0)
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let table =
            table("[service.store]\nurl = 7\nsize = \"9 TB\"\nmore = true\n[service.store.pool]\nx = 1");
        let read = table.read(|table| {
            table.required_text("url", "\"redis://…\"");
            table.bytes("size", 1..=1 << 30, 1 << 20);
            table.required_text("name", "\"x\"");
            table.table("pool", |pool| pool.count("most", 1..=9, 4))
        });
        let found = read.unwrap_err();
        let places: Vec<_> = found.iter().map(|d| (d.line, d.message.as_str())).collect();
        assert_eq!(places.len(), 5, "{found}");
        assert!(found.to_string().contains("app.toml:4:7: `url` in [service.store]"), "{found}");
        assert!(found.to_string().contains("[service.store.pool] has no key `x`"), "{found}");
    }

    #[test]
    fn tables_with_chosen_names_are_read_in_order() {
        let table = table("[service.store.b]\nx = 1\n[service.store.a]\nx = 2");
        let read = table.read(|table| {
            table.each_table(|name, one| (name.to_owned(), one.count("x", 0..=9, 1).unwrap_or_default()))
        });
        assert_eq!(read.unwrap(), [("b".to_owned(), 1), ("a".to_owned(), 2)]);
    }
}
