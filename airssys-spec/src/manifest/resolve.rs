//! Resolves an app from its manifest and those of its components, and checks them against each other.

mod check;
mod grant;
mod group;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::app::{AppManifest, Entry, Grants};
use super::component::Asked;
use super::diagnostic::{Document, verdict};
use super::limits::ROWS;
use super::lists::reserved;
use super::load::{Disk, Files, join};
use super::reader::{Located, Setting};
use super::service::ServiceTable;
use super::settings::{self, SettingValue};
use super::{App, AppComponent, Diagnostics, Input, Mailbox, Source};
use crate::limits::Limits;

const MANIFEST: &str = "Component.toml";

/// A `Component.toml` that was read, with or without mistakes.
struct Read {
    document: Document,
    asked: Asked,
}

/// A component of the app whose files were found.
struct Member<'a> {
    entry: &'a Entry,
    source: Source,
    manifest_file: PathBuf,
    read: &'a Read,
    /// The values of its settings. Empty if the app is not to run.
    settings: Vec<(String, SettingValue)>,
    /// Its name in the app, with its place in `app.toml`. `None` if the name is wrong.
    name: Option<Located<String>>,
}

/// The use of a resolved app.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Run,
    /// Variables and files that settings name need not exist.
    Build,
}

/// The app, and all its components whose files were found.
struct Team<'a> {
    app: &'a AppManifest,
    members: Vec<Member<'a>>,
    /// The upper bounds of what a component may ask for.
    limits: Limits,
    /// The services of the program; `None` if they are not known.
    services: Option<&'a [&'a str]>,
}

impl AppManifest {
    /// Reads an `app.toml` and the manifests of all its components, and resolves them to an app.
    ///
    /// # Errors
    /// All mistakes in any of the files or between them, including files that cannot be read.
    pub fn load(file: &Path) -> Result<App, Diagnostics> {
        Self::load_from(file, &Disk)
    }

    /// As [`AppManifest::load`], and has the host's services read their tables.
    ///
    /// `services` are the names of all services: a right to use another is a mistake. `configure`
    /// returns the mistakes in the tables. Both are reported with all others.
    ///
    /// # Errors
    /// As [`AppManifest::load`], and the mistakes that `configure` returns.
    pub fn load_configured<T>(
        file: &Path,
        services: &[&str],
        configure: impl FnOnce(&[ServiceTable]) -> Result<T, Diagnostics>,
    ) -> Result<(App, T), Diagnostics> {
        Self::load_for(Purpose::Run, file, services, configure)
    }

    /// As [`AppManifest::load_configured`], for a program that builds or explains the app: variables and
    /// files that settings name need not exist, and the components have no settings.
    ///
    /// # Errors
    /// As [`AppManifest::load_configured`].
    pub fn load_to_build<T>(
        file: &Path,
        services: &[&str],
        configure: impl FnOnce(&[ServiceTable]) -> Result<T, Diagnostics>,
    ) -> Result<(App, T), Diagnostics> {
        Self::load_for(Purpose::Build, file, services, configure)
    }

    fn load_for<T>(
        purpose: Purpose,
        file: &Path,
        services: &[&str],
        configure: impl FnOnce(&[ServiceTable]) -> Result<T, Diagnostics>,
    ) -> Result<(App, T), Diagnostics> {
        let app = match Disk.read(file) {
            Ok(text) => Self::parse(&text, file),
            Err(error) => Self::empty(Document::unreadable(file, &error)),
        };
        let configured = configure(&app.services);
        match (resolve(&app, &Disk, Some(services), purpose), configured) {
            (Ok(app), Ok(configured)) => Ok((app, configured)),
            (Ok(_), Err(found)) | (Err(found), Ok(_)) => Err(found),
            // The tables of services are in app.toml, which comes first.
            (Err(found), Err(mut of_services)) => {
                of_services.append(found);
                Err(of_services)
            }
        }
    }

