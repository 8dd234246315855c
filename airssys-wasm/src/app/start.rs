//! Starting an app.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airssys_rt::ActorSystem;
use airssys_spec::Limits;
use airssys_spec::manifest::{App, Diagnostics, Runtime};

use crate::app::input::InputOverride;
use crate::app::loading;
use crate::app::running::RunningApp;
use crate::app::starting::{AppEvent, StartAppError};
use crate::app::tree::{PreparedTree, StopApp};
use crate::backend::list::Backends;
use crate::backend::set::BackendSet;
use crate::compile::Compiler;
use crate::guest::engine::EngineConfig;
use crate::guest::services::Services;
use crate::host::spec::STOP_TIMEOUT;
use crate::host::{ComponentHost, HostOptions};
use crate::observe::audit::Audit;
use crate::observe::snapshot::StartStep;
use crate::observe::trace::MessageTracer;

/// Options for the start of an app.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// The folder in which compiled components are kept between runs, or `None` to keep nothing.
    /// Default: that of [`EngineConfig`].
    pub cache_dir: Option<PathBuf>,
    /// The place where components are compiled. Default: that of [`EngineConfig`].
    pub compiler: Compiler,
    /// An input in place of the one that the manifest grants.
    pub input: Option<InputOverride>,
    /// The tracer that makes a span for each message that is handled. Default: no spans.
    pub tracer: Option<Arc<dyn MessageTracer>>,
    /// The services whose interfaces components can import. Default: the contract and WASI.
    pub services: Services,
    /// The products that can serve the labels of services. Default: none.
    pub backends: Backends,
    /// The configuration of backends and labels. Default: empty, so that each service has its embedded
    /// default.
    pub runtime: Runtime,
    /// The time that each component has to stop. Default: that of [`ComponentSpec`](crate::ComponentSpec::stop_timeout).
    pub stop_timeout: Duration,
}

impl Default for StartOptions {
    fn default() -> StartOptions {
        let EngineConfig { cache_dir, compiler, services, .. } = EngineConfig::default();
        let stop_timeout = STOP_TIMEOUT;
        let (backends, runtime) = (Backends::default(), Runtime::default());
        let (input, tracer) = (None, None);
        StartOptions { cache_dir, compiler, input, tracer, services, backends, runtime, stop_timeout }
    }
}

/// Builds, loads and starts the components of an app: [`StartingApp::new`] and [`StartingApp::start`].
///
/// # Errors
/// [`StartAppError`]. Components that had started are stopped again.
pub async fn start(
    manifest: &App,
    options: StartOptions,
    tell: impl FnMut(AppEvent),
) -> Result<RunningApp, StartAppError> {
    StartingApp::new(manifest, options)?.start(tell).await
}

/// An app with a host, whose components have not started yet.
pub struct StartingApp {
    manifest: App,
    host: ComponentHost,
    cache_dir: Option<PathBuf>,
    compiler: Compiler,
    input: Option<InputOverride>,
    services: Services,
    stop_timeout: Duration,
}

impl StartingApp {
    /// Makes the host of an app. Opens its audit and its state folder, and so blocks on the disk.
    ///
    /// # Errors
    /// [`StartAppError`] if the audit, the state folder or the table of a service cannot be used.
    pub fn new(manifest: &App, options: StartOptions) -> Result<StartingApp, StartAppError> {
        let StartOptions { cache_dir, compiler, input, tracer, services, backends, runtime, stop_timeout } =
            options;
        let configs = services.configure(&manifest.services)?;
        let backends = configure_backends(manifest, &services, &backends, &runtime)?;
        let system = ActorSystem::builder(manifest.name.as_str()).supervisor(manifest.supervisor).build();
        let audit = manifest.audit.clone().map(Audit::to_file).transpose()?;
        let options = HostOptions { audit, state: manifest.state.clone(), services: configs, backends };
        let host = ComponentHost::with_options(system, options)?;
        if let Some(tracer) = tracer {
            host.trace_with(tracer);
        }
        host.set_start_step(Some(StartStep::Loading));
        let manifest = manifest.clone();
        Ok(StartingApp { manifest, host, cache_dir, compiler, input, services, stop_timeout })
    }

    /// The host of its components. To end a start early, drop the future of [`StartingApp::start`] and
    /// call [`ComponentHost::shutdown`].
    pub fn host(&self) -> &ComponentHost {
        &self.host
    }

    /// Builds, loads and starts the components.
    ///
    /// Components and groups start in the order of the manifest, and the members of a group in the
    /// order of its list. All mailboxes exist before the first component starts, so every component can
    /// send to every other from its start.
    ///
    /// Not cancel safe: the components that had started go on, and a build that has begun goes on in
    /// the background.
    ///
    /// # Errors
    /// [`StartAppError`]. Components that had started are stopped again.
    pub async fn start(&self, mut tell: impl FnMut(AppEvent)) -> Result<RunningApp, StartAppError> {
        let started = self.start_all(&mut tell).await;
        self.host.set_start_step(None);
        if started.is_err() {
            let stopped = self.host.shutdown(Duration::from_secs(5)).await;
            tracing::debug!(?stopped, "stopped the components that had started");
        }
        Ok(RunningApp::new(&self.manifest, self.host.clone(), started?))
    }

    async fn start_all(&self, tell: &mut impl FnMut(AppEvent)) -> Result<StopApp, StartAppError> {
        let StartingApp { manifest, host, cache_dir, compiler, input, services, stop_timeout } = self;
        let engine = EngineConfig {
            cache_dir: cache_dir.clone(),
            cache_app: app_id(manifest),
            compiler: compiler.clone(),
            services: services.clone(),
            ..engine_for(manifest)
        };
        let mut specs = loading::load(engine, manifest.components.clone(), input.clone(), tell).await?;
        for spec in &mut specs {
            spec.stop_timeout = *stop_timeout;
            host.connect(&spec.component).await?;
        }
        PreparedTree::new(host, manifest, specs)?.start(host, tell).await
    }
}

/// Configures the backends and labels of an app, without connecting.
///
/// # Errors
/// Every mistake in the runtime configuration, a label that no component of the app may use included.
pub fn configure_backends(
    app: &App,
    services: &Services,
    backends: &Backends,
    runtime: &Runtime,
) -> Result<BackendSet, Diagnostics> {
    let used: Vec<_> = app.components.iter().map(|component| &component.capabilities).collect();
    backends.configure(runtime, &services.labels(), Some(&used))
}

/// The name of the app's share of the cache: its file, because several apps can have one name.
fn app_id(manifest: &App) -> String {
    let file = std::path::absolute(&manifest.file).unwrap_or_else(|_| manifest.file.clone());
    file.to_string_lossy().into_owned()
}

/// The size of an engine for this app.
fn engine_for(manifest: &App) -> EngineConfig {
    let elements = manifest.components.iter().map(|component| component.limits.table_elements);
    EngineConfig {
        // Set by the options of the start.
        cache_dir: None,
        // At least the limit of the app, so that the limit refuses larger tables with its own message.
        max_table_elements: elements.fold(Limits::APP_MAX.table_elements, usize::max),
        ..EngineConfig::default()
    }
}
