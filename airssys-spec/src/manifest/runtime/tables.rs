//! The tables of backends, and the labels of services.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::merged::{BACKEND, Merged};
use crate::manifest::config_table::{ConfigTable, Surroundings};
use crate::manifest::diagnostic::{Diagnostics, Document, Fault};
use crate::manifest::reader::Table;
use crate::manifest::secret::{self, Secret};
use crate::manifest::value::Setting;
use crate::pattern::check_component_name;
use crate::use_pattern::UsePattern;

/// The most backends of a runtime configuration.
const MAX_BACKENDS: usize = 64;

/// The most labels of a runtime configuration.
const MAX_LABELS: usize = 256;

/// The label that stands for every label without an entry of its own.
const ALL: &str = "*";

/// A table `[backend.NAME]` of a runtime configuration.
#[derive(Clone, Debug)]
pub struct BackendTable {
    merged: Arc<Merged>,
    name: String,
    kind: String,
    /// The place of the table, or `None` if nothing is written.
    span: Option<Range<usize>>,
    /// The place of the type.
    kind_span: Option<Range<usize>>,
}

impl BackendTable {
    pub(super) fn implied(merged: Arc<Merged>, name: &str, kind: &str) -> BackendTable {
        BackendTable { merged, name: name.to_owned(), kind: kind.to_owned(), span: None, kind_span: None }
    }

    /// Returns the name of the backend.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the type that the table names, such as `redis`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the folder for the data of embedded backends, or `None` if there is no such folder.
    pub fn data(&self) -> Option<&Path> {
        self.merged.data.as_deref()
    }

    /// Reads the table. Keys that `read` does not ask for are reported as unknown, except `type`.
    ///
    /// # Errors
    /// Every mistake in the table, with its place in the source.
    pub fn read<T>(&self, read: impl FnOnce(&ConfigTable<'_>) -> T) -> Result<T, Diagnostics> {
        let tables = self.merged.tables();
        let backend = tables.get(BACKEND).and_then(|backends| entry(backends, &self.name));
        let name = format!("[{BACKEND}.{}]", self.name);
        read_table(&self.merged, name, self.span.clone(), backend, "type", read)
    }

    /// Reads again each variable and each file that the table names, with its key. A missing one has the
    /// reason instead of its value.
    pub fn read_references(&self) -> Vec<(String, Result<Secret, String>)> {
        let tables = self.merged.tables();
        let backend = tables.get(BACKEND).and_then(|backends| entry(backends, &self.name));
        let (surroundings, mut found) = (self.merged.surroundings(), Vec::new());
        backend.into_iter().for_each(|backend| read_references(backend, &surroundings, &mut found));
        found
    }

    /// Returns the report of a mistake in the type.
    pub fn fault(&self, message: impl Into<String>, help: impl Into<String>) -> Diagnostics {
        let span = self.kind_span.clone().or(self.span.clone());
        fault(&self.merged, span, message.into(), help.into())
    }
}

/// An entry of a service's table: the backend of a label.
#[derive(Clone, Debug)]
pub struct LabelTable {
    merged: Arc<Merged>,
    service: String,
    label: String,
    backend: String,
    /// The places of the entry and of the backend's name, or `None` if nothing is written.
    span: Option<Range<usize>>,
    backend_span: Option<Range<usize>>,
    service_span: Option<Range<usize>>,
}

impl LabelTable {
    pub(super) fn implied(merged: Arc<Merged>, service: &str, label: &str, backend: &str) -> LabelTable {
        LabelTable {
            merged,
            service: service.to_owned(),
            label: label.to_owned(),
            backend: backend.to_owned(),
            span: None,
            backend_span: None,
            service_span: None,
        }
    }

    /// Returns the name of the service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns the label; `*` stands for every label without an entry of its own.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns true if the entry is for every label without an entry of its own.
    pub fn is_for_all(&self) -> bool {
        self.label == ALL
    }

    /// Returns the name of the backend.
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// Returns true if the source of the entry is shared by several apps.
    pub fn is_shared(&self) -> bool {
        self.span.as_ref().is_none_or(|span| self.merged.is_shared(span))
    }

