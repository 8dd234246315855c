//! The service: its interfaces, and the data of an instance.

use airssys_rt::BoxError;
use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{Entry, GuestState, Interface, Labels, Service, ServiceInstance, Waits, wasmtime};

use crate::blobstore::Blobstore;
use crate::container::Container;
use crate::data::BlobData;
use crate::host;

impl Service for Blobstore {
    const NAME: &'static str = "blob";

    type Config = ();
    type Connection = ();
    type Data = BlobData;

    fn interfaces(&self) -> Vec<Interface> {
        let wasi = |name| Interface { name, version: "0.2.0-draft", waits: Waits::Always };
        ["wasi:blobstore/blobstore", "wasi:blobstore/container", "wasi:blobstore/types"].map(wasi).into()
    }

    fn labels(&self) -> Option<Labels> {
        Some(Labels::of::<dyn Container>("folder"))
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Direct => Ok(()),
            Entry::Fiber => host::link(linker),
        }
    }

    fn prepare(&self, (): &(), _: &ServiceInstance<'_>) -> Result<BlobData, BoxError> {
        Ok(BlobData::default())
    }
}
