//! The code of an app's components.

use std::future::pending;
use std::path::PathBuf;
use std::thread;

use airssys_build::BuildError;
use airssys_spec::manifest::{AppComponent, Source};
use tokio::sync::mpsc::unbounded_channel;

use crate::app::input::InputOverride;
use crate::app::starting::{AppEvent, StartAppError};
use crate::guest::component::Component;
use crate::guest::engine::{Engine, EngineConfig};
use crate::guest::load_error::LoadError;
use crate::guest::pool::Room;
use crate::host::spec::ComponentSpec;

/// Room for instances that start while the instances that they replace still end.
const SPARE_INSTANCES: u32 = 64;

/// Receives the events of a start, from several threads.
type Tell<'a> = dyn Fn(AppEvent) + Sync + 'a;

/// Builds components that are folders, one after the other, and loads all, on all processors.
///
/// This takes minutes at times, so it happens on a thread for blocking work.
pub(super) async fn load(
    config: EngineConfig,
    components: Vec<AppComponent>,
    replaced: Option<InputOverride>,
    tell: &mut impl FnMut(AppEvent),
) -> Result<Vec<ComponentSpec>, StartAppError> {
    let (events, mut told) = unbounded_channel();
    let load = move || {
        // The receiver is dropped if the start is given up.
        load_blocking(config, &components, replaced.as_ref(), &|event| drop(events.send(event)))
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

/// The engine has room for the app's instances and little more, because reserving room takes time.
fn load_blocking(
    mut config: EngineConfig,
    components: &[AppComponent],
    replaced: Option<&InputOverride>,
    tell: &Tell<'_>,
) -> Result<Vec<ComponentSpec>, StartAppError> {
    let located = components.iter().map(|component| locate(component, &mut |event| tell(event)));
    let paths = located.collect::<Result<Vec<_>, _>>()?;
    let instances: usize = components.iter().map(|component| component.max_stores()).sum();
    config.max_instances = count(instances).saturating_add(SPARE_INSTANCES);
    let engine = Engine::new(config.clone())?;
    let mut loaded = load_files(&engine, components, &paths, tell);
    let room = room_for(components, &loaded);
    if !engine.has_room_for(room) {
        // Composed components have several memories, which only their code tells. The code comes from the
        // cache; without one it is compiled a second time.
        (config.max_memories, config.max_tables) = (Some(room.memories), Some(room.tables));
        loaded = load_files(&Engine::new(config)?, components, &paths, tell);
    }
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

/// Returns the room for all instances of the loaded components, and for the spare ones.
fn room_for(components: &[AppComponent], loaded: &[Result<Component, LoadError>]) -> Room {
    let with_code = components.iter().zip(loaded);
    let sizes =
        with_code.filter_map(|(component, code)| Some((component.max_stores(), code.as_ref().ok()?.room)));
    let (all, largest) = sizes.fold(<(Room, Room)>::default(), |(all, largest), (instances, room)| {
        (all.plus(room.times(count(instances))), largest.or(room))
    });
    all.plus(largest.times(SPARE_INSTANCES))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Loads the files of these components, in their order.
fn load_files(
    engine: &Engine,
    components: &[AppComponent],
    paths: &[PathBuf],
    tell: &Tell<'_>,
) -> Vec<Result<Component, LoadError>> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let load_one = |(component, path): &(&AppComponent, &PathBuf)| {
        tell(AppEvent::Loading { component: component.name.clone() });
        let loaded = Component::load(engine, path);
        tell(AppEvent::Loaded { component: component.name.clone() });
        loaded
    };
    let load = |share: &[(&AppComponent, &PathBuf)]| share.iter().map(load_one).collect::<Vec<_>>();
    let files: Vec<_> = components.iter().zip(paths).collect();
    let mut shares = files.chunks(files.len().div_ceil(processors).max(1));
    let own = shares.next().unwrap_or_default();
    thread::scope(|scope| {
        let load = &load;
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
