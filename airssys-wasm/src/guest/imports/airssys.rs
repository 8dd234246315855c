//! The contract `airssys:component` as a service: messaging, system, logging, clock, progress.
//!
//! The bindings themselves are in [`crate::contract`].

use wasmtime::component::{HasData, Linker};

use crate::contract::{clock, logging, messaging, system};
use crate::guest::context::GuestContext;
use crate::guest::imports::{callbacks, progress};
use crate::guest::service::{Interface, Service, Waits};
use crate::guest::store::{Entry, GuestState};

/// The version of the contract that this host provides.
pub(crate) const VERSION: &str = "0.2.0";

/// The service that provides the contract's interfaces. Their functions never wait, except for the
/// pollable of callbacks.
pub(crate) struct AirssysService;

/// Returns the contract of an import or export, such as `airssys:component@0.1.0`, if its version
/// differs from the host's.
pub(crate) fn other_version(import: &str) -> Option<String> {
    let (_, version) = import.strip_prefix("airssys:component/")?.split_once('@')?;
    (version != VERSION).then(|| format!("airssys:component@{version}"))
}

impl Service for AirssysService {
    const NAME: &'static str = "airssys";

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        let mut interfaces = vec![Interface {
            name: "airssys:component/callbacks",
            version: VERSION,
            waits: Waits::Except(&["next"]),
        }];
        let never_wait = [
            "airssys:component/types",
            "airssys:component/messaging",
            "airssys:component/system",
            "airssys:component/logging",
            "airssys:component/clock",
            "airssys:component/progress",
        ];
        interfaces.extend(never_wait.map(|name| Interface { name, version: VERSION, waits: Waits::Never }));
        interfaces
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        messaging::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
        system::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
        logging::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
        clock::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
        progress::add_to_linker(linker)?;
        match entry {
            Entry::Direct => Ok(()),
            Entry::Fiber => callbacks::add_to_linker(linker),
        }
    }
}

/// Selects the [`GuestContext`] of a store as the data of the interfaces.
struct HasGuest;

impl HasData for HasGuest {
    type Data<'a> = &'a mut GuestContext;
}
