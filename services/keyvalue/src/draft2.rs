//! `wasi:keyvalue@0.2.0-draft2`, with compare-and-swap.

use std::sync::Arc;

use airssys_wasm::wasmtime::component::{Linker, Resource};
use airssys_wasm::{GuestState, HasService, LabelAccess, wasmtime};

use crate::bounds::{MAX_PAGE_KEYS, check_list};
use crate::bucket::{Bucket, Cas};
use crate::calls::{self, Call, CallError};
use crate::error::StoreError;
use crate::functions;
use crate::keyvalue::KeyValue;
use crate::store::{Page, Store};

use self::wasi::keyvalue::atomics::CasError;
use self::wasi::keyvalue::store::{Error, KeyResponse};
use self::wasi::keyvalue::{atomics, batch, store};

airssys_wasm::wasmtime::component::bindgen!({
    path: "wit/draft2",
    world: "imports",
    imports: { default: async | trappable },
    with: {
        "wasi:keyvalue/store.bucket": crate::bucket::Bucket,
        "wasi:keyvalue/atomics.cas": crate::bucket::Cas,
    },
    wasmtime_crate: airssys_wasm::wasmtime,
});

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    store::add_to_linker::<_, HasService<KeyValue>>(linker, GuestState::service::<KeyValue>)?;
    atomics::add_to_linker::<_, HasService<KeyValue>>(linker, GuestState::service::<KeyValue>)?;
    batch::add_to_linker::<_, HasService<KeyValue>>(linker, GuestState::service::<KeyValue>)
}

impl store::Host for Call<'_> {
    async fn open(&mut self, identifier: String) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        calls::open(self, identifier).await
    }
}

impl store::HostBucket for Call<'_> {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        functions::get(self, &bucket, key).await
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        functions::set(self, &bucket, key, value).await
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> wasmtime::Result<Result<(), Error>> {
        functions::delete(self, &bucket, key).await
    }

    async fn exists(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        functions::exists(self, &bucket, key).await
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<String>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        let list = |store: Arc<dyn Store>| async move {
            check_list("", cursor.as_deref())?;
            let Page { keys, cursor } = store.list("", cursor.as_deref(), MAX_PAGE_KEYS).await?;
            Ok(KeyResponse { keys, cursor })
        };
        calls::run(self, "list-keys", &bucket, LabelAccess::Read, list).await
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        functions::close(self, bucket)
    }
}

impl batch::Host for Call<'_> {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Option<(String, Vec<u8>)>>, Error>> {
        functions::get_pairs(self, &bucket, keys).await
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> wasmtime::Result<Result<(), Error>> {
        functions::set_many(self, &bucket, entries, Ok(None)).await
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<(), Error>> {
        functions::delete_many(self, &bucket, keys).await
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Error {
        match error {
            CallError::NoSuchStore => Error::NoSuchStore,
            CallError::AccessDenied => Error::AccessDenied,
            CallError::Store(error) => Error::Other(error.to_string()),
        }
    }
}

impl atomics::Host for Call<'_> {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> wasmtime::Result<Result<i64, Error>> {
        functions::increment(self, &bucket, key, delta).await
    }

    async fn swap(&mut self, cas: Resource<Cas>, value: Vec<u8>) -> wasmtime::Result<Result<(), CasError>> {
        let mut cas = self.table().delete(cas)?;
        match calls::swap(self, &cas, value).await {
            Ok(()) => Ok(Ok(())),
            Err(CallError::Store(StoreError::PreconditionFailed)) => {
                // The handle that comes back expects the present value.
                if let Err(error) = calls::read_cas(self, &mut cas, "cas.current").await {
                    return Ok(Err(CasError::StoreError(error.into())));
                }
                Ok(Err(CasError::CasFailed(self.table().push(cas)?)))
            }
            Err(error) => Ok(Err(CasError::StoreError(error.into()))),
        }
    }
}

impl atomics::HostCas for Call<'_> {
    async fn new(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Resource<Cas>, Error>> {
        match calls::new_cas(self, &bucket, key).await? {
            Ok(cas) => Ok(Ok(self.table().push(cas)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn current(&mut self, handle: Resource<Cas>) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        let Cas { label, key, version } = self.table().get(&handle)?;
        let mut cas = Cas { label: label.clone(), key: key.clone(), version: version.clone() };
        let read = calls::read_cas(self, &mut cas, "cas.current").await;
        self.table().get_mut(&handle)?.version = cas.version;
        Ok(read.map_err(Error::from))
    }

    async fn drop(&mut self, cas: Resource<Cas>) -> wasmtime::Result<()> {
        self.table().delete(cas)?;
        Ok(())
    }
}
