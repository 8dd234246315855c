//! The service: its interfaces, and the data of an instance.

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{
    BackendSet, Entry, GuestState, Interface, Labels, Service, ServiceInstance, Waits, wasmtime,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bounds::MAX_OPEN;
use crate::container::Container;
use crate::error::BlobError;
use crate::host;

/// The blob service. Its embedded default is the folder of [`Folder`](crate::Folder).
#[derive(Clone, Copy, Debug, Default)]
pub struct Blobstore;

/// The data of an instance.
pub struct BlobData {
    pub(crate) backends: BackendSet,
    open: Arc<Semaphore>,
}

/// A place among the values that an instance has open.
pub(crate) type Place = OwnedSemaphorePermit;

impl BlobData {
    /// Takes a place for a value that is to be opened.
    pub(crate) fn place(&self) -> Result<Place, BlobError> {
        let full = |_| BlobError::QuotaExceeded(format!("the instance has {MAX_OPEN} values and lists open"));
        Arc::clone(&self.open).try_acquire_owned().map_err(full)
    }
}

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

    fn prepare(&self, (): &(), instance: &ServiceInstance<'_>) -> Result<BlobData, BoxError> {
        let open = Arc::new(Semaphore::new(MAX_OPEN));
        Ok(BlobData { backends: instance.backends().clone(), open })
    }
}
