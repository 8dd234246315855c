//! The code of an app's components.

use std::future::pending;
use std::path::PathBuf;
use std::thread;

use airssys_build::BuildError;
use airssys_spec::manifest::{AppComponent, Source};
use tokio::sync::mpsc::unbounded_channel;

use crate::app::input::InputOverride;
use crate::app::starting::{AppEvent, StartAppError};
use crate::guest::component::{Component, LoadError};
use crate::guest::engine::Engine;
use crate::host::spec::ComponentSpec;

/// Builds components that are folders, one after the other, and loads all, on all processors.
///
/// This takes minutes at times, so it happens on a thread for blocking work.
pub(super) async fn load(
    engine: Engine,
    components: Vec<AppComponent>,
    replaced: Option<InputOverride>,
    tell: &mut impl FnMut(AppEvent),
) -> Result<Vec<ComponentSpec>, StartAppError> {
    let (events, mut told) = unbounded_channel();
    let load = move || {
        // The receiver is dropped if the start is given up.
        load_blocking(&engine, &components, replaced.as_ref(), &mut |event| drop(events.send(event)))
    };
    let loading = tokio::task::spawn_blocking(load);
    while let Some(event) = told.recv().await {
        tell(event);
    }
    match loading.await {
        Ok(loaded) => loaded,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and this task with it.
            Err(_) => pending().await,
        },
    }
}

fn load_blocking(
    engine: &Engine,
    components: &[AppComponent],
    replaced: Option<&InputOverride>,
    tell: &mut impl FnMut(AppEvent),
) -> Result<Vec<ComponentSpec>, StartAppError> {
    let mut paths = Vec::with_capacity(components.len());
    for component in components {
        paths.push(locate(component, tell)?);
        tell(AppEvent::Loading { component: component.name.clone() });
    }
    let loaded = load_files(engine, &paths);
    let with_code = components.iter().zip(paths).zip(loaded);
    with_code
        .map(|((component, path), loaded)| {
            let failed = |source| StartAppError::Load { component: component.name.clone(), path, source };
            let mut spec = ComponentSpec::of_app(component, loaded.map_err(failed)?);
            if let Some(replaced) = replaced.filter(|replaced| replaced.component == component.name) {
                spec.input = Some(replaced.input.clone());
            }
            Ok(spec)
        })
        .collect()
}

/// Loads these files, in their order.
fn load_files(engine: &Engine, paths: &[PathBuf]) -> Vec<Result<Component, LoadError>> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let load = |share: &[PathBuf]| share.iter().map(|path| Component::load(engine, path)).collect::<Vec<_>>();
    let mut shares = paths.chunks(paths.len().div_ceil(processors).max(1));
    let own = shares.next().unwrap_or_default();
    thread::scope(|scope| {
        let others: Vec<_> = shares.map(|share| scope.spawn(move || load(share))).collect();
        let mut loaded = load(own);
        for other in others {
            loaded.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        loaded
    })
}

/// Builds a component if it is a folder. Returns its `.wasm` file.
///
/// # Errors
/// [`BuildError`] if it does not build.
pub fn locate(component: &AppComponent, tell: &mut impl FnMut(AppEvent)) -> Result<PathBuf, BuildError> {
    match &component.source {
        Source::Folder(folder) => airssys_build::build(folder, |event| tell(AppEvent::Build(event))),
        Source::Wasm(file) => Ok(file.clone()),
    }
}
