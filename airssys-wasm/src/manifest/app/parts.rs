//! An `app.toml` as far as it could be read.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airssys_rt::{RestartPolicy, RestartStrategy, SupervisorConfig};
use toml::de::DeValue;

use super::Source;
use crate::manifest::component::{self, ComponentDraft, MAX_CAPACITY};
use crate::manifest::diagnostic::Problems;
use crate::manifest::grants::{ComponentName, NAME_HELP, Rights};
use crate::manifest::limits::NamedLimits;
use crate::manifest::reader::{Found, Table};

/// The most instances of one component.
const MAX_INSTANCES: u64 = 10_000;

/// An `app.toml` as far as it could be read.
#[derive(Default)]
pub(super) struct AppDraft {
    pub(super) name: Option<String>,
    pub(super) until: Option<Found<String>>,
    pub(super) report: Option<Found<String>>,
    pub(super) supervisor: SupervisorConfig,
    pub(super) limits: NamedLimits,
    pub(super) components: Vec<Part>,
    pub(super) grants: Vec<Grant>,
}

/// A `[[component]]`.
pub(super) struct Part {
    pub(super) span: Range<usize>,
    pub(super) source: Option<NamedSource>,
    pub(super) name: Option<Found<ComponentName>>,
    manifest: Option<Found<String>>,
    pub(super) instances: usize,
    pub(super) restart: RestartPolicy,
    pub(super) mailbox: Option<usize>,
    pub(super) config: Vec<(String, String)>,
}

/// A `source`, as the manifest names it.
#[derive(Clone)]
pub(super) struct NamedSource {
    text: String,
    span: Range<usize>,
}

/// A `[grants.NAME]`.
pub(super) struct Grant {
    pub(super) component: Found<String>,
    pub(super) rights: Rights,
    pub(super) input: Option<Found<String>>,
}

impl AppDraft {
    pub(super) fn read(document: &Table<'_>) -> AppDraft {
        let mut draft = AppDraft::default();
        let heading = document.table("app", |app| {
            let name = app.required_string("name", "\"shop\"");
            let name: Option<Found<ComponentName>> = name.and_then(|name| app.parse(&name, NAME_HELP));
            draft.name = name.map(|name| name.value.0);
            draft.until = owned(app.string("until", "\"order-feed\""));
            draft.report = owned(app.string("report", "\"order-stats\""));
        });
        if heading.is_none() {
            document.problem(document.span(), "the manifest has no [app]", "add [app] with name = \"…\"");
        }
        draft.supervisor = document.table("supervisor", read_supervisor).unwrap_or_default();
        draft.limits = document.table("limits", NamedLimits::read).unwrap_or_default();
        component::check_ceiling(document, &draft.limits);
        draft.components = document.tables("component", Part::read);
        if draft.components.is_empty() {
            let help = "add [[component]] with source = \"FOLDER\"";
            document.problem(document.span(), "the app has no components", help);
        }
        if let Some(grants) = document.free_table("grants") {
            for (name, value) in grants.each() {
                draft.grants.extend(grants.entry_table(&name, value, |table| Grant::read(&name, table)));
            }
        }
        draft
    }

    /// The name that each component has in the app, as far as it is known.
    pub(super) fn names(&self, components: &[Option<ComponentDraft>]) -> Vec<Option<String>> {
        let own = |draft: &Option<ComponentDraft>| Some(draft.as_ref()?.manifest.as_ref()?.name.clone());
        let pairs = self.components.iter().zip(components);
        pairs
            .map(|(part, draft)| part.name.as_ref().map(|name| name.value.0.clone()).or(own(draft)))
            .collect()
    }
}

impl Part {
    fn read(table: &Table<'_>) -> Part {
        let source = table.required_string("source", "\"../my-component\"");
        let name = table.string("name", "\"order-book\"");
        let restart = table.string("restart", "\"permanent\"");
        let instances = table.integer("instances", 1..=MAX_INSTANCES);
        let mailbox = table.integer("mailbox", 1..=MAX_CAPACITY);
        let count = |found: Found<u64>| usize::try_from(found.value).unwrap_or(usize::MAX);
        Part {
            span: table.span().clone(),
            source: source.map(|found| NamedSource { text: found.value.to_owned(), span: found.span }),
            name: name.and_then(|name| table.parse(&name, NAME_HELP)),
            manifest: owned(table.string("manifest", "\"Component.toml\"")),
            instances: instances.map_or(1, count),
            restart: restart.map_or(RestartPolicy::Permanent, |found| read_restart(table, &found)),
            mailbox: mailbox.map(count),
            config: table.free_table("config").map(|config| read_config(&config)).unwrap_or_default(),
        }
    }

