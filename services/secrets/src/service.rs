//! The service: its interface.

use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{Entry, GuestState, Interface, Labels, Service, Waits, wasmtime};

use crate::host;
use crate::locker::Locker;
use crate::secrets::{RIGHTS, Secrets};

impl Service for Secrets {
    const NAME: &'static str = RIGHTS;

    type Config = ();
    type Connection = ();
    type Data = ();

    fn interfaces(&self) -> Vec<Interface> {
        vec![Interface { name: "airssys:secrets/vault", version: "0.1.0", waits: Waits::Always }]
    }

    fn labels(&self) -> Option<Labels> {
        Some(Labels::of::<dyn Locker>("encrypted-file"))
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Direct => Ok(()),
            Entry::Fiber => host::link(linker),
        }
    }
}
