//! `app.toml`.

use std::ops::Range;
use std::path::Path;

use airssys_core::{RestartPolicy, SupervisorConfig};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::amount::Unit;
use super::component::capacity;
use super::diagnostic::{Document, Fault};
use super::group::{self, WrittenGroup};
use super::limits::Written;
use super::lists::{Lists, component_name, reserved};
use super::reader::{Located, Table, describe};
use super::service::ServiceTable;
use super::syntax::syntax;
use super::{MAX_INSTANCES, audit, backoff};
use crate::capability::Capabilities;

/// The most components that an app may list.
const MAX_COMPONENTS: usize = 1024;

/// An `app.toml`, before it is checked against the manifests of its components.
#[derive(Debug)]
pub struct AppManifest {
    pub(super) document: Document,
    pub(super) name: String,
    pub(super) until: Option<Located<String>>,
    pub(super) report: Option<Located<String>>,
    pub(super) state: Option<String>,
    pub(super) supervisor: SupervisorConfig,
    pub(super) limits: Written,
    pub(super) audit: Option<audit::Written>,
    pub(super) components: Vec<Entry>,
    pub(super) groups: Vec<WrittenGroup>,
    pub(super) grants: Vec<Grants>,
    pub(super) services: Vec<ServiceTable>,
}

/// A `[[component]]`.
#[derive(Debug)]
pub(super) struct Entry {
    /// `None` if it is absent or wrong.
    pub(super) source: Option<Located<String>>,
    pub(super) name: Option<Located<String>>,
    /// True if a name is written, right or wrong.
    pub(super) is_named: bool,
    pub(super) manifest: Option<Located<String>>,
    pub(super) instances: Option<Located<u64>>,
    pub(super) restart: RestartPolicy,
    pub(super) capacity: Option<usize>,
    pub(super) config: Vec<(String, String)>,
    /// The place of the table.
    pub(super) span: Range<usize>,
}

/// A `[grants.…]`.
#[derive(Debug)]
pub(super) struct Grants {
    pub(super) component: Located<String>,
    pub(super) lists: Lists,
    pub(super) input: Option<Located<String>>,
    /// True if an input is written, right or wrong.
    pub(super) has_input: bool,
}

impl AppManifest {
    /// Reads the text of an `app.toml`. Diagnostics call it `file`, and paths in it are relative to the
    /// folder of `file`. [`AppManifest::resolve`] reports the mistakes.
    pub fn parse(text: &str, file: &Path) -> Self {
        let mut app = Self::empty(Document::new(file, text));
        let (parsed, errors) = DeTable::parse_recoverable(text);
        if !syntax(&app.document, text, &errors) {
            app.read(parsed.get_ref());
        }
        app
    }

    /// Returns the rights that this file grants to a component, also those that it does not ask for.
    pub fn granted(&self, component: &str) -> Capabilities {
        let grants = self.grants.iter().find(|grants| grants.component.value == component);
        grants.map_or_else(Capabilities::default, |Grants { lists, input, .. }| Capabilities {
            send: lists.send.values(),
            request: lists.request.values(),
            publish: lists.publish.values(),
            subscribe: lists.subscribe.values(),
            uses: lists.uses.values(),
            input: input.is_some(),
        })
    }

    pub(super) fn empty(document: Document) -> Self {
        Self {
            document,
            name: String::new(),
            until: None,
            report: None,
            state: None,
            supervisor: SupervisorConfig::default(),
            limits: Written::default(),
            audit: None,
            components: Vec::new(),
            groups: Vec::new(),
            grants: Vec::new(),
            services: Vec::new(),
        }
    }

    fn read(&mut self, entries: &DeTable<'_>) {
        let document = &self.document;
        let root = Table::root(document, entries);
        match root.table("app") {
            Some(table) => {
                let name = table.required("name", "\"quakes\"", component_name);
                self.name = name.map(|name| name.value).unwrap_or_default();
                self.until = table.parsed("until", "\"quake-feed\"", component_name);
                self.report = table.parsed("report", "\"quake-stats\"", component_name);
                self.state = table.parsed("state", "\"state\"", folder).map(|folder| folder.value);
                table.finish();
            }
            None if root.value("app").is_none() => {
                let help = "add an [app] with name = \"quakes\"".to_owned();
                document.report(None, "the file has no [app]".to_owned(), help);
            }
            None => {}
        }
        if let Some(table) = root.table("supervisor") {
            self.supervisor = backoff::supervisor(table);
        }
        self.limits = Written::of_app(root.table("limits"));
        self.audit = root.table("audit").and_then(audit::read);
        self.components = components(document, &root);
        self.groups = group::groups(document, &root);
        self.grants = grants(document, &root);
        self.services = ServiceTable::all(document, &root);
        root.finish();
    }
}

