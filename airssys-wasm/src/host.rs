//! The host's side of what components import: one file per interface.

mod clock;
mod context;
mod logging;
mod messaging;
mod progress;
mod run;
mod sent_at;
mod sleepers;
mod system;
mod wasi;

use wasmtime::component::{HasData, Linker};

pub(crate) use context::{GuestContext, Identity, Links};
pub(crate) use progress::Progress;
pub(crate) use run::Current;
pub(crate) use sleepers::Sleepers;
pub(crate) use wasi::Wasi;

use crate::bindings;
use crate::instance::InstanceState;

/// The contract that this host provides, as `wit/component.wit` names it.
pub(crate) const CONTRACT: &str = "airssys:component@0.2.0";

/// Interfaces of the contract that a component can import.
const OWN: [&str; 6] = ["types", "messaging", "system", "logging", "clock", "progress"];

/// Whether the host has an interface with this name, such as `wasi:io/streams@0.2.6`.
pub(crate) fn provides(interface: &str) -> bool {
    let own = OWN.iter().any(|name| interface == format!("airssys:component/{name}@0.2.0"));
    own || wasi::provides(interface)
}

/// The contract that an interface belongs to, such as `airssys:component@0.1.0`, if it is another
/// version of the one that this host provides.
pub(crate) fn other_contract(interface: &str) -> Option<String> {
    let (_, version) = interface.strip_prefix("airssys:component/")?.split_once('@')?;
    let contract = format!("airssys:component@{version}");
    (contract != CONTRACT).then_some(contract)
}

/// Whether a call of this import can have to wait.
pub(crate) fn can_wait(interface: &str, function: &str) -> bool {
    !interface.starts_with("airssys:component/") && wasi::can_wait(interface, function)
}

/// What components get that import nothing that can wait.
pub(crate) fn direct_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    add_own(&mut linker)?;
    wasi::add_direct(&mut linker)?;
    Ok(linker)
}

/// What components get that run on a stack of their own.
pub(crate) fn fiber_linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    add_own(&mut linker)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// Says that the interfaces below work on the [`GuestContext`] of a store.
struct HasGuest;

impl HasData for HasGuest {
    type Data<'a> = &'a mut GuestContext;
}

fn add_own(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    bindings::messaging::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
    bindings::system::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
    bindings::logging::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
    bindings::clock::add_to_linker::<_, HasGuest>(linker, |state| &mut state.guest)?;
    progress::add_to_linker(linker)
}
