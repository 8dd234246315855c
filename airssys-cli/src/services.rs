//! The services and backends of this program, and apps loaded with their configurations.

use std::path::Path;

use airssys_config::Config;
use airssys_http::Http;
use airssys_logging::Logging;
use airssys_wasm::app::configure_backends;
use airssys_wasm::manifest::{App, AppManifest, Diagnostics, Runtime, ServiceTable};
use airssys_wasm::{BackendSet, Backends, ServiceConfigs, Services};

use crate::args;
use crate::runtime;

/// Returns the services whose interfaces components can import. Add a service here, with one line.
pub(crate) fn services() -> Services {
    let services = Services::default().with(Config).with(Http::default()).with(Logging);
    #[cfg(feature = "blobstore")]
    let services = services.with(airssys_blobstore::Blobstore);
    #[cfg(feature = "keyvalue")]
    let services = services.with(airssys_keyvalue::KeyValue);
    #[cfg(feature = "secrets")]
    let services = services.with(airssys_secrets::Secrets);
    #[cfg(feature = "sql")]
    let services = services.with(airssys_sql::Sql);
    services
}

/// Returns the products that can serve labels. Add a product here, with one line.
pub(crate) fn backends() -> Backends {
    let backends = Backends::default();
    #[cfg(feature = "blobstore")]
    let backends = backends.with(airssys_blobstore::Folder).with(airssys_blobstore::Memory);
    #[cfg(feature = "keyvalue")]
    let backends = backends.with(airssys_keyvalue::File).with(airssys_keyvalue::Memory);
    #[cfg(feature = "nats")]
    let backends = backends.with(airssys_nats::Nats);
    #[cfg(feature = "redis")]
    let backends = backends.with(airssys_redis::Redis);
    #[cfg(feature = "secrets")]
    let backends = backends.with(airssys_secrets::EncryptedFile);
    #[cfg(feature = "s3")]
    let backends = backends.with(airssys_s3::S3);
    #[cfg(feature = "sql")]
    let backends = backends.with(airssys_sql::Sqlite);
    #[cfg(feature = "vault")]
    let backends = backends.with(airssys_vault::Vault);
    #[cfg(feature = "mysql")]
    let backends = backends.with(airssys_mysql::Mysql);
    #[cfg(feature = "postgres")]
    let backends = backends.with(airssys_postgres::Postgres);
    backends
}

/// An app with the configurations of the program's services and backends.
pub(crate) struct Loaded {
    pub(crate) app: App,
    pub(crate) configs: ServiceConfigs,
    pub(crate) runtime: Runtime,
    pub(crate) backends: BackendSet,
}

/// Loads an app that is not to run, and has the services read their `[service.NAME]` tables. Its
/// components have no settings.
///
/// All mistakes are reported together, those in the tables of services included.
pub(crate) fn load_app(file: &Path) -> Result<App, Diagnostics> {
    let services = services();
    let configure = |tables: &[ServiceTable]| services.configure(tables);
    AppManifest::load_to_build(file, &services.names(), configure).map(|(app, _)| app)
}

/// Loads an app that is to run or to be checked, with its settings and the configurations of the services
/// and of the backends.
pub(crate) fn load_configured(file: &Path, config: &args::Config) -> Result<Loaded, Diagnostics> {
    let services = services();
    let configure = |tables: &[ServiceTable]| services.configure(tables);
    let manifests = AppManifest::load_configured(file, &services.names(), configure);
    let app = manifests.as_ref().ok().map(|(app, _)| app);
    let runtime = runtime::load(config, file, app);
    let configured = runtime.and_then(|runtime| {
        let backends = backends();
        let set = match app {
            Some(app) => configure_backends(app, &services, &backends, &runtime),
            // The rights of its components are not services.
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
