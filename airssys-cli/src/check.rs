//! `airssys check`: manifests, and whether components fit the host.

use std::path::PathBuf;

use airssys_http::HttpServer;
use airssys_wasm::app;
use airssys_wasm::manifest::{ComponentManifest, HttpListener};
use airssys_wasm::{
    BackendSet, Component, Engine, EngineConfig, LoadError, OpenError, ServiceConfigs, builder,
    ensure_threads,
};

use crate::args::Check;
use crate::building::{self, Building};
use crate::failure::{Failure, with_causes};
use crate::http;
use crate::output::Output;
use crate::place::{self, Place};
use crate::run;
use crate::services::{Loaded, load_configured, services};
use crate::terminal::Terminal;

pub(crate) fn check(args: &Check, terminal: &Terminal, output: &Output) -> Result<(), Failure> {
    // Nothing is instantiated.
    let engine = EngineConfig { services: services(), max_instances: 1, ..EngineConfig::default() };
    let engine = Engine::new(engine);
    let engine = engine.map_err(|error| Failure::run("components cannot be checked", error))?;
    let (components, configured) = components(args, terminal)?;
    let names = components.iter().map(|(name, _)| name.clone());
    let mut building = Building::new(terminal, &[]).with_names(names);
    for (name, file) in &components {
        building.loading(name);
        let loaded = Component::load(&engine, file);
        building.loaded(name);
        let component = loaded.map_err(|error| misfit(name, error))?;
        terminal.finish();
        if let Some(configured) = &configured {
            let no_fit = || format!("`{name}` does not fit the app");
            let checked = component.check_services(&configured.configs);
            checked.map_err(|error| Failure::misfit(no_fit(), error))?;
            let checked = HttpServer::check_component(&configured.http, name, &component);
            checked.map_err(|error| Failure::misfit(no_fit(), error))?;
        }
        let how = match component.runs_on_fiber() {
            true => "on a fiber, because it imports functions that can wait",
            false => "directly, because none of its imports can wait",
        };
        output.line(format!("{name}: fits; runs {how}"));
    }
    let Some(configured) = configured else { return Ok(()) };
    http::check(&configured.http, output)?;
    if args.connect { connect(&configured.backends, output) } else { Ok(()) }
}

/// Asks every backend for its product and version.
fn connect(backends: &BackendSet, output: &Output) -> Result<(), Failure> {
    // The runtime panics without its threads: the worker, and those that look up names.
    ensure_threads(2).map_err(|error| Failure::run("the backends cannot be asked", error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::run("the runtime cannot be started", error))?;
    let mut failed: Option<OpenError> = None;
    for report in runtime.block_on(backends.check()) {
        let (name, kind) = (report.name, report.kind);
        match report.answer {
            Ok(product) => output.line(format!("backend {name} ({kind}): {product}")),
            Err(error) => {
                output.line(format!("backend {name} ({kind}): {}", with_causes(&error)));
                failed = failed.or(Some(error));
            }
        }
    }
    runtime.shutdown_background();
    failed.map_or(Ok(()), |error| Err(Failure::run("a backend does not answer", error)))
}

fn misfit(name: &str, error: LoadError) -> Failure {
    match error {
        LoadError::Read { .. } => Failure::misfit(format!("`{name}` cannot be checked"), error),
        error => Failure::misfit(format!("`{name}` does not fit"), error),
    }
}

/// The names and `.wasm` files of the components to check.
type Files = Vec<(String, PathBuf)>;

/// The parts of an app beside its components.
struct Configured {
    configs: ServiceConfigs,
    backends: BackendSet,
    http: Vec<HttpListener>,
}

/// The components to check, and the configurations of an app. Folders are built first.
fn components(args: &Check, terminal: &Terminal) -> Result<(Files, Option<Configured>), Failure> {
    let Loaded { app, configs, backends, .. } = match place::app_or_component(&args.path)? {
        Place::App(manifest) => load_configured(&manifest, &args.config)?,
        Place::Component(_) | Place::Wasm(_) if args.connect || !args.config.config.is_empty() => {
            return Err(Failure::usage(
                "--connect and --config are for an app; give its app.toml or its folder",
            ));
        }
        Place::Component(folder) => {
            let manifest = ComponentManifest::load(&folder.join("Component.toml"))?;
            let mut building = Building::new(terminal, std::slice::from_ref(&folder));
            let file = builder::build(&folder, |event| building.show(&event))?;
            return Ok((vec![(manifest.name, file)], None));
        }
        Place::Wasm(file) => return Ok((vec![(file.display().to_string(), file)], None)),
    };
    let mut building = Building::new(terminal, &building::folders(&app));
    let locate = |component| {
        let file = app::locate(component, &mut |event| run::show_start(terminal, &mut building, &event))?;
        building.end();
        Ok((component.name.clone(), file))
    };
    let files = app.components.iter().map(locate).collect::<Result<_, Failure>>()?;
    Ok((files, Some(Configured { configs, backends, http: app.http })))
}
