//! `airssys:keyvalue`: times to live, conditions, versions, prefixes and typed errors.

use std::sync::Arc;

use airssys_wasm::wasmtime::component::{Linker, Resource};
use airssys_wasm::{GuestState, HasService, LabelAccess, wasmtime};

use crate::bounds::{MAX_PAGE_KEYS, check_key, check_keys, check_list, check_short, check_value, ttl};
use crate::bucket::Bucket;
use crate::calls::{self, Call, CallError};
use crate::error::StoreError;
use crate::functions;
use crate::keyvalue::KeyValue;
use crate::store::{self, SetOptions, Store};

use self::airssys::keyvalue::store as guest;
use self::guest::{Condition, Entry, Error, Page};

airssys_wasm::wasmtime::component::bindgen!({
    path: "wit/airssys",
    world: "imports",
    imports: { default: async | trappable },
    with: { "airssys:keyvalue/store.bucket": crate::bucket::Bucket },
    wasmtime_crate: airssys_wasm::wasmtime,
});

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    guest::add_to_linker::<_, HasService<KeyValue>>(linker, GuestState::service::<KeyValue>)
}

impl guest::Host for Call<'_> {
    async fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Bucket>, Error>> {
        calls::open(self, label).await
    }
}

impl guest::HostBucket for Call<'_> {
    async fn get(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Entry>, Error>> {
        let get = |store: Arc<dyn Store>| async move {
            check_key(&key)?;
            let entry = store.get(&key).await?;
            Ok(entry.map(|store::Entry { value, version }| Entry { value, version }))
        };
        calls::run(self, "get", &bucket, LabelAccess::Read, get).await
    }

    async fn set(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        value: Vec<u8>,
        options: guest::SetOptions,
    ) -> wasmtime::Result<Result<String, Error>> {
        let set = |store: Arc<dyn Store>| async move {
            check_key(&key)?;
            check_value(&value)?;
            let condition = match options.condition {
                Condition::Always => store::Condition::Always,
                Condition::Absent => store::Condition::Absent,
                Condition::Version(version) => {
                    check_short("the version", &version)?;
                    store::Condition::Version(version)
                }
            };
            let options = SetOptions { ttl: ttl(options.ttl_ms)?, condition };
            store.set(&key, value, &options).await
        };
        calls::run(self, "set", &bucket, LabelAccess::Write, set).await
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

    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: i64,
    ) -> wasmtime::Result<Result<i64, Error>> {
        functions::increment(self, &bucket, key, delta).await
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Page, Error>> {
        let list = |store: Arc<dyn Store>| async move {
            check_list(&prefix, cursor.as_deref())?;
            let limit = usize::try_from(limit).unwrap_or(MAX_PAGE_KEYS).clamp(1, MAX_PAGE_KEYS);
            let store::Page { keys, cursor } = store.list(&prefix, cursor.as_deref(), limit).await?;
            Ok(Page { keys, cursor })
        };
        calls::run(self, "list-keys", &bucket, LabelAccess::Read, list).await
    }

    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<Option<Vec<u8>>>, Error>> {
        let get = |store: Arc<dyn Store>| async move {
            check_keys(keys.iter())?;
            store.get_many(&keys).await
        };
        calls::run(self, "get-many", &bucket, LabelAccess::Read, get).await
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
        ttl_ms: Option<u64>,
    ) -> wasmtime::Result<Result<(), Error>> {
        functions::set_many(self, &bucket, entries, ttl(ttl_ms)).await
    }

    async fn delete_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<(), Error>> {
        functions::delete_many(self, &bucket, keys).await
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        functions::close(self, bucket)
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Error {
        match error {
            CallError::NoSuchStore => Error::NoSuchStore,
            CallError::AccessDenied => Error::AccessDenied,
            CallError::Store(error) => match error {
                StoreError::InvalidArgument(text) => Error::InvalidArgument(text),
                StoreError::PreconditionFailed => Error::PreconditionFailed,
                StoreError::Timeout => Error::Timeout,
                StoreError::Unavailable => Error::Unavailable,
                StoreError::QuotaExceeded(text) => Error::QuotaExceeded(text),
                StoreError::Other(text) => Error::Other(text),
            },
        }
    }
}
