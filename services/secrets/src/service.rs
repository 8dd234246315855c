//! The service: its interface, and the data of an instance.

use airssys_rt::BoxError;
use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{
    BackendSet, Entry, GuestState, Interface, Labels, Service, ServiceInstance, Waits, wasmtime,
};

use crate::host;
use crate::locker::Locker;
use crate::secrets::{RIGHTS, Secrets};

impl Service for Secrets {
    const NAME: &'static str = RIGHTS;

    type Config = ();
    type Connection = ();
    type Data = BackendSet;

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

    fn prepare(&self, (): &(), instance: &ServiceInstance<'_>) -> Result<BackendSet, BoxError> {
        Ok(instance.backends().clone())
    }
}