fn folder(text: &str) -> Result<String, Fault> {
    match text.is_empty() {
        false => Ok(text.to_owned()),
        true => Err(Fault {
            message: "a folder has a name".to_owned(),
            help: "write the path of a folder, relative to this file, such as \"state\"".to_owned(),
        }),
    }
}

fn components(document: &Document, root: &Table<'_>) -> Vec<Entry> {
    let tables = root.tables("component");
    if root.value("component").is_none() {
        let help = "add a [[component]] with source = \"FOLDER\"".to_owned();
        document.report(None, "the app has no [[component]]".to_owned(), help);
    }
    if let Some(excess) = tables.get(MAX_COMPONENTS) {
        let message = format!("the app has {} components: {MAX_COMPONENTS} are allowed", tables.len());
        document.report(excess.span(), message, "use `instances` for components that are alike".to_owned());
        return Vec::new();
    }
    tables.into_iter().map(entry).collect()
}

fn entry(table: Table<'_>) -> Entry {
    let entry = Entry {
        source: table.required("source", "\"../components/quake-feed\"", |text| Ok(text.to_owned())),
        name: table.parsed("name", "\"quake-feed\"", component_name),
        is_named: table.value("name").is_some(),
        manifest: table.text("manifest", "\"Component.toml\"").map(|text| text.map(str::to_owned)),
        instances: table.amount("instances", Unit::Count, 1..=MAX_INSTANCES as u64, 1),
        restart: restart(&table),
        capacity: capacity(&table, "mailbox"),
        config: config(&table),
        span: table.span().unwrap_or_default(),
    };
    reserved(table.document, "component", entry.name.as_ref());
    table.finish();
    entry
}

fn restart(table: &Table<'_>) -> RestartPolicy {
    let words = [
        ("permanent", RestartPolicy::Permanent),
        ("transient", RestartPolicy::Transient),
        ("temporary", RestartPolicy::Temporary),
    ];
    table.choice("restart", &words).unwrap_or_default()
}

/// Returns the settings of a component as text.
fn config(table: &Table<'_>) -> Vec<(String, String)> {
    let Some(settings) = table.table("config") else { return Vec::new() };
    let mut config = Vec::new();
    for (key, value) in settings.entries() {
        match setting(value) {
            Some(text) => config.push((key.value.to_owned(), text)),
            None => {
                let help = "write a string, an integer that fits 64 bits, a float or a boolean; a list can be a string that the \
                            component splits";
                settings.wrong_kind(key.value, value, "a setting", help.to_owned());
            }
        }
    }
    config
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

fn grants(document: &Document, root: &Table<'_>) -> Vec<Grants> {
    let Some(table) = root.table("grants") else { return Vec::new() };
    let mut all = Vec::new();
    for (key, value) in table.entries() {
        match value.get_ref() {
            DeValue::Table(_) => {}
            _ => {
                let found = describe(value.get_ref());
                let message = format!("`{}` in [grants] is {found}, not a table", key.value);
                let help = "grants are by component: write [grants.NAME] above it".to_owned();
                document.report(Some(key.span), message, help);
                continue;
            }
        }
        let component = key.map(str::to_owned);
        let name = format!("[grants.{}]", component.value);
        if let Some(granted) = table.as_table(&component.value, name, value) {
            all.push(grant(component, granted));
        }
    }
    all
}

fn grant(component: Located<String>, table: Table<'_>) -> Grants {
    let lists = Lists::read(&table);
    let input = table.text("input", "\"FILE\" or input = \"-\"").map(|text| text.map(str::to_owned));
    let has_input = table.value("input").is_some();
    table.finish();
    Grants { component, lists, input, has_input }
}
