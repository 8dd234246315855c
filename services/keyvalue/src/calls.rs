//! The calls that all interfaces share: rights, rates, deadlines, counters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airssys_wasm::wasmtime::component::Resource;
use airssys_wasm::{OpenError, ServiceCall, UsePattern, wasmtime};

use crate::bounds::{check_key, check_value, invalid};
use crate::bucket::{Bucket, BucketHandle, Cas};
use crate::error::StoreError;
use crate::keyvalue::{KeyValue, RIGHTS};
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

/// The right that a function needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
    /// `increment` tells the value and changes it.
    Both,
}

/// The time in which a label is opened. The connection has 5 s, and one that others make is waited for.
const OPEN_TIMEOUT: Duration = Duration::from_secs(11);

/// Opens a label. A label on which the instance has no right is denied, whether or not it exists.
pub(crate) async fn open<E: From<CallError>>(
    call: &mut Call<'_>,
    label: String,
) -> wasmtime::Result<Result<Resource<Bucket>, E>> {
    let began = Instant::now();
    let opened = open_bucket(call, &label).await?;
    call.record("open", began, opened.is_ok());
    match opened {
        Ok(bucket) => Ok(Ok(call.table().push(bucket)?)),
        Err(error) => Ok(Err(error.into())),
    }
}

async fn open_bucket(call: &mut Call<'_>, label: &str) -> wasmtime::Result<Result<Bucket, CallError>> {
    let right = |verb: &str| UsePattern::exact(&format!("{}/{label}:{verb}", RIGHTS));
    let (Ok(read), Ok(write)) = (right("read"), right("write")) else {
        return Ok(Err(CallError::AccessDenied));
    };
    if let Err(error) = admit(call) {
        return Ok(Err(error));
    }
    if call.allows_any([&read, &write]).is_err() {
        return Ok(Err(CallError::AccessDenied));
    }
    let backends = call.data()?.clone();
    let opening = backends.open::<dyn Store>(RIGHTS, label);
    Ok(match tokio::time::timeout(OPEN_TIMEOUT, opening).await {
        Ok(Ok(store)) => Ok(Bucket::new(store, read, write)),
        Ok(Err(OpenError::NoBackend { .. })) => Err(CallError::NoSuchStore),
        Ok(Err(error)) => {
            tracing::warn!(target: "airssys::keyvalue", instance = call.instance(), label, "{error}");
            Err(StoreError::Unavailable.into())
        }
        Err(_) => Err(StoreError::Timeout.into()),
    })
}

fn admit(call: &Call<'_>) -> Result<(), CallError> {
    call.admit().map_err(|exceeded| StoreError::QuotaExceeded(exceeded.to_string()).into())
}

/// Runs a function on an open bucket.
pub(crate) async fn run<T, E, F>(
    call: &mut Call<'_>,
    function: &'static str,
    bucket: &Resource<Bucket>,
    right: Right,
    work: impl FnOnce(Arc<dyn Store>) -> F,
) -> wasmtime::Result<Result<T, E>>
where
    E: From<CallError>,
    F: Future<Output = Result<T, StoreError>> + Send,
{
    let bucket = call.table().get(bucket)?.handle();
    Ok(on_bucket(call, function, &bucket, right, work).await.map_err(E::from))
}

/// As [`run`], for a bucket that is at hand.
pub(crate) async fn on_bucket<T, F>(
    call: &mut Call<'_>,
    function: &'static str,
    bucket: &BucketHandle,
    right: Right,
    work: impl FnOnce(Arc<dyn Store>) -> F,
) -> Result<T, CallError>
where
    F: Future<Output = Result<T, StoreError>> + Send,
{
    let began = Instant::now();
    let done = match allowed(call, bucket, right) {
        Ok(()) => {
            let limit = bucket.store.timeout();
            let done = tokio::time::timeout(limit, work(Arc::clone(&bucket.store))).await;
            done.unwrap_or(Err(StoreError::Timeout)).map_err(CallError::from)
        }
        Err(error) => Err(error),
    };
    call.record(function, began, done.is_ok());
    done
}

/// Decides about the right now, so that a revocation counts at the next call.
fn allowed(call: &Call<'_>, bucket: &BucketHandle, right: Right) -> Result<(), CallError> {
    admit(call)?;
    let (read, write) = (right != Right::Write, right != Right::Read);
    let decide = |needed: bool, right| match needed && call.allows(right).is_err() {
        true => Err(CallError::AccessDenied),
        false => Ok(()),
    };
    decide(read, &bucket.read).and_then(|()| decide(write, &bucket.write))
}

/// Reads a key for a handle.
pub(crate) async fn new_cas(
    call: &mut Call<'_>,
    bucket: &Resource<Bucket>,
    key: String,
) -> wasmtime::Result<Result<Cas, CallError>> {
    let bucket = call.table().get(bucket)?.handle();
    let mut cas = Cas { bucket, key, version: None };
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
    let entry = on_bucket(call, function, &cas.bucket, Right::Read, |store| read(store, key)).await?;
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
    on_bucket(call, "swap", &cas.bucket, Right::Write, set).await.map(drop)
}

/// Returns the number of an increment in which the published version differs from a store's.
pub(crate) fn signed(delta: u64) -> Result<i64, StoreError> {
    i64::try_from(delta).map_err(|_| invalid(format!("the delta must be at most {}", i64::MAX)))
}
