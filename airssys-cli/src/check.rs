//! `airssys check`: manifests, and whether components fit the host.

use std::path::{Path, PathBuf};

use airssys_wasm::app;
use airssys_wasm::manifest::ComponentManifest;
use airssys_wasm::{Component, Engine, EngineConfig, LoadError, builder};

use crate::args::{Check, app_or_component};
use crate::build;
use crate::failure::Failure;
use crate::output::Output;
use crate::run;
use crate::services::{load_app, services};
use crate::terminal::Terminal;

pub(crate) fn check(args: &Check, terminal: &Terminal, output: &Output) -> Result<(), Failure> {
    // Nothing is instantiated.
    let engine = EngineConfig { services: services(), max_instances: 1, ..EngineConfig::default() };
    let engine = Engine::new(engine);
    let engine = engine.map_err(|error| Failure::run("components cannot be checked", error))?;
    let components = components(&app_or_component(&args.path), terminal)?;
    for (name, file) in &components {
        terminal.working(format!("checking {name}"));
        let loaded = Component::load(&engine, file);
        let component = loaded.map_err(|error| misfit(name, error))?;
        terminal.finish();
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

/// The names and `.wasm` files of the components to check. Folders are built first.
fn components(path: &Path, terminal: &Terminal) -> Result<Vec<(String, PathBuf)>, Failure> {
    if path.is_dir() {
        let manifest = ComponentManifest::load(&path.join("Component.toml"))?;
        let file = builder::build(path, |event| build::show(terminal, &event))?;
        return Ok(vec![(manifest.name, file)]);
    }
    if path.extension().is_some_and(|extension| extension == "wasm") {
        return Ok(vec![(path.display().to_string(), path.to_owned())]);
    }
    let app = load_app(path)?;
    let locate = |component| {
        let file = app::locate(component, &mut |event| run::show_start(terminal, &event))?;
        Ok((component.name.clone(), file))
    };
    app.components.iter().map(locate).collect()
}