    /// Reads the component's own manifest.
    pub(super) fn load(&self, app: &Path, problems: &RefCell<Problems>) -> Option<ComponentDraft> {
        let source = self.source.as_ref()?;
        let path = component::beside(app, &source.text);
        let problem = |span: &Range<usize>, message: String, help: String| {
            problems.borrow_mut().add(app, Some(span.clone()), message, help);
        };
        let is_wasm = path.extension().is_some_and(|extension| extension == "wasm");
        if !is_wasm && !path.join("Cargo.toml").is_file() {
            let message = format!("`source` names {}, where there is no Cargo.toml", path.display());
            problem(&source.span, message, "name the folder of a crate, or a .wasm file".to_owned());
            return None;
        }
        if is_wasm && !path.is_file() {
            let message = format!("`source` names {}, which is no file", path.display());
            problem(&source.span, message, "name a .wasm file that is there, or a crate's folder".to_owned());
            return None;
        }
        let folder = if is_wasm { path.parent().unwrap_or(Path::new("")) } else { &path };
        let (manifest, span) = match &self.manifest {
            Some(named) => (component::beside(app, &named.value), &named.span),
            None => (folder.join("Component.toml"), &source.span),
        };
        if !manifest.is_file() {
            let message = format!("the component has no manifest: {} is no file", manifest.display());
            let help = "write a Component.toml there, or name the manifest with manifest = \"…\"";
            problem(span, message, help.to_owned());
            return None;
        }
        let text = component::read_text(&manifest, problems)?;
        Some(component::draft(&manifest, &text, problems))
    }
}

impl NamedSource {
    pub(super) fn source(&self, app: &Path) -> Source {
        let path: PathBuf = component::beside(app, &self.text);
        match path.extension().is_some_and(|extension| extension == "wasm") {
            true => Source::Wasm(path),
            false => Source::Crate(path),
        }
    }
}

impl Grant {
    fn read(component: &Found<&str>, table: &Table<'_>) -> Grant {
        Grant {
            component: Found { value: component.value.to_owned(), span: component.span.clone() },
            rights: Rights::read(table),
            input: owned(table.string("input", "\"FILE\"")),
        }
    }
}

fn owned(found: Option<Found<&str>>) -> Option<Found<String>> {
    found.map(|found| Found { value: found.value.to_owned(), span: found.span })
}

fn read_restart(table: &Table<'_>, found: &Found<&str>) -> RestartPolicy {
    match found.value {
        "permanent" => RestartPolicy::Permanent,
        "transient" => RestartPolicy::Transient,
        "temporary" => RestartPolicy::Temporary,
        other => {
            let help =
                "write \"permanent\" (always), \"transient\" (after a failure) or \"temporary\" (never)";
            table.problem(&found.span, format!("`restart` is \"{other}\""), help);
            RestartPolicy::Permanent
        }
    }
}

/// Settings: names and values, whose values are handed over as text.
fn read_config(table: &Table<'_>) -> Vec<(String, String)> {
    let mut config = Vec::new();
    for (key, value) in table.each() {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(yes) => yes.to_string(),
            other => {
                let message = format!("the setting `{}` is a {}", key.value, other.type_str());
                let help =
                    "settings are strings, decimal numbers or booleans; put anything else into a string";
                table.problem(&value.span(), message, help);
                continue;
            }
        };
        config.push((key.value.to_owned(), text));
    }
    config
}

fn read_supervisor(table: &Table<'_>) -> SupervisorConfig {
    let default = SupervisorConfig::default();
    let max_restarts = table.integer("max_restarts", 0..=1_000_000);
    let within = table.duration("within");
    SupervisorConfig {
        max_restarts: max_restarts
            .map_or(default.max_restarts, |n| u32::try_from(n.value).unwrap_or(u32::MAX)),
        within_duration: within.map_or(default.within_duration, |found| found.value),
        restart_strategy: read_backoff(table).unwrap_or(default.restart_strategy),
    }
}

fn read_backoff(table: &Table<'_>) -> Option<RestartStrategy> {
    if table.is_string("backoff") {
        let found = table.string("backoff", "\"immediate\"")?;
        if found.value != "immediate" {
            let help =
                "write \"immediate\", { fixed = \"50 ms\" }, or { initial = \"10 ms\", max = \"1 s\" }";
            table.problem(&found.span, format!("`backoff` is \"{}\"", found.value), help);
        }
        return Some(RestartStrategy::Immediate);
    }
    table.table("backoff", |backoff| {
        if let Some(fixed) = backoff.duration("fixed") {
            return RestartStrategy::Fixed { delay: fixed.value };
        }
        let initial_delay =
            backoff.duration("initial").map_or(Duration::from_millis(10), |found| found.value);
        let max = backoff.duration("max");
        let max_delay = max.as_ref().map_or(Duration::from_secs(1).max(initial_delay), |found| found.value);
        if let Some(max) = max.filter(|max| max.value < initial_delay) {
            backoff.problem(&max.span, "`max` is less than `initial`", "write a longer time for `max`");
        }
        let multiplier = backoff.number("multiplier", 1.0).unwrap_or(2.0);
        RestartStrategy::ExponentialBackoff { initial_delay, max_delay, multiplier }
    })
}
