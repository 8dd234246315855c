//! `wasi:keyvalue@0.2.0-draft`, with cursors in numbers.

use std::sync::Arc;

use airssys_wasm::wasmtime::component::{Linker, Resource};
use airssys_wasm::{GuestState, HasService, LabelAccess, wasmtime};

use crate::bounds::{MAX_PAGE_KEYS, check_key, invalid};
use crate::bucket::Bucket;
use crate::calls::{self, Call, CallError};
use crate::functions;
use crate::keyvalue::KeyValue;
use crate::store::{Page, Store};

use self::wasi::keyvalue::store::{Error, KeyResponse};
use self::wasi::keyvalue::{atomics, batch, store};

airssys_wasm::wasmtime::component::bindgen!({
    path: "wit/draft",
    world: "imports",
    imports: { default: async | trappable },
    with: {
        "wasi:keyvalue/store.bucket": crate::bucket::Bucket,
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
        cursor: Option<u64>,
    ) -> wasmtime::Result<Result<KeyResponse, Error>> {
        // The published cursor is a number, and that of a store is a text.
        let label = self.table().get(&bucket)?.label.clone();
        let text = match cursor {
            Some(number) => match self.data()?.text(label.name(), number) {
                Some(text) => Some(text),
                None => return Ok(Err(CallError::from(invalid("the cursor is unknown")).into())),
            },
            None => None,
        };
        let list =
            |store: Arc<dyn Store>| async move { store.list("", text.as_deref(), MAX_PAGE_KEYS).await };
        let page: Result<Page, Error> =
            calls::run(self, "list-keys", &bucket, LabelAccess::Read, list).await?;
        let Page { keys, cursor } = match page {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let cursor = match cursor {
            Some(text) => Some(self.data()?.number(label.name(), text)),
            None => None,
        };
        Ok(Ok(KeyResponse { keys, cursor }))
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
        delta: u64,
    ) -> wasmtime::Result<Result<u64, Error>> {
        let increment = |store: Arc<dyn Store>| async move {
            check_key(&key)?;
            let delta = calls::signed(delta)?;
            let sum = store.increment(&key, delta).await?;
            let Ok(unsigned) = u64::try_from(sum) else {
                // This interface has no number for the sum, so the value gets back what was added.
                store.increment(&key, -delta).await?;
                return Err(invalid(format!("the sum is {sum}, which is below 0")));
            };
            Ok(unsigned)
        };
        calls::run(self, "increment", &bucket, LabelAccess::Both, increment).await
    }
}