    /// As [`AppManifest::load`], with files that need not be on the disk.
    ///
    /// # Errors
    /// As [`AppManifest::load`].
    pub fn load_from(file: &Path, files: &impl Files) -> Result<App, Diagnostics> {
        match files.read(file) {
            Ok(text) => Self::parse(&text, file).resolve(files),
            Err(error) => Self::empty(Document::unreadable(file, &error)).resolve(files),
        }
    }

    /// Reads the manifests of the components, and checks all of them against each other.
    ///
    /// # Errors
    /// All mistakes in this file, in theirs, or between them.
    pub fn resolve(self, files: &impl Files) -> Result<App, Diagnostics> {
        resolve(&self, files, None, Purpose::Run)
    }
}

fn resolve(
    app: &AppManifest,
    files: &impl Files,
    services: Option<&[&str]>,
    purpose: Purpose,
) -> Result<App, Diagnostics> {
    let found: Vec<_> = app.components.iter().map(|entry| find(app, entry, files)).collect();
    let mut manifests: BTreeMap<&Path, Read> = BTreeMap::new();
    for (_, file) in found.iter().flatten() {
        manifests.entry(file).or_insert_with(|| read(file, files));
    }
    let members = app.components.iter().zip(&found).filter_map(|(entry, found)| {
        let (source, file) = found.clone()?;
        let read = manifests.get(file.as_path())?;
        let settings = match purpose {
            Purpose::Run => settings::resolve(&app.document, &entry.config, files),
            Purpose::Build => Vec::new(),
        };
        Some(Member {
            entry,
            source,
            name: name(app, entry, &read.asked),
            manifest_file: file,
            read,
            settings,
        })
    });
    let team = Team { app, members: members.collect(), limits: app.limits.over(Limits::APP_MAX), services };
    team.check();
    team.check_groups();
    team.check_grants(files);
    team.check_audit(files);

    // In the order of app.toml, each once.
    let mut documents = vec![&app.document];
    for member in &team.members {
        if !documents.iter().any(|document| std::ptr::eq(*document, &member.read.document)) {
            documents.push(&member.read.document);
        }
    }
    verdict(documents)?;
    let members = team.root_members();
    Ok(App {
        name: app.name.clone(),
        file: app.document.file.clone(),
        until: app.until.clone().into_value(),
        report: app.report.clone().into_value(),
        state: app.state.as_ref().map(|folder| join(&app.document.file, folder)),
        supervisor: app.supervisor,
        services: app.services.clone(),
        http: app.http.iter().map(|written| written.listener.clone()).collect(),
        audit: app.audit.as_ref().map(|audit| audit.file(&app.document.file)),
        components: team.members.iter().map(|member| team.component(member)).collect(),
        groups: team.groups(&members),
        members,
    })
}

/// Finds a component's code and its manifest, and reports missing files.
fn find(app: &AppManifest, entry: &Entry, files: &impl Files) -> Option<(Source, PathBuf)> {
    let written = entry.source.written()?;
    let path = join(&app.document.file, &written.value);
    let report = |place: &Located<String>, message: String, help: String| {
        app.document.report(Some(place.span.clone()), message, help);
        None
    };
    let is_code = path.extension().is_some_and(|extension| extension == "wasm");
    let (source, beside) = if files.is_folder(&path) {
        (Source::Folder(path.clone()), path.join(MANIFEST))
    } else if is_code && files.is_file(&path) {
        (Source::Wasm(path.clone()), path.with_file_name(MANIFEST))
    } else {
        let found = match files.is_file(&path) {
            true => "is neither a folder nor a .wasm file",
            false => missing(&path, files),
        };
        let message = format!("`{}` {found}", path.display());
        return report(
            written,
            message,
            "write a component's folder or a .wasm file, relative to this file".into(),
        );
    };
    let manifest = match &entry.manifest {
        Setting::Written(name) => join(&app.document.file, &name.value),
        Setting::Absent => beside,
        Setting::Wrong => return None,
    };
    if !files.is_file(&manifest) {
        let message = format!("`{}` {}", manifest.display(), missing(&manifest, files));
        let help = format!("write a {MANIFEST} there, or name the file that is one: manifest = \"FILE\"");
        return report(entry.manifest.written().unwrap_or(written), message, help);
    }
    Some((source, manifest))
}

