//! The calls that all interfaces share.

use std::sync::Arc;

use airssys_wasm::wasmtime::component::Resource;
use airssys_wasm::{LabelAccess, LabelError, OpenLabel, ServiceCall, wasmtime};

use crate::bounds::{check_key, check_value, invalid};
use crate::bucket::{Bucket, Cas};
use crate::error::StoreError;
use crate::keyvalue::KeyValue;
use crate::store::{Condition, SetOptions, Store};

pub(crate) type Call<'a> = ServiceCall<'a, KeyValue>;

/// Reasons for which a call fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    #[error("no such store")]
    NoSuchStore,
    #[error("access denied")]
    AccessDenied,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LabelError> for CallError {
    fn from(error: LabelError) -> CallError {
        match error {
            LabelError::AccessDenied => CallError::AccessDenied,
            LabelError::NoBackend => CallError::NoSuchStore,
            LabelError::CallsExceeded(exceeded) => StoreError::QuotaExceeded(exceeded.to_string()).into(),
            LabelError::Timeout => StoreError::Timeout.into(),
            _ => StoreError::Unavailable.into(),
        }
    }
}

/// Opens a label.
pub(crate) async fn open<E: From<CallError>>(
    call: &mut Call<'_>,
    label: String,
) -> wasmtime::Result<Result<Resource<Bucket>, E>> {
    match call.open_label::<dyn Store>(&label).await {
        Ok(label) => {
            let (keys, bytes) = (call.limits().stored_keys, call.limits().stored_bytes);
            let label = label.map(move |store| store.limited(keys, bytes).unwrap_or(store));
            Ok(Ok(call.table().push(Bucket { label })?))
        }
        Err(error) => Ok(Err(CallError::from(error).into())),
    }
}

/// Runs a function on an open bucket.
pub(crate) async fn run<T, E, F>(
    call: &mut Call<'_>,
    function: &'static str,
    bucket: &Resource<Bucket>,
    access: LabelAccess,
    work: impl FnOnce(Arc<dyn Store>) -> F,
) -> wasmtime::Result<Result<T, E>>
where
    E: From<CallError>,
    F: Future<Output = Result<T, StoreError>> + Send,
{
    let label = call.table().get(bucket)?.label.clone();
    Ok(on_label(call, function, &label, access, work).await.map_err(E::from))
}

/// As [`run`], for a label that is at hand.
async fn on_label<T, F>(
    call: &mut Call<'_>,
    function: &'static str,
    label: &OpenLabel<dyn Store>,
    access: LabelAccess,
    work: impl FnOnce(Arc<dyn Store>) -> F,
) -> Result<T, CallError>
where
    F: Future<Output = Result<T, StoreError>> + Send,
{
    let store = label.get();
    let (time, work) = (store.timeout(), work(store));
    call.on_label(function, label, access, time, async { Ok(work.await?) }).await
}

/// Reads a key for a handle.
pub(crate) async fn new_cas(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    key: String,
) -> wasmtime::Result<Result<Cas, CallError>> {
    let label = call.table().get(bucket)?.label.clone();
    let mut cas = Cas { label, key, version: None };
    Ok(read_cas(call, &mut cas, "cas.new").await.map(|_| cas))
}

/// Reads the key of a handle again, which then expects that version.
pub(crate) async fn read_cas(
    call: &mut Call<'_>,
    cas: &mut Cas,
    function: &'static str,
) -> Result<Option<Vec<u8>>, CallError> {
    let key = cas.key.clone();
    let read = async |store: Arc<dyn Store>, key: String| {
        check_key(&key)?;
        store.get(&key).await
    };
    let entry = on_label(call, function, &cas.label, LabelAccess::Read, |store| read(store, key)).await?;
    cas.version = entry.as_ref().map(|entry| entry.version.clone());
    Ok(entry.map(|entry| entry.value))
}

/// Sets the value of a handle's key, if it is the one that the handle has read.
pub(crate) async fn swap(call: &mut Call<'_>, cas: &Cas, value: Vec<u8>) -> Result<(), CallError> {
    let condition = cas.version.clone().map_or(Condition::Absent, Condition::Version);
    let (key, options) = (cas.key.clone(), SetOptions { ttl: None, condition });
    let set = |store: Arc<dyn Store>| async move {
        check_value(&value)?;
        store.set(&key, value, &options).await
    };
    on_label(call, "swap", &cas.label, LabelAccess::Write, set).await.map(drop)
}

/// Returns the number of an increment in which the published version differs from a store's.
pub(crate) fn signed(delta: u64) -> Result<i64, StoreError> {
    i64::try_from(delta).map_err(|_| invalid(format!("the delta must be at most {}", i64::MAX)))
}
