//! Starting an app.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airssys_rt::ActorSystem;
use airssys_spec::Limits;
use airssys_spec::manifest::App;

use crate::app::input::InputOverride;
use crate::app::loading;
use crate::app::running::RunningApp;
use crate::app::starting::{AppEvent, StartAppError};
use crate::guest::engine::{Engine, EngineConfig};
use crate::guest::services::Services;
use crate::host::spec::ComponentSpec;
use crate::host::{ComponentHost, HostOptions};
use crate::observe::audit::Audit;
use crate::observe::trace::MessageTracer;

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
    let services = options.services.configure(&manifest.services)?;
    let engine = Engine::new(engine_for(manifest, options.cache_dir, options.services))?;
    let specs = loading::load(&engine, &manifest.components, options.input.as_ref(), &mut tell)?;
    let tracer = options.tracer;
    let system = ActorSystem::builder(manifest.name.as_str()).supervisor(manifest.supervisor).build();
    let audit = manifest.audit.clone().map(Audit::to_file).transpose()?;
    let options = HostOptions { audit, state: manifest.state.clone(), services };
    let host = ComponentHost::with_options(system, options)?;
    if let Some(tracer) = tracer {
        host.trace_with(tracer);
    }
    if let Err(error) = start_all(&host, specs, &mut tell).await {
        let stopped = host.shutdown(Duration::from_secs(5)).await;
        tracing::debug!(?stopped, "stopped what had started");
        return Err(error);
    }
    let (name, until, report) = (manifest.name.clone(), manifest.until.clone(), manifest.report.clone());
    Ok(RunningApp::new(name, host, until, report))
}

/// Room for what the app has, and no more: what is reserved for an instance takes time, also if there
/// never is one.
fn engine_for(manifest: &App, cache_dir: Option<PathBuf>, services: Services) -> EngineConfig {
    let components = &manifest.components;
    let instances: usize = components.iter().map(|component| component.instances).sum();
    let elements = components.iter().map(|component| component.limits.table_elements);
    EngineConfig {
        cache_dir,
        max_instances: u32::try_from(instances).unwrap_or(u32::MAX).saturating_add(SPARE_INSTANCES),
        // Not below that, so that it is the limit which refuses too many, and says so.
        max_table_elements: elements.fold(Limits::APP_MAX.table_elements, usize::max),
        services,
    }
}

async fn start_all(
    host: &ComponentHost,
    specs: Vec<ComponentSpec>,
    tell: &mut impl FnMut(AppEvent),
) -> Result<(), StartAppError> {
    for spec in &specs {
        host.connect(&spec.component).await?;
    }
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
