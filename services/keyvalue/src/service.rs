//! The service: its interfaces, and the data of an instance.

use airssys_rt::BoxError;
use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{Entry, GuestState, Interface, Labels, Service, ServiceInstance, Waits, wasmtime};

use crate::cursors::Cursors;
use crate::keyvalue::{KeyValue, RIGHTS};
use crate::store::Store;
use crate::{draft, draft2, own};

impl Service for KeyValue {
    const NAME: &'static str = RIGHTS;

    type Config = ();
    type Connection = ();
    type Data = Cursors;

    fn interfaces(&self) -> Vec<Interface> {
        let waits = Waits::Always;
        let wasi = |name, version| Interface { name, version, waits };
        vec![
            wasi("wasi:keyvalue/store", "0.2.0-draft"),
            wasi("wasi:keyvalue/atomics", "0.2.0-draft"),
            wasi("wasi:keyvalue/batch", "0.2.0-draft"),
            wasi("wasi:keyvalue/store", "0.2.0-draft2"),
            wasi("wasi:keyvalue/atomics", "0.2.0-draft2"),
            wasi("wasi:keyvalue/batch", "0.2.0-draft2"),
            wasi("airssys:keyvalue/store", "0.1.0"),
        ]
    }

    fn labels(&self) -> Option<Labels> {
        Some(Labels::of::<dyn Store>("redb"))
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Direct => Ok(()),
            Entry::Fiber => {
                draft::link(linker)?;
                draft2::link(linker)?;
                own::link(linker)
            }
        }
    }

    fn prepare(&self, (): &(), _: &ServiceInstance<'_>) -> Result<Cursors, BoxError> {
        Ok(Cursors::default())
    }
}
