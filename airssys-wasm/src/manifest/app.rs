//! `app.toml`: the components of an app, and what each may do.

mod checks;
mod parts;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airssys_message::Codec;
use airssys_rt::{Overflow, RestartPolicy, SupervisorConfig, TopicPattern};

use super::component::{self, ComponentDraft};
use super::diagnostic::{Diagnostics, Problems};
use super::reader::read_document;
use crate::capability::Capabilities;
use crate::host::Input;
use crate::limits::Limits;

use parts::AppDraft;

/// An app: a valid `app.toml`, with the manifests of its components.
#[derive(Clone, Debug)]
pub struct AppManifest {
    /// The app's name.
    pub name: String,
    /// The component whose stop ends a run; none runs until it is stopped.
    pub until: Option<String>,
    /// The component that is asked for the report of a run.
    pub report: Option<String>,
    /// How its components are supervised.
    pub supervisor: SupervisorConfig,
    /// Its components, in the order of their start.
    pub components: Vec<AppComponent>,
}

/// A component as an app has it: what it asks for, and was granted.
#[derive(Clone, Debug)]
pub struct AppComponent {
    /// Its name in the app.
    pub name: String,
    /// Where its code comes from.
    pub source: Source,
    /// Its version.
    pub version: semver::Version,
    /// The codecs that it accepts.
    pub accepts: Vec<Codec>,
    /// The topics that it is subscribed to from the start.
    pub subscribes: Vec<TopicPattern>,
    /// Messages that a mailbox of it holds.
    pub capacity: usize,
    /// What senders meet when a mailbox of it is full.
    pub overflow: Overflow,
    /// What it may do.
    pub capabilities: Capabilities,
    /// What it may use.
    pub limits: Limits,
    /// How many instances run.
    pub instances: usize,
    /// When an instance that ended is restarted.
    pub restart: RestartPolicy,
    /// Its settings.
    pub config: Vec<(String, String)>,
    /// What it reads as its standard input.
    pub input: Option<Input>,
}

/// Where a component's code comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A crate, to be built.
    Crate(PathBuf),
    /// A `.wasm` file.
    Wasm(PathBuf),
}

impl AppManifest {
    /// Reads and checks an `app.toml` and the `Component.toml` of each of its components.
    ///
    /// # Errors
    /// [`Diagnostics`] with everything that is wrong with any of them.
    pub fn load(path: &Path) -> Result<AppManifest, Diagnostics> {
        let problems = RefCell::new(Problems::default());
        let manifest = component::read_text(path, &problems).and_then(|text| {
            let app = draft(path, &text, &problems);
            let components: Vec<_> = app.components.iter().map(|part| part.load(path, &problems)).collect();
            resolve(path, app, components, &problems)
        });
        problems.into_inner().finish(manifest)
    }

    /// Checks the text of an `app.toml` by itself, without its components and files; `file` names
    /// it in what is reported.
    ///
    /// # Errors
    /// [`Diagnostics`] with everything that is wrong with it.
    pub fn check_text(file: &Path, text: &str) -> Result<(), Diagnostics> {
        let problems = RefCell::new(Problems::default());
        problems.borrow_mut().add_source(file, &Arc::from(text));
        draft(file, text, &problems);
        problems.into_inner().finish(Some(()))
    }
}

fn draft(file: &Path, text: &str, problems: &RefCell<Problems>) -> AppDraft {
    read_document(file, text, problems, AppDraft::read)
}

/// Puts an app together with its components' manifests, and checks them against each other.
fn resolve(
    file: &Path,
    app: AppDraft,
    components: Vec<Option<ComponentDraft>>,
    problems: &RefCell<Problems>,
) -> Option<AppManifest> {
    checks::check(file, &app, &components, &mut problems.borrow_mut());
    let names = app.names(&components);
    let mut resolved = Vec::with_capacity(components.len());
    for ((part, draft), name) in app.components.iter().zip(components).zip(names) {
        let manifest = draft?.manifest?;
        let name = name?;
        let grant = app.grants.iter().find(|grant| grant.component.value == name);
        let input = grant.and_then(|grant| grant.input.as_ref());
        let input = input.filter(|_| manifest.capabilities.input).map(|input| match input.value.as_str() {
            "-" => Input::Stdin,
            path => Input::File(component::beside(file, path)),
        });
        resolved.push(AppComponent {
            name,
            source: part.source.clone()?.source(file),
            version: manifest.version,
            accepts: manifest.accepts,
            subscribes: manifest.subscribes,
            capacity: part.mailbox.unwrap_or(manifest.capacity),
            overflow: manifest.overflow,
            capabilities: manifest.capabilities,
            limits: manifest.limits,
            instances: part.instances,
            restart: part.restart,
            config: part.config.clone(),
            input,
        });
    }
    Some(AppManifest {
        name: app.name?,
        until: app.until.map(|found| found.value),
        report: app.report.map(|found| found.value),
        supervisor: app.supervisor,
        components: resolved,
    })
}