    /// Reads the options of the entry. Keys that `read` does not ask for are reported as unknown,
    /// except `backend`.
    ///
    /// # Errors
    /// Every mistake in the options, with its place in the source.
    pub fn read<T>(&self, read: impl FnOnce(&ConfigTable<'_>) -> T) -> Result<T, Diagnostics> {
        let tables = self.merged.tables();
        let service = tables.get(self.service.as_str());
        let label = service.and_then(|service| entry(service, &self.label));
        let name = format!("[{}.{}]", self.service, self.label);
        read_table(&self.merged, name, self.span.clone(), label, "backend", read)
    }

    /// Returns the report of a mistake in the name of the backend.
    pub fn fault(&self, message: impl Into<String>, help: impl Into<String>) -> Diagnostics {
        fault(&self.merged, self.backend_span.clone(), message.into(), help.into())
    }

    /// Returns the report of a mistake in the label.
    pub fn label_fault(&self, message: impl Into<String>, help: impl Into<String>) -> Diagnostics {
        fault(&self.merged, self.span.clone(), message.into(), help.into())
    }

    /// Returns the report of a mistake in the name of the service.
    pub fn service_fault(&self, message: impl Into<String>, help: impl Into<String>) -> Diagnostics {
        fault(&self.merged, self.service_span.clone(), message.into(), help.into())
    }
}

fn read_references(
    table: &Spanned<DeValue<'_>>,
    surroundings: &Surroundings<'_>,
    found: &mut Vec<(String, Result<Secret, String>)>,
) {
    let DeValue::Table(entries) = table.get_ref() else { return };
    for (key, value) in entries {
        if secret::reference(value.get_ref()).is_none() {
            read_references(value, surroundings, found);
            continue;
        }
        let path = |span: &Range<usize>, written: &str| surroundings.path(span, written);
        let read = secret::read(value, surroundings.variables, path).map_err(|fault| fault.message);
        found.push((AsRef::<str>::as_ref(key.get_ref()).to_owned(), read));
    }
}

fn fault(merged: &Merged, span: Option<Range<usize>>, message: String, help: String) -> Diagnostics {
    let document = merged.document();
    document.report(span, message, help);
    match merged.verdict(document) {
        Err(found) => found,
        // A document with a report has a mistake.
        Ok(()) => merged.document().into_diagnostics(),
    }
}

fn entry<'a, 'b>(value: &'a Spanned<DeValue<'b>>, key: &str) -> Option<&'a Spanned<DeValue<'b>>> {
    match value.get_ref() {
        DeValue::Table(entries) => entries.get(key),
        _ => None,
    }
}

fn read_table<T>(
    merged: &Merged,
    name: String,
    span: Option<Range<usize>>,
    written: Option<&Spanned<DeValue<'_>>>,
    known: &'static str,
    read: impl FnOnce(&ConfigTable<'_>) -> T,
) -> Result<T, Diagnostics> {
    let (document, surroundings, nothing) = (merged.document(), merged.surroundings(), DeTable::new());
    let entries = match written.map(|value| value.get_ref()) {
        Some(DeValue::Table(entries)) => entries,
        _ => &nothing,
    };
    let table = Table::named(&document, name, span, entries);
    let table = ConfigTable { table, surroundings: &surroundings };
    table.table.value(known);
    let value = read(&table);
    table.table.finish();
    merged.verdict(document).map(|()| value)
}

/// Reads the form of all tables.
pub(super) fn read(merged: &Arc<Merged>) -> Result<(Vec<BackendTable>, Vec<LabelTable>), Diagnostics> {
    let (document, tables) = (merged.document(), merged.tables());
    let root = Table::root(&document, &tables);
    let (mut backends, mut labels) = (Vec::new(), Vec::new());
    for (key, value) in root.entries() {
        let Some(table) = root.as_table(key.value, format!("[{}]", key.value), value).into_value() else {
            continue;
        };
        match key.value {
            BACKEND => backends = read_backends(merged, &table),
            service => read_labels(merged, &table, service, &key.span, &mut labels),
        }
    }
    too_many(&document, "backends", backends.len(), MAX_BACKENDS);
    too_many(&document, "labels", labels.len(), MAX_LABELS);
    merged.verdict(document).map(|()| (backends, labels))
}

fn too_many(document: &Document, of: &str, found: usize, most: usize) {
    if found > most {
        let message = format!("the runtime configuration has {found} {of}: {most} are allowed");
        document.report(None, message, "remove those that the app does not use".to_owned());
    }
}

fn read_backends(merged: &Arc<Merged>, table: &Table<'_>) -> Vec<BackendTable> {
    let mut backends = Vec::new();
    for (key, value) in table.entries() {
        let path = format!("[{BACKEND}.{}]", key.value);
        if let Err(reason) = check_component_name(key.value) {
            let message = match is_shown(key.value) {
                true => format!("`{}` cannot name a backend: {reason}", key.value),
                false => {
                    table.document.hide(key.span.clone());
                    format!("a key of [{BACKEND}] cannot name a backend: only a-z, 0-9 and `-` are allowed")
                }
            };
            table.document.report(Some(key.span), message, "write a name such as `main`".to_owned());
            continue;
        }
        let Some(backend) = table.as_table(key.value, path, value).into_value() else { continue };
        let kind = backend_name(&backend, "type", "a type");
        let Some(kind) = kind.written() else { continue };
        backends.push(BackendTable {
            merged: Arc::clone(merged),
            name: key.value.to_owned(),
            kind: kind.value.clone(),
            span: Some(value.span()),
            kind_span: Some(kind.span.clone()),
        });
    }
    backends
}

/// Reads a required name. A text that is not a name may be a secret, so the report does not show it.
fn backend_name(table: &Table<'_>, key: &'static str, of: &str) -> Setting<String> {
    let name = table.required(key, "\"memory\"", |text| match check_component_name(text) {
        Ok(()) => Ok(text.to_owned()),
        Err(_) => Err(Fault {
            message: format!("the string cannot name {of}: only a-z, 0-9 and `-` are allowed"),
            help: format!("write `{key} = \"memory\"`, or another name"),
        }),
    });
    if let (true, Some(value)) = (name.is_wrong(), table.value(key)) {
        table.document.hide(value.span());
    }
    name
}

/// Returns true if a wrong key is shown in a report. Others look like a URL or a secret.
fn is_shown(key: &str) -> bool {
    key.chars().all(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_' | '.'))
}

fn read_labels(
    merged: &Arc<Merged>,
    table: &Table<'_>,
    service: &str,
    service_span: &Range<usize>,
    labels: &mut Vec<LabelTable>,
) {
    for (key, value) in table.entries() {
        let label = key.value;
        let is_label = label == ALL || UsePattern::exact(&format!("any/{label}:read")).is_ok();
        if !is_label {
            let message = match is_shown(label) {
                true => format!("`{label}` in [{service}] cannot be a label"),
                false => {
                    table.document.hide(key.span.clone());
                    format!("a key of [{service}] cannot be a label")
                }
            };
            let help = "write lower-case words joined by `-`, or `\"*\"` for every other label";
            table.document.report(Some(key.span), message, help.to_owned());
            continue;
        }
        let help = format!("write `{label} = \"memory\"`, or `{label} = {{ backend = \"memory\" }}`");
        let backend = match value.get_ref() {
            DeValue::String(text) if check_component_name(text).is_ok() => {
                Some((text.to_string(), value.span()))
            }
            DeValue::String(_) => {
                table.document.hide(value.span());
                let message = format!("`{label}` in [{service}] is a string that cannot name a backend");
                table.document.report(Some(value.span()), message, help);
                None
            }
            DeValue::Table(entries) => {
                let label =
                    Table::named(table.document, format!("[{service}.{label}]"), Some(value.span()), entries);
                let backend = backend_name(&label, "backend", "a backend");
                backend.written().map(|backend| (backend.value.clone(), backend.span.clone()))
            }
            _ => {
                table.wrong_kind(label, value, "the name of a backend", help);
                None
            }
        };
        let Some((backend, backend_span)) = backend else { continue };
        labels.push(LabelTable {
            merged: Arc::clone(merged),
            service: service.to_owned(),
            label: label.to_owned(),
            backend,
            span: Some(key.span.clone()),
            backend_span: Some(backend_span),
            service_span: Some(service_span.clone()),
        });
    }
}
