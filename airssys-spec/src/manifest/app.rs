//! `app.toml`.

use std::ops::Range;
use std::path::Path;

use airssys_core::{RestartPolicy, SupervisorConfig};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::amount::Unit;
use super::component::capacity;
use super::diagnostic::{Document, Fault};
use super::group::{self, ComponentGivesUp, WrittenGroup};
use super::http::{self, WrittenListener};
use super::limits::Written;
use super::lists::{Lists, component_name, reserved};
use super::reader::{Located, Setting, Table};
use super::service::ServiceTable;
use super::settings;
use super::suggest::{self, string};
use super::value::{describe, scalar};
use super::{MAX_INSTANCES, audit, backoff, syntax};
use crate::capability::Capabilities;

/// The most components that an app may list.
const MAX_COMPONENTS: usize = 1024;

/// The value of `instances` that gives each request an instance of its own.
const PER_REQUEST: &str = "per-request";

/// The most instances at once of a component with an instance for each request, by default.
const CONCURRENCY: u64 = 32;

/// An `app.toml`, before it is checked against the manifests of its components.
#[derive(Debug)]
pub struct AppManifest {
    pub(super) document: Document,
    pub(super) name: String,
    pub(super) until: Setting<String>,
    pub(super) report: Setting<String>,
    pub(super) state: Option<String>,
    pub(super) supervisor: SupervisorConfig,
    pub(super) limits: Written,
    pub(super) audit: Option<audit::Written>,
    pub(super) components: Vec<Entry>,
    /// True if `components` has everything that is written as a component.
    pub(super) has_all_components: bool,
    pub(super) groups: Vec<WrittenGroup>,
    pub(super) grants: Vec<Grants>,
    /// True if `grants` has everything that is written as a grant.
    pub(super) has_all_grants: bool,
    pub(super) services: Vec<ServiceTable>,
    pub(super) http: Vec<WrittenListener>,
}

/// A `[[component]]`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: Setting<String>,
    pub(super) name: Setting<String>,
    pub(super) manifest: Setting<String>,
    pub(super) instances: Setting<u64>,
    /// The most instances at once, with `instances = "per-request"`.
    pub(super) per_request: Option<usize>,
    pub(super) restart: Setting<RestartPolicy>,
    pub(super) on_give_up: Setting<ComponentGivesUp>,
    pub(super) capacity: Option<usize>,
    pub(super) config: Vec<settings::Written>,
    /// The place of the table.
    pub(super) span: Range<usize>,
}

/// A `[grants.…]`.
#[derive(Debug)]
pub(super) struct Grants {
    pub(super) component: Located<String>,
    pub(super) lists: Lists,
    pub(super) input: Setting<String>,
    /// The place of the table.
    pub(super) span: Range<usize>,
}

impl AppManifest {
    /// Reads the text of an `app.toml`. Diagnostics call it `file`, and paths in it are relative to the
    /// folder of `file`. [`AppManifest::resolve`] reports the mistakes.
    pub fn parse(text: &str, file: &Path) -> Self {
        let mut app = Self::empty(Document::new(file, text));
        if let Some(parsed) = syntax::parse(&app.document, text) {
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
            http_outgoing: lists.http_outgoing.values(),
            input: input.written().is_some(),
        })
    }

    pub(super) fn empty(document: Document) -> Self {
        Self {
            document,
            name: String::new(),
            until: Setting::Absent,
            report: Setting::Absent,
            state: None,
            supervisor: backoff::of_root(SupervisorConfig::default()),
            limits: Written::default(),
            audit: None,
            components: Vec::new(),
            has_all_components: false,
            groups: Vec::new(),
            grants: Vec::new(),
            has_all_grants: false,
            services: Vec::new(),
            http: Vec::new(),
        }
    }

    fn read(&mut self, entries: &DeTable<'_>) {
        let document = &self.document;
        let root = Table::root(document, entries);
        document.knows(component_names(entries));
        match root.table("app") {
            Setting::Written(Located { value: table, .. }) => {
                let component = string(&document.name_of_app(0));
                let name = table.required("name", &app_name(document), component_name);
                self.name = name.into_value().unwrap_or_default();
                self.until = table.parsed("until", &component, component_name);
                self.report = table.parsed("report", &component, component_name);
                self.state = table.parsed("state", "\"state\"", folder).into_value();
                table.finish();
            }
            Setting::Absent => {
                let help = format!("add this:\n[app]\nname = {}", app_name(document));
                document.report(None, "the file has no [app]".to_owned(), help);
            }
            Setting::Wrong => {}
        }
        if let Some(table) = root.table("supervisor").into_value() {
            self.supervisor = backoff::supervisor(table);
        }
        self.limits = Written::of_app(root.table("limits"));
        self.audit = root.table("audit").into_value().and_then(audit::read);
        (self.components, self.has_all_components) = components(document, &root);
        self.groups = group::groups(document, &root);
        (self.grants, self.has_all_grants) = grants(document, &root);
        self.services = ServiceTable::all(document, &root);
        self.http = http::listeners(document, &root);
        root.finish();
    }
}

/// Returns the example of the app's name: that of the folder of its manifest.
fn app_name(document: &Document) -> String {
    string(&document.folder_name().unwrap_or_else(|| "my-app".to_owned()))
}

