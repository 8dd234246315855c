//! Starting an app.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airssys_rt::{ActorSystem, SupervisorRef};
use airssys_spec::Limits;
use airssys_spec::manifest::App;

use crate::app::input::InputOverride;
use crate::app::loading;
use crate::app::running::RunningApp;
use crate::app::starting::{AppEvent, StartAppError};
use crate::app::tree::PreparedTree;
use crate::guest::engine::EngineConfig;
use crate::guest::services::Services;
use crate::host::spec::ComponentSpec;
use crate::host::{ComponentHost, HostOptions};
use crate::observe::audit::Audit;
use crate::observe::trace::MessageTracer;

/// Options for the start of an app.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// The folder in which compiled components are kept between runs, or `None` to keep nothing.
    /// Default: that of [`EngineConfig`].
    pub cache_dir: Option<PathBuf>,
    /// An input in place of the one that the manifest grants.
    pub input: Option<InputOverride>,
    /// The tracer that makes a span for each message that is handled. Default: no spans.
    pub tracer: Option<Arc<dyn MessageTracer>>,
    /// The services whose interfaces components can import. Default: the contract and WASI.
    pub services: Services,
}

impl Default for StartOptions {
    fn default() -> StartOptions {
        let EngineConfig { cache_dir, services, .. } = EngineConfig::default();
        StartOptions { cache_dir, input: None, tracer: None, services }
    }
}

/// Builds, loads and starts the components of an app.
///
/// Components and groups start in the order of the manifest, and the members of a group in the order
/// of its list. All mailboxes exist before the first component starts, so every component can send to
/// every other from its start. Blocks the calling task while components are built and compiled.
///
/// # Errors
/// [`StartAppError`]. Components that had started are stopped again.
pub async fn start(
    manifest: &App,
    options: StartOptions,
    mut tell: impl FnMut(AppEvent),
) -> Result<RunningApp, StartAppError> {
    let services = options.services.configure(&manifest.services)?;
    let engine = engine_for(manifest, options.cache_dir, options.services);
    let specs = loading::load(engine, &manifest.components, options.input.as_ref(), &mut tell)?;
    let tracer = options.tracer;
    let system = ActorSystem::builder(manifest.name.as_str()).supervisor(manifest.supervisor).build();
    let audit = manifest.audit.clone().map(Audit::to_file).transpose()?;
    let options = HostOptions { audit, state: manifest.state.clone(), services };
    let host = ComponentHost::with_options(system, options)?;
    if let Some(tracer) = tracer {
        host.trace_with(tracer);
    }
    let stop_app = match start_all(&host, manifest, specs, &mut tell).await {
        Ok(stop_app) => stop_app,
        Err(error) => {
            let stopped = host.shutdown(Duration::from_secs(5)).await;
            tracing::debug!(?stopped, "stopped the components that had started");
            return Err(error);
        }
    };
    Ok(RunningApp::new(manifest, host, stop_app))
}

fn engine_for(manifest: &App, cache_dir: Option<PathBuf>, services: Services) -> EngineConfig {
    let elements = manifest.components.iter().map(|component| component.limits.table_elements);
    EngineConfig {
        cache_dir,
        // At least the limit of the app, so that the limit refuses larger tables with its own message.
        max_table_elements: elements.fold(Limits::APP_MAX.table_elements, usize::max),
        services,
        ..EngineConfig::default()
    }
}

async fn start_all(
    host: &ComponentHost,
    app: &App,
    specs: Vec<ComponentSpec>,
    tell: &mut impl FnMut(AppEvent),
) -> Result<Vec<SupervisorRef>, StartAppError> {
    for spec in &specs {
        host.connect(&spec.component).await?;
    }
    PreparedTree::new(host, app, specs)?.start(host, tell).await
}
