//! The contract `airssys:component` as a service: messaging, system, logging, clock, progress.
//!
//! The bindings themselves are in [`crate::contract`].

use airssys_rt::BoxError;
use airssys_spec::manifest::{Diagnostics, ServiceTable};
use wasmtime::component::{HasData, Linker};

use crate::contract::{clock, logging, messaging, system};
use crate::guest::context::GuestContext;
use crate::guest::imports::progress;
use crate::guest::service::{Interface, Service, ServiceInstance, Waits};
use crate::guest::store::{Entry, GuestState};

/// The version of the contract that this host provides.
pub(crate) const VERSION: &str = "0.2.0";

/// The service that provides the contract's interfaces. Their functions never wait.
pub(crate) struct AirssysService;

/// Returns the contract of an import or export, such as `airssys:component@0.1.0`, if its version
/// differs from the host's.
pub(crate) fn other_version(import: &str) -> Option<String> {
    let (_, version) = import.strip_prefix("airssys:component/")?.split_once('@')?;
    (version != VERSION).then(|| format!("airssys:component@{version}"))
}

impl Service for AirssysService {
    type Config = ();
    type Connection = ();
    type Data = ();

    fn name(&self) -> &'static str {
        "airssys"
    }

    fn interfaces(&self) -> Vec<Interface> {
        [
            "airssys:component/types",
            "airssys:component/messaging",
            "airssys:component/system",
            "airssys:component/logging",
            "airssys:component/clock",
            "airssys:component/progress",
        ]
        .map(|name| Interface { name, version: VERSION, waits: Waits::Never })
        .into()
    }

    fn link(&self, linker: &mut Linker<GuestState>, _entry: Entry) -> wasmtime::Result<()> {
        messaging::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
        system::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
        logging::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
        clock::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
        progress::add_to_linker(linker)
    }

    fn configure(&self, table: &ServiceTable) -> Result<(), Diagnostics> {
        table.read(|_| ())
    }

    async fn connect(&self, (): &()) -> Result<(), BoxError> {
        Ok(())
    }

    fn prepare(&self, (): &(), _instance: &ServiceInstance<'_>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Selects the [`GuestContext`] of a store as the data of the interfaces.
struct HasGuest;

impl HasData for HasGuest {
    type Data<'a> = &'a mut GuestContext;
}