/// Returns the names of the components as far as this file has them: those of the entries, or else
/// of their folders.
fn component_names(entries: &DeTable<'_>) -> Vec<String> {
    let Some(DeValue::Array(written)) = entries.get("component").map(|value| value.get_ref()) else {
        return Vec::new();
    };
    let text = |table: &DeTable<'_>, key: &str| table.get(key).and_then(|value| scalar(value.get_ref()));
    let name = |entry: &Spanned<DeValue<'_>>| match entry.get_ref() {
        DeValue::Table(table) => match text(table, "name") {
            Some(name) => suggest::component_name(&name),
            None => suggest::component_name(Path::new(&text(table, "source")?).file_stem()?.to_str()?),
        },
        _ => None,
    };
    written.iter().filter_map(name).collect()
}

fn folder(text: &str) -> Result<String, Fault> {
    match text.is_empty() {
        false => Ok(text.to_owned()),
        true => Err(Fault {
            message: "a folder has a name".to_owned(),
            help: "write the path of a folder, relative to this file, such as `\"state\"`".to_owned(),
        }),
    }
}

fn components(document: &Document, root: &Table<'_>) -> (Vec<Entry>, bool) {
    let (tables, all) = root.tables("component");
    if tables.is_empty() && all {
        let help = "add this, with the folder of a component:\n[[component]]\nsource = \"FOLDER\"".to_owned();
        document.report(None, "the app has no [[component]]".to_owned(), help);
    }
    if let Some(excess) = tables.get(MAX_COMPONENTS) {
        let message = format!("the app has {} components: {MAX_COMPONENTS} are allowed", tables.len());
        document.report(excess.span(), message, "use `instances` for components that are alike".to_owned());
        return (Vec::new(), false);
    }
    (tables.into_iter().enumerate().map(|(index, table)| entry(table, index)).collect(), all)
}

fn entry(table: Table<'_>, index: usize) -> Entry {
    let name = string(&table.document.name_of_app(index));
    let (instances, per_request) = instances(&table);
    let entry = Entry {
        source: table.required("source", &name, |text| Ok(text.to_owned())),
        name: table.parsed("name", &name, component_name),
        manifest: table.text("manifest", "\"Component.toml\""),
        instances,
        per_request,
        restart: restart(&table),
        on_give_up: on_give_up(&table),
        capacity: capacity(&table, "mailbox"),
        config: settings::read(&table),
        span: table.span().unwrap_or_default(),
    };
    reserved(table.document, "component", "write", entry.name.written());
    table.finish();
    entry
}

/// Returns the number of instances, and the most at once if each request gets one.
fn instances(table: &Table<'_>) -> (Setting<u64>, Option<usize>) {
    let is_per_request = table.value("instances").is_some_and(
        |value| matches!(value.get_ref(), DeValue::String(text) if text.as_ref() == PER_REQUEST),
    );
    let concurrency = table.amount("concurrency", Unit::Count, 1..=MAX_INSTANCES as u64, CONCURRENCY);
    if is_per_request {
        let most = concurrency.into_value().unwrap_or(CONCURRENCY) as usize;
        return (Setting::Absent, Some(most));
    }
    if let Some(concurrency) = concurrency.written() {
        let message =
            "`concurrency` is the most instances at once, with an instance for each request".to_owned();
        let help = format!("add `instances = \"{PER_REQUEST}\"`, or remove it");
        table.document.report(Some(concurrency.span.clone()), message, help);
    }
    (table.amount("instances", Unit::Count, 1..=MAX_INSTANCES as u64, 1), None)
}

fn restart(table: &Table<'_>) -> Setting<RestartPolicy> {
    let words = [
        ("permanent", RestartPolicy::Permanent),
        ("transient", RestartPolicy::Transient),
        ("temporary", RestartPolicy::Temporary),
    ];
    table.choice("restart", &words)
}

fn on_give_up(table: &Table<'_>) -> Setting<ComponentGivesUp> {
    let words = [("quarantine", ComponentGivesUp::Quarantine), ("stop-app", ComponentGivesUp::StopApp)];
    table.choice("on_give_up", &words)
}

fn grants(document: &Document, root: &Table<'_>) -> (Vec<Grants>, bool) {
    let table = match root.table("grants") {
        Setting::Absent => return (Vec::new(), true),
        Setting::Wrong => return (Vec::new(), false),
        Setting::Written(table) => table.value,
    };
    let (mut all, mut complete) = (Vec::new(), true);
    let entries = table.entries();
    if let Some((excess, _)) = entries.get(MAX_COMPONENTS) {
        let message = format!("[grants] has {} components: {MAX_COMPONENTS} are allowed", entries.len());
        document.report(Some(excess.span.clone()), message, "remove those that the app lacks".to_owned());
        return (Vec::new(), false);
    }
    for (key, value) in entries {
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            let found = describe(value.get_ref());
            let message = format!("`{}` in [grants] is {found}, not a table", key.value);
            let help =
                format!("grants are by component: write `[grants.{}]` above it", document.name_of_app(0));
            document.report(Some(key.span), message, help);
            complete = false;
            continue;
        }
        let component = key.map(str::to_owned);
        let name = format!("[grants.{}]", component.value);
        if let Setting::Written(granted) = table.as_table(&component.value, name, value) {
            all.push(grant(component, granted.value));
        }
    }
    (all, complete)
}

fn grant(component: Located<String>, table: Table<'_>) -> Grants {
    let lists = Lists::read(&table);
    let input = table.text("input", "\"-\"");
    let span = table.span().unwrap_or_default();
    table.finish();
    Grants { component, lists, input, span }
}
