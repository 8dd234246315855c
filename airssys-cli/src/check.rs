//! `airssys check`: manifests, and whether components fit the host.

use std::path::{Path, PathBuf};

use airssys_wasm::app;
use airssys_wasm::manifest::ComponentManifest;
use airssys_wasm::{Component, Engine, EngineConfig, LoadError, ServiceConfigs, builder};

use crate::args::Check;
use crate::building::{self, Building};
use crate::failure::Failure;
use crate::output::Output;
use crate::place::{self, Place};
use crate::run;
use crate::services::{load_configured, services};
use crate::terminal::Terminal;

pub(crate) fn check(args: &Check, terminal: &Terminal, output: &Output) -> Result<(), Failure> {
    // Nothing is instantiated.
    let engine = EngineConfig { services: services(), max_instances: 1, ..EngineConfig::default() };
    let engine = Engine::new(engine);
    let engine = engine.map_err(|error| Failure::run("components cannot be checked", error))?;
    let (components, configs) = components(&args.path, terminal)?;
    let names = components.iter().map(|(name, _)| name.clone());
    let mut building = Building::new(terminal, &[]).with_names(names);
    for (name, file) in &components {
        building.loading(name);
        let loaded = Component::load(&engine, file);
        building.loaded(name);
        let component = loaded.map_err(|error| misfit(name, error))?;
        terminal.finish();
        if let Some(configs) = &configs {
            let configured = component.check_services(configs);
            configured.map_err(|error| Failure::misfit(format!("`{name}` does not fit the app"), error))?;
        }
        let how = match component.runs_on_fiber() {
            true => "on a fiber, because it imports functions that can wait",
            false => "directly, because none of its imports can wait",
        };
        output.line(format!("{name}: fits; runs {how}"));
    }
    Ok(())
}

fn misfit(name: &str, error: LoadError) -> Failure {
    match error {
        LoadError::Read { .. } => Failure::misfit(format!("`{name}` cannot be checked"), error),
        error => Failure::misfit(format!("`{name}` does not fit"), error),
    }
}

/// The names and `.wasm` files of the components to check.
type Files = Vec<(String, PathBuf)>;

/// The components to check, and the configurations of an app's services. Folders are built first.
fn components(path: &Path, terminal: &Terminal) -> Result<(Files, Option<ServiceConfigs>), Failure> {
    let (app, configs) = match place::app_or_component(path)? {
        Place::App(manifest) => load_configured(&manifest)?,
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
    Ok((files, Some(configs)))
}
