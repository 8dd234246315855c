//! An app: the components of an `app.toml`, built, started and followed to their end.

mod loading;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use airssys_message::Codec;
use airssys_message::report::{REPORT_REQUEST, Report};
use airssys_rt::{ActorSystem, ExitReason, ShutdownReport, SupervisorFailure};
use airssys_spec::manifest::{App, AppComponent, Source};
use airssys_spec::{Input, Limits};

use crate::audit::{Audit, AuditError};
use crate::builder::{self, BuildError, BuildEvent};
use crate::component::LoadError;
use crate::component_host::{CallError, ComponentHost, HostOptions, SpawnError};
use crate::component_spec::ComponentSpec;
use crate::dead_letters::DeadLetters;
use crate::engine::{Engine, EngineConfig, EngineError};
use crate::state::StateError;
use crate::stats::ComponentSummary;
use crate::trace::MessageTracer;

/// How long a component may take over its report.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

/// Room for instances that start while others, which they replace, still end.
const SPARE_INSTANCES: u32 = 64;

/// How an app is started.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Folder in which compiled components are kept between runs; none keeps nothing. Default: that of
    /// [`EngineConfig`].
    pub cache_dir: Option<PathBuf>,
    /// An input in place of the one that the manifest grants.
    pub input: Option<InputOverride>,
    /// Who makes spans of the messages that are handled, if anybody does.
    pub tracer: Option<Arc<dyn MessageTracer>>,
}

impl Default for StartOptions {
    fn default() -> StartOptions {
        StartOptions { cache_dir: EngineConfig::default().cache_dir, input: None, tracer: None }
    }
}

/// An input in place of the one that the manifest grants to a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputOverride {
    component: String,
    input: Input,
}

/// Why an input cannot be put in place of a manifest's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// No component of the app reads one.
    #[error("no component of this app reads an input")]
    NoReader,
    /// Several do, and it was not said which.
    #[error("{} read an input: say which, as in --input {}=FILE", readers.join(" and "), readers[0])]
    Ambiguous {
        /// The components that read an input.
        readers: Vec<String>,
    },
    /// The file cannot be read.
    #[error("the input {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl InputOverride {
    /// Reads `FILE`, or `NAME=FILE` where several components of the app read an input; `-` as
    /// the file is the program's standard input.
    ///
    /// # Errors
    /// [`InputError`] if no component reads an input, it is not clear which is meant, or the file
    /// cannot be read.
    pub fn parse(text: &str, app: &App) -> Result<InputOverride, InputError> {
        let readers: Vec<&AppComponent> = app.components.iter().filter(|c| c.capabilities.input).collect();
        let named = text.split_once('=').and_then(|(name, file)| {
            readers.iter().find(|reader| reader.name == name).map(|reader| (reader, file))
        });
        let (reader, file) = match (&readers[..], named) {
            ([], _) => return Err(InputError::NoReader),
            (_, Some(found)) => found,
            ([only], None) => (only, text),
            (several, None) => {
                let readers = several.iter().map(|reader| reader.name.clone()).collect();
                return Err(InputError::Ambiguous { readers });
            }
        };
        let input = match file {
            "-" => Input::Program,
            file => Input::File(readable(Path::new(file))?),
        };
        Ok(InputOverride { component: reader.name.clone(), input })
    }
}

/// A file that exists, and is no folder. Not opened: a pipe can be opened only once.
fn readable(path: &Path) -> Result<PathBuf, InputError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
    .map_err(|source| InputError::File { path: path.to_owned(), source })
}

/// What is told while an app starts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AppEvent {
    /// A component that is a folder is being built.
    Build(BuildEvent),
    /// A component is being loaded, and compiled if it is new.
    Loading {
        /// Its name.
        component: String,
    },
    /// A component is being started.
    Starting {
        /// Its name.
        component: String,
    },
}

/// Why an app does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartAppError {
    /// A component does not build.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A component cannot be loaded.
    #[error("`{component}` cannot be loaded from {}", path.display())]
    Load {
        /// Its name in the app.
        component: String,
        /// Its `.wasm` file.
        path: PathBuf,
        /// Why not.
        source: LoadError,
    },
    /// Its audit cannot be kept.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A component does not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// The component that the run waits for has stopped, and every mailbox has drained.
    Done,
    /// Something was given up.
    Failed(RunError),
}

/// Why a run failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The component that the run waits for ended otherwise than by its own will.
    #[error("`{component}`, which the run waits for, ended before its work was done: {reason}")]
    UntilFailed {
        /// Its name.
        component: String,
        /// How it ended.
        reason: ExitReason,
    },
    /// A component failed more often than its supervisor allows.
    #[error(transparent)]
    GivenUp(SupervisorFailure),
}

/// An app that runs.
pub struct RunningApp {
    name: String,
    host: ComponentHost,
    until: Option<String>,
    report: Option<String>,
}

