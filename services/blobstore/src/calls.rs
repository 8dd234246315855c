//! The steps that all functions share: rights, rates, deadlines, counters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airssys_wasm::wasmtime::component::Resource;
use airssys_wasm::{LabelAccess, LabelRights, OpenError, Service, ServiceCall, wasmtime};

use crate::blobstore::Blobstore;
use crate::container::Container;
use crate::error::BlobError;

pub(crate) type Call<'a> = ServiceCall<'a, Blobstore>;

/// The answer of a function: the outer error traps the guest.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, String>>;

/// The time in which a label is opened. The connection has 5 s, and one that others make is waited for.
const OPEN_TIMEOUT: Duration = Duration::from_secs(11);

/// A container that an instance has opened, with the rights to ask for at each call.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct OpenContainer {
    pub(crate) name: Arc<str>,
    pub(crate) container: Arc<dyn Container>,
    rights: LabelRights,
}

impl OpenContainer {
    /// Runs a call with the container's deadline.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, BlobError>>,
    ) -> Result<T, BlobError> {
        within(self.container.timeout(), work).await
    }
}

/// Runs a call with a deadline.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, BlobError>>,
) -> Result<T, BlobError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(BlobError::Timeout))
}

/// Counts a call, and turns its error into the text of the interface.
pub(crate) fn counted<T>(
    call: &Call<'_>,
    function: &'static str,
    began: Instant,
    done: Result<T, BlobError>,
) -> Result<T, String> {
    call.record(function, began, done.is_ok());
    done.map_err(|error| error.to_string())
}

/// Counts a call against the component's rate, and decides about its right now.
pub(crate) fn admit(
    call: &Call<'_>,
    container: &OpenContainer,
    access: LabelAccess,
) -> Result<(), BlobError> {
    rate(call)?;
    allow(call, &container.rights, access)
}

/// Counts a call against the component's rate.
pub(crate) fn rate(call: &Call<'_>) -> Result<(), BlobError> {
    call.admit().map_err(|exceeded| BlobError::QuotaExceeded(exceeded.to_string()))
}

fn allow(call: &Call<'_>, rights: &LabelRights, access: LabelAccess) -> Result<(), BlobError> {
    call.allows_label(rights, access).map_err(|_| BlobError::AccessDenied)
}

/// Opens the container of a label. One on which the instance has no right is denied, whether or not it
/// exists.
pub(crate) async fn open(
    call: &mut Call<'_>,
    name: &str,
    access: LabelAccess,
) -> Result<OpenContainer, BlobError> {
    let rights = LabelRights::on::<Blobstore>(name).ok_or(BlobError::AccessDenied)?;
    allow(call, &rights, access)?;
    let backends = call.data().map_err(|error| BlobError::Other(error.to_string()))?.backends.clone();
    let opening = backends.open::<dyn Container>(Blobstore::NAME, name);
    match tokio::time::timeout(OPEN_TIMEOUT, opening).await {
        Ok(Ok(container)) => Ok(OpenContainer { name: name.into(), container, rights }),
        Ok(Err(OpenError::NoBackend { .. })) => Err(BlobError::NoSuchContainer),
        Ok(Err(error)) => {
            tracing::warn!(target: "airssys::blob", instance = call.instance(), container = name, "{error}");
            Err(BlobError::Unavailable)
        }
        Err(_) => Err(BlobError::Timeout),
    }
}

/// Runs a function on an open container.
pub(crate) async fn run<T, F>(
    call: &mut Call<'_>,
    function: &'static str,
    container: &Resource<OpenContainer>,
    access: LabelAccess,
    work: impl FnOnce(Arc<dyn Container>) -> F,
) -> Answer<T>
where
    F: Future<Output = Result<T, BlobError>> + Send,
{
    let began = Instant::now();
    let container = call.table().get(container)?.clone();
    let done = match admit(call, &container, access) {
        Ok(()) => container.within(work(Arc::clone(&container.container))).await,
        Err(error) => Err(error),
    };
    Ok(counted(call, function, began, done))
}
