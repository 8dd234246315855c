//! The sources of a runtime configuration as one text, and their tables as one table.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::RuntimeSource;
use crate::manifest::config_table::Surroundings;
use crate::manifest::diagnostic::{Diagnostics, Document, masked};
use crate::manifest::secret;
use crate::manifest::syntax;
use crate::manifest::variables::Variables;
use crate::pattern::check_component_name;

/// The key of the tables of backends.
pub(super) const BACKEND: &str = "backend";

/// The sources of a runtime configuration, the one that prevails first.
pub(super) struct Merged {
    sources: Vec<RuntimeSource>,
    /// The offset at which each source begins in the joined text.
    starts: Vec<usize>,
    text: String,
    variables: Variables,
    pub(super) data: Option<PathBuf>,
}

impl fmt::Debug for Merged {
    /// Hides the texts, because they may have secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.sources).finish()
    }
}

impl Merged {
    pub(super) fn new(sources: Vec<RuntimeSource>, variables: Variables, data: Option<PathBuf>) -> Merged {
        let (mut starts, mut text) = (Vec::with_capacity(sources.len()), String::new());
        for source in &sources {
            starts.push(text.len());
            text.push_str(&source.text);
            text.push('\n');
        }
        Merged { sources, starts, text, variables, data }
    }

    /// Reports what is not TOML. The text is not kept then, because it may be that of a secret.
    pub(super) fn check_syntax(&self) -> Result<(), Diagnostics> {
        let mut found: Option<Diagnostics> = None;
        for source in &self.sources {
            let document = Document::new(&source.file, &source.text);
            if syntax::parse(&document, &source.text).is_some() {
                continue;
            }
            let diagnostics = document.into_diagnostics().without_texts();
            match &mut found {
                Some(found) => found.append(diagnostics),
                None => found = Some(diagnostics),
            }
        }
        found.map_or(Ok(()), Err)
    }

    /// Returns the merged tables. Their places are those of the joined text.
    pub(super) fn tables(&self) -> DeTable<'_> {
        let mut merged = DeTable::new();
        for (source, start) in self.sources.iter().zip(&self.starts) {
            let (parsed, _) = DeTable::parse_recoverable(&source.text);
            for (key, value) in parsed.into_inner() {
                let levels = if AsRef::<str>::as_ref(key.get_ref()) == BACKEND { 2 } else { 1 };
                let key = Spanned::new(shift(key.span(), *start), key.into_inner());
                add(&mut merged, key, moved(value, *start), levels);
            }
        }
        merged
    }

    /// Returns true if the source at a place of the joined text is shared by several apps.
    pub(super) fn is_shared(&self, span: &Range<usize>) -> bool {
        let after = self.starts.partition_point(|start| *start <= span.start);
        after.checked_sub(1).and_then(|index| self.sources.get(index)).is_some_and(|source| source.is_shared)
    }

    /// Returns the document of the joined text.
    pub(super) fn document(&self) -> Document {
        Document::of_secrets(Path::new(""), &self.text)
    }

    pub(super) fn surroundings(&self) -> Surroundings<'_> {
        let files = self.starts.iter().zip(&self.sources).map(|(start, source)| (*start, &*source.file));
        Surroundings { files: files.collect(), variables: &self.variables }
    }

    /// Returns the mistakes in the joined text with their places in the sources.
    ///
    /// Masks all values, except names of backends and types, and those that a report points at and that
    /// are not secrets. A report shows the lines around a mistake too. Values that another source
    /// overrides are masked as well.
    pub(super) fn verdict(&self, document: Document) -> Result<(), Diagnostics> {
        let hidden = document.hidden();
        let Err(found) = document.into_result() else { return Ok(()) };
        let mut masks = Vec::new();
        for (source, start) in self.sources.iter().zip(&self.starts) {
            let (parsed, _) = DeTable::parse_recoverable(&source.text);
            let first = masks.len();
            parsed.get_ref().iter().for_each(|(key, value)| {
                texts(AsRef::<str>::as_ref(key.get_ref()), value, 0, &mut masks);
            });
            masks.iter_mut().skip(first).for_each(|mask| *mask = shift(mask.clone(), *start));
        }
        masks.retain(|mask| !found.spans().any(|span| span == mask));
        masks.extend(hidden);
        let text = masked(&Arc::from(&*self.text), &masks);
        let parts = self.starts.iter().zip(&self.sources).map(|(start, source)| {
            let text = text.get(*start..start + source.text.len()).unwrap_or_default();
            (*start, &*source.file, Arc::from(text))
        });
        Err(found.split(&parts.collect::<Vec<_>>()))
    }
}

fn shift(span: Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

/// Moves a value with all its parts.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = shift(value.span(), by);
    let value = match value.into_inner() {
        DeValue::Table(table) => {
            let entries = table.into_iter().map(|(key, value)| {
                (Spanned::new(shift(key.span(), by), key.into_inner()), moved(value, by))
            });
            DeValue::Table(entries.collect())
        }
        // A list is read as a whole, and its items are reported at its place.
        other => other,
    };
    Spanned::new(span, value)
}

/// Adds an entry, unless there is one. Two tables are merged down to this many levels.
fn add<'a>(
    table: &mut DeTable<'a>,
    key: Spanned<toml::de::DeString<'a>>,
    value: Spanned<DeValue<'a>>,
    levels: usize,
) {
    match table.get_mut(AsRef::<str>::as_ref(key.get_ref())) {
        None => {
            table.insert(key, value);
        }
        Some(known) => {
            if let (DeValue::Table(known), DeValue::Table(more), 1..) =
                (known.get_mut(), value.into_inner(), levels)
            {
                for (key, value) in more {
                    add(known, key, value, levels - 1);
                }
            }
        }
    }
}

/// Collects the places of all values, except the names of backends and types, and the names of
/// variables and files.
fn texts(key: &str, value: &Spanned<DeValue<'_>>, depth: usize, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Boolean(_) => {}
        // A label's backend is on the second level.
        DeValue::String(text)
            if (depth == 1 || matches!(key, "type" | "backend")) && check_component_name(text).is_ok() => {}
        table if secret::reference(table).is_some() => {}
        DeValue::Table(table) => table.iter().for_each(|(key, value)| {
            texts(AsRef::<str>::as_ref(key.get_ref()), value, depth + 1, found);
        }),
        _ => found.push(value.span()),
    }
}
