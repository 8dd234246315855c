//! The functions that the interfaces have in common. They differ in the type of their errors alone.

use std::sync::Arc;
use std::time::Duration;

use airssys_wasm::wasmtime::component::Resource;
use airssys_wasm::{LabelAccess, wasmtime};

use crate::bounds::{check_entries, check_key, check_keys, check_value};
use crate::bucket::Bucket;
use crate::calls::{Call, CallError, run};
use crate::error::StoreError;
use crate::store::{SetOptions, Store};

/// The result of a function: a trap, or the error of its interface.
pub(crate) type Answer<T, E> = wasmtime::Result<Result<T, E>>;

/// Keys with their values. An absent key is `None`.
pub(crate) type Pairs = Vec<Option<(String, Vec<u8>)>>;

pub(crate) async fn get<E: From<CallError>>(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    key: String,
) -> Answer<Option<Vec<u8>>, E> {
    let get = |store: Arc<dyn Store>| async move {
        check_key(&key)?;
        store.value(&key).await
    };
    run(call, "get", bucket, LabelAccess::Read, get).await
}

pub(crate) async fn set<E: From<CallError>>(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    key: String,
    value: Vec<u8>,
) -> Answer<(), E> {
    let set = |store: Arc<dyn Store>| async move {
        check_key(&key)?;
        check_value(&value)?;
        store.set(&key, value, &SetOptions::default()).await.map(drop)
    };
    run(call, "set", bucket, LabelAccess::Write, set).await
}

pub(crate) async fn delete<E: From<CallError>>(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    key: String,
) -> Answer<(), E> {
    let delete = |store: Arc<dyn Store>| async move {
        check_key(&key)?;
        store.delete_many(&[key]).await
    };
    run(call, "delete", bucket, LabelAccess::Write, delete).await
}

pub(crate) async fn exists<E: From<CallError>>(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    key: String,
) -> Answer<bool, E> {
    let exists = |store: Arc<dyn Store>| async move {
        check_key(&key)?;
        store.exists(&key).await
    };
    run(call, "exists", bucket, LabelAccess::Read, exists).await
}

pub(crate) async fn increment<E: From<CallError>>(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    key: String,
    delta: i64,
) -> Answer<i64, E> {
    let increment = |store: Arc<dyn Store>| async move {
        check_key(&key)?;
        store.increment(&key, delta).await
    };
    run(call, "increment", bucket, LabelAccess::Both, increment).await
}

/// Gets values with their keys, in the order of the keys.
pub(crate) async fn get_pairs<E: From<CallError>>(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    keys: Vec<String>,
) -> Answer<Pairs, E> {
    let get = |store: Arc<dyn Store>| async move {
        check_keys(keys.iter())?;
        let values = store.get_many(&keys).await?;
        Ok(keys.into_iter().zip(values).map(|(key, value)| Some((key, value?))).collect())
    };
    run(call, "get-many", bucket, LabelAccess::Read, get).await
}

/// Sets values. `ttl` checks and returns their time to live.
pub(crate) async fn set_many<E: From<CallError>>(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    entries: Vec<(String, Vec<u8>)>,
    ttl: Result<Option<Duration>, StoreError>,
) -> Answer<(), E> {
    let set = |store: Arc<dyn Store>| async move {
        check_entries(&entries)?;
        store.set_many(entries, ttl?).await
    };
    run(call, "set-many", bucket, LabelAccess::Write, set).await
}

pub(crate) async fn delete_many<E: From<CallError>>(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    keys: Vec<String>,
) -> Answer<(), E> {
    let delete = |store: Arc<dyn Store>| async move {
        check_keys(keys.iter())?;
        store.delete_many(&keys).await
    };
    run(call, "delete-many", bucket, LabelAccess::Write, delete).await
}

/// Drops the handle of a bucket.
pub(crate) fn close(call: &mut Call<'_>, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
    call.table().delete(bucket)?;
    Ok(())
}