/// Builds, loads and starts the components of an app.
///
/// All mailboxes exist before the first component starts, so the order of the components in the
/// manifest decides who starts first, not who can be sent to. Blocks the calling task while
/// components are built and compiled.
///
/// # Errors
/// [`StartAppError`]; what had started is stopped again.
pub async fn start(
    manifest: &App,
    options: StartOptions,
    mut tell: impl FnMut(AppEvent),
) -> Result<RunningApp, StartAppError> {
    let engine = Engine::new(engine_for(manifest, options.cache_dir))?;
    let specs = loading::load(&engine, &manifest.components, options.input.as_ref(), &mut tell)?;
    let system = ActorSystem::builder(manifest.name.as_str()).supervisor(manifest.supervisor).build();
    let audit = manifest.audit.clone().map(Audit::to_file).transpose()?;
    let host = ComponentHost::with_options(system, HostOptions { audit, state: manifest.state.clone() })?;
    if let Some(tracer) = options.tracer {
        host.trace_with(tracer);
    }
    if let Err(error) = start_all(&host, specs, &mut tell).await {
        let stopped = host.shutdown(Duration::from_secs(5)).await;
        tracing::debug!(?stopped, "stopped what had started");
        return Err(error);
    }
    let (name, until, report) = (manifest.name.clone(), manifest.until.clone(), manifest.report.clone());
    Ok(RunningApp { name, host, until, report })
}

/// Room for what the app has, and no more: what is reserved for an instance takes time, also if there
/// never is one.
fn engine_for(manifest: &App, cache_dir: Option<PathBuf>) -> EngineConfig {
    let components = &manifest.components;
    let instances: usize = components.iter().map(|component| component.instances).sum();
    let elements = components.iter().map(|component| component.limits.table_elements);
    EngineConfig {
        cache_dir,
        max_instances: u32::try_from(instances).unwrap_or(u32::MAX).saturating_add(SPARE_INSTANCES),
        // Not below that, so that it is the limit which refuses too many, and says so.
        max_table_elements: elements.fold(Limits::APP_MAX.table_elements, usize::max),
    }
}

async fn start_all(
    host: &ComponentHost,
    specs: Vec<ComponentSpec>,
    tell: &mut impl FnMut(AppEvent),
) -> Result<(), StartAppError> {
    let mut prepared = Vec::with_capacity(specs.len());
    for spec in specs {
        prepared.push((spec.name.clone(), host.prepare(spec)?));
    }
    for (component, prepared) in prepared {
        tell(AppEvent::Starting { component });
        host.start(prepared).await?;
    }
    Ok(())
}

/// Builds a component if it is a folder; its `.wasm` file.
///
/// # Errors
/// [`BuildError`] if it does not build.
pub fn locate(component: &AppComponent, tell: &mut impl FnMut(AppEvent)) -> Result<PathBuf, BuildError> {
    match &component.source {
        Source::Folder(folder) => builder::build(folder, |event| tell(AppEvent::Build(event))),
        Source::Wasm(file) => Ok(file.clone()),
    }
}

impl RunningApp {
    /// The app's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The components, for whoever wants to send to them.
    pub fn host(&self) -> &ComponentHost {
        &self.host
    }

    /// Waits until the run has ended: the component that it waits for (`until`) has stopped and
    /// every mailbox has drained, or something was given up. An app without `until` only ends by
    /// a failure. Cancel safe.
    pub async fn ended(&self) -> Ended {
        tokio::select! {
            failure = self.host.system().failed() => Ended::Failed(RunError::GivenUp(failure)),
            ended = self.done() => ended,
        }
    }

    async fn done(&self) -> Ended {
        let Some(until) = &self.until else { return std::future::pending().await };
        for actor in self.host.actors(until) {
            let reason = actor.closed().await;
            self.unless_failing().await;
            if !matches!(reason, ExitReason::Normal) {
                let component = until.clone();
                return Ended::Failed(RunError::UntilFailed { component, reason });
            }
        }
        self.host.drained().await;
        self.unless_failing().await;
        Ended::Done
    }

    /// Never resolves if a component was given up: what is seen then only follows from that, and
    /// the failure itself comes when all others have been stopped.
    async fn unless_failing(&self) {
        if self.host.system().is_failing() {
            std::future::pending::<()>().await;
        }
    }

    /// Asks the component that reports (`report`) for its report; none if the app has no such.
    ///
    /// # Errors
    /// [`CallError`] if it does not answer with a report.
    pub async fn report(&self) -> Result<Option<Report>, CallError> {
        let Some(target) = &self.report else { return Ok(None) };
        let no_reply = |reason: String| CallError::NoReply { target: target.clone(), reason };
        let mut request = Vec::new();
        Codec::Cbor.write_prefix(&mut request);
        ciborium::into_writer(REPORT_REQUEST, &mut request).map_err(|error| no_reply(error.to_string()))?;
        let reply = self.host.request(target, request, REPORT_TIMEOUT).await?;
        match Codec::split(&reply) {
            Ok((Codec::Cbor, body)) => {
                let report = ciborium::from_reader(body);
                report.map(Some).map_err(|error| no_reply(format!("its reply is no report: {error}")))
            }
            Ok((codec, _)) => Err(no_reply(format!("its report is {codec}, not cbor"))),
            Err(error) => Err(no_reply(format!("its reply is no report: {error}"))),
        }
    }

    /// What each component did.
    pub fn summaries(&self) -> Vec<ComponentSummary> {
        self.host.summaries()
    }

    /// How many messages, callbacks and restarts are under way.
    pub fn in_flight(&self) -> usize {
        self.host.in_flight()
    }

    /// Messages that could not be handled.
    pub fn dead_letters(&self) -> &DeadLetters {
        self.host.dead_letters()
    }

    /// Stops all components, the last started first, within `deadline`.
    pub async fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        self.host.shutdown(deadline).await
    }
}