/// Says why a path is not that of a file.
fn missing(path: &Path, files: &impl Files) -> &'static str {
    if files.exists(path) { "is not a regular file" } else { "does not exist" }
}

fn read(file: &Path, files: &impl Files) -> Read {
    match files.read(file) {
        Ok(text) => {
            let document = Document::new(file, &text);
            let asked = Asked::read(&document, &text);
            Read { document, asked }
        }
        Err(error) => Read { document: Document::unreadable(file, &error), asked: Asked::default() },
    }
}

/// Returns a component's name in the app: that of its entry, or that of its manifest.
fn name(app: &AppManifest, entry: &Entry, asked: &Asked) -> Option<Located<String>> {
    if !entry.name.is_absent() {
        return entry.name.written().cloned();
    }
    let (name, place) = (asked.name.written()?, entry.source.written()?);
    let name = Located { value: name.value.clone(), span: place.span.clone() };
    reserved(&app.document, "component", "add", Some(&name));
    Some(name)
}

impl<'a> Team<'a> {
    /// The names of the components.
    fn names(&self) -> Vec<&str> {
        self.members
            .iter()
            .filter_map(|member| member.name.as_ref())
            .map(|name| name.value.as_str())
            .collect()
    }

    /// Returns true if every component is found and has a name. Any other name is then wrong.
    fn is_complete(&self) -> bool {
        let named = self.names().len();
        named > 0 && named == self.app.components.len() && self.app.has_all_components
    }

    fn member(&self, name: &str) -> Option<&Member<'a>> {
        self.members.iter().find(|member| member.name.as_ref().is_some_and(|own| own.value == name))
    }

    fn grants(&self, name: &str) -> Option<&'a Grants> {
        self.app.grants.iter().find(|grants| grants.component.value == name)
    }

    /// Returns the limits of a component. A limit that it does not ask for is the default, or the
    /// app's bound if that is less.
    fn limits(&self, member: &Member<'_>) -> Limits {
        let mut limits = member.read.asked.limits.over(Limits::DEFAULT);
        for row in &ROWS {
            let amount = (row.get)(&limits).min((row.get)(&self.limits));
            (row.set)(&mut limits, amount);
        }
        limits
    }

    /// Returns a component of the app. The result is only right if there are no mistakes.
    fn component(&self, member: &Member<'_>) -> AppComponent {
        let (entry, manifest) = (member.entry, member.read.asked.manifest());
        let name = member.name.as_ref().map(|name| name.value.clone()).unwrap_or_default();
        let granted = self.grants(&name).and_then(|grants| grants.input.written());
        AppComponent {
            source: member.source.clone(),
            manifest_file: member.manifest_file.clone(),
            instances: entry.instances.or(1).unwrap_or(1) as usize,
            per_request: entry.per_request,
            restart: entry.restart.clone().into_value().unwrap_or_default(),
            on_give_up: entry.on_give_up.clone().into_value(),
            mailbox: Mailbox {
                capacity: entry.capacity.unwrap_or(manifest.mailbox.capacity),
                ..manifest.mailbox
            },
            limits: self.limits(member),
            capabilities: manifest.capabilities.clone(),
            input: granted.filter(|_| manifest.capabilities.input).map(|input| self.input(&input.value)),
            config: member.settings.clone(),
            name,
            manifest,
        }
    }

    fn input(&self, written: &str) -> Input {
        match written {
            "-" => Input::Program,
            file => Input::File(join(&self.app.document.file, file)),
        }
    }
}
