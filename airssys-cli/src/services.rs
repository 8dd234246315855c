//! The services of this program, and apps loaded with their tables.

use std::path::Path;

use airssys_wasm::manifest::{App, AppManifest, Diagnostics, ServiceTable};
use airssys_wasm::{ServiceConfigs, Services};

/// Returns the services whose interfaces components can import. Add a service here, with one line.
pub(crate) fn services() -> Services {
    Services::default()
}

/// Loads an app, and has the services read their `[service.NAME]` tables.
///
/// All mistakes are reported together, those in the tables of services included.
pub(crate) fn load_app(file: &Path) -> Result<App, Diagnostics> {
    load_configured(file).map(|(app, _)| app)
}

/// As [`load_app`], with the configurations of the services.
pub(crate) fn load_configured(file: &Path) -> Result<(App, ServiceConfigs), Diagnostics> {
    let services = services();
    let configure = |tables: &[ServiceTable]| services.configure(tables);
    AppManifest::load_configured(file, &services.names(), configure)
}
