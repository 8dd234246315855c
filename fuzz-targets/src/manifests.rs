//! Both manifests: any text is either accepted, or refused with a diagnostic in its place.

use std::io;
use std::path::Path;

use airssys_spec::Limits;
use airssys_spec::manifest::{
    AppManifest, ComponentManifest, Diagnostics, Files, MAX_ATTEMPTS, MAX_INSTANCES, MAX_MAILBOX_CAPACITY,
    Runtime, RuntimeSource, Variables,
};
use airssys_spec::pattern::check_component_name;
use airssys_spec::{Capabilities, Delivery};

/// Separator between the texts of several files in one input.
const SEPARATOR: &str = "\n=====\n";

/// Input: a `Component.toml`.
pub fn component_manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match ComponentManifest::parse(text, Path::new("Component.toml")) {
        Ok(manifest) => valid(&manifest),
        Err(diagnostics) => explained(&diagnostics),
    }
}

/// Input: an `app.toml`, followed by the `Component.toml` of all its components.
pub fn app_manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (app, component) = text.split_once(SEPARATOR).unwrap_or((text, ""));
    let files = Texts { app, component };
    let app = match AppManifest::load_from(Path::new("app.toml"), &files) {
        Ok(app) => app,
        Err(diagnostics) => return explained(&diagnostics),
    };
    assert!(check_component_name(&app.name).is_ok() && !app.components.is_empty());
    for component in &app.components {
        valid(&component.manifest);
        assert!((1..=MAX_INSTANCES).contains(&component.instances));
        assert!((1..=MAX_MAILBOX_CAPACITY).contains(&component.mailbox.capacity));
        assert!(covered(&component.manifest.capabilities, &component.capabilities), "{component:?}");
        bounded(&component.limits);
        assert_eq!(app.component(&component.name), Some(component), "names are distinct");
    }
}

/// The value of the only variable that a runtime file of this target can name.
const SECRET: &str = "open-sesame-7";

/// Input: one or more runtime files, the one that prevails first. No report contains a secret.
pub fn runtime_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let files = text.split(SEPARATOR).enumerate();
    let sources = files.map(|(number, text)| RuntimeSource::new(format!("{number}.toml"), text)).collect();
    let variables = Variables::from_fn(|name| (name == "SECRET").then(|| SECRET.to_owned()));
    let runtime = match Runtime::parse(sources, variables, None) {
        Ok(runtime) => runtime,
        Err(diagnostics) => return without_secret(text, &diagnostics),
    };
    for backend in runtime.backends() {
        assert!(check_component_name(backend.name()).is_ok() && !backend.kind().is_empty(), "{backend:?}");
        let read = backend.read(|table| {
            (table.secret("url", "\"redis://localhost\""), table.count("size", 0..=9, 1), table.boolean("on"))
        });
        if let Err(diagnostics) = read {
            without_secret(text, &diagnostics);
        }
    }
    for label in runtime.labels() {
        assert!(!label.label().is_empty(), "{label:?}");
        if let Err(diagnostics) = label.read(|table| table.count("bytes", 0..=9, 1)) {
            without_secret(text, &diagnostics);
        }
    }
}

/// Checks that the diagnostics are complete, and do not tell the value of a variable.
fn without_secret(text: &str, diagnostics: &Diagnostics) {
    placed_where_texts_are(diagnostics);
    // The file itself may contain the value.
    assert!(text.contains(SECRET) || !diagnostics.to_string().contains(SECRET), "{diagnostics}");
}

fn valid(manifest: &ComponentManifest) {
    assert!(check_component_name(&manifest.name).is_ok());
    assert!(manifest.accepts.contains(manifest.accepts.prefers()));
    assert!((1..=MAX_MAILBOX_CAPACITY).contains(&manifest.mailbox.capacity));
    if let Delivery::Retry(retry) = manifest.delivery {
        assert!((1..=MAX_ATTEMPTS).contains(&retry.attempts));
    }
    bounded(&manifest.limits);
    for topic in &manifest.subscribes {
        let asked = manifest.capabilities.subscribe.iter().any(|asked| asked.covers(topic));
        assert!(asked, "{topic} is subscribed to without a capability");
    }
}

fn bounded(limits: &Limits) {
    let most = Limits::HOST_MAX;
    assert!(
        limits.memory_bytes <= most.memory_bytes
            && limits.table_elements <= most.table_elements
            && limits.execution_time <= most.execution_time
            && limits.start_timeout <= most.start_timeout
            && limits.message_size_bytes <= most.message_size_bytes
            && limits.concurrent_requests <= most.concurrent_requests
            && limits.subscriptions <= most.subscriptions
            && limits.retained <= most.retained
            && limits.routes <= most.routes
            && limits.log_line_bytes <= most.log_line_bytes
            && limits.log_lines_per_second <= most.log_lines_per_second
            && limits.log_bytes_per_second <= most.log_bytes_per_second,
        "{limits:?}"
    );
}

/// Returns true if every capability in force was requested.
fn covered(asked: &Capabilities, in_force: &Capabilities) -> bool {
    let names = |asked: &[airssys_spec::NamePattern], in_force: &[airssys_spec::NamePattern]| {
        in_force.iter().all(|name| asked.iter().any(|asked| asked.covers(name)))
    };
    let topics = |asked: &[airssys_core::TopicPattern], in_force: &[airssys_core::TopicPattern]| {
        in_force.iter().all(|topic| asked.iter().any(|asked| asked.covers(topic)))
    };
    names(&asked.send, &in_force.send)
        && names(&asked.request, &in_force.request)
        && topics(&asked.publish, &in_force.publish)
        && topics(&asked.subscribe, &in_force.subscribe)
        && in_force.uses.iter().all(|right| asked.uses.iter().any(|asked| asked.covers(right)))
        && (asked.input || !in_force.input)
}

/// Checks that every diagnostic has a place in a text, a message, and help.
fn explained(diagnostics: &Diagnostics) {
    let placed = diagnostics.iter().filter(|diagnostic| diagnostic.span.is_some());
    for diagnostic in placed {
        assert!(diagnostics.text(&diagnostic.file).is_some(), "{diagnostic}");
    }
    placed_where_texts_are(diagnostics);
}

/// Checks the same. The text of a file that may be a secret is not kept.
fn placed_where_texts_are(diagnostics: &Diagnostics) {
    assert!(diagnostics.iter().next().is_some());
    for diagnostic in diagnostics {
        assert!(!diagnostic.message.is_empty() && !diagnostic.help.is_empty(), "{diagnostic}");
        let text = diagnostics.text(&diagnostic.file);
        if let (Some(span), Some(text)) = (&diagnostic.span, text) {
            assert!(text.get(span.clone()).is_some(), "{diagnostic}");
            assert_eq!(text[..span.start].matches('\n').count() + 1, diagnostic.line, "{diagnostic}");
        }
    }
}

/// An app whose components all have the same manifest.
struct Texts<'a> {
    app: &'a str,
    component: &'a str,
}

impl Files for Texts<'_> {
    fn read(&self, file: &Path) -> io::Result<String> {
        match file == Path::new("app.toml") {
            true => Ok(self.app.to_owned()),
            false => Ok(self.component.to_owned()),
        }
    }

    fn is_file(&self, path: &Path) -> bool {
        path.extension().is_some()
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.extension().is_none()
    }
}
