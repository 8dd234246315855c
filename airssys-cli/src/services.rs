//! The services and backends of this program, and apps loaded with their configurations.

use std::path::Path;

use airssys_wasm::app::configure_backends;
use airssys_wasm::manifest::{App, AppManifest, Diagnostics, Runtime, ServiceTable};
use airssys_wasm::{BackendSet, Backends, ServiceConfigs, Services};

use crate::args::Config;
use crate::runtime;

/// Returns the services whose interfaces components can import. Add a service here, with one line.
pub(crate) fn services() -> Services {
    let services = Services::default();
    #[cfg(feature = "keyvalue")]
    let services = services.with(airssys_keyvalue::KeyValue);
    services
}

/// Returns the products that can serve labels. Add a product here, with one line.
pub(crate) fn backends() -> Backends {
    let backends = Backends::default();
    #[cfg(feature = "keyvalue")]
    let backends = backends.with(airssys_keyvalue::File).with(airssys_keyvalue::Memory);
    backends
}

/// An app with the configurations of the program's services and backends.
pub(crate) struct Loaded {
    pub(crate) app: App,
    pub(crate) configs: ServiceConfigs,
    pub(crate) runtime: Runtime,
    pub(crate) backends: BackendSet,
}

/// Loads an app, and has the services read their `[service.NAME]` tables.
///
/// All mistakes are reported together, those in the tables of services included.
pub(crate) fn load_app(file: &Path) -> Result<App, Diagnostics> {
    load_manifests(file).map(|(app, _)| app)
}

/// As [`load_app`], with the configurations of the services and of the backends.
pub(crate) fn load_configured(file: &Path, config: &Config) -> Result<Loaded, Diagnostics> {
    let manifests = load_manifests(file);
    let app = manifests.as_ref().ok().map(|(app, _)| app);
    let runtime = runtime::load(config, file, app);
    let configured = runtime.and_then(|runtime| {
        let (services, backends) = (services(), backends());
        let set = match app {
            Some(app) => configure_backends(app, &services, &backends, &runtime),
            // The rights of its components are not known.
            None => backends.configure(&runtime, &services.labels(), None),
        };
        set.map(|set| (runtime, set))
    });
    match (manifests, configured) {
        (Ok((app, configs)), Ok((runtime, backends))) => Ok(Loaded { app, configs, runtime, backends }),
        (Ok(_), Err(found)) | (Err(found), Ok(_)) => Err(found),
        (Err(mut found), Err(more)) => {
            found.append(more);
            Err(found)
        }
    }
}

fn load_manifests(file: &Path) -> Result<(App, ServiceConfigs), Diagnostics> {
    let services = services();
    let configure = |tables: &[ServiceTable]| services.configure(tables);
    AppManifest::load_configured(file, &services.names(), configure)
}
