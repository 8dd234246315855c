//! The steps that all functions share: rights, rates, deadlines, counters.

use std::sync::Arc;
use std::time::Instant;

use airssys_wasm::wasmtime::component::Resource;
use airssys_wasm::{LabelAccess, LabelError, OpenLabel, ServiceCall, in_time, wasmtime};

use crate::blobstore::Blobstore;
use crate::container::Container;
use crate::error::BlobError;

pub(crate) type Call<'a> = ServiceCall<'a, Blobstore>;

/// The answer of a function: the outer error traps the guest.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, String>>;

/// A container that an instance has opened, with the rights to ask for at each call.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct OpenContainer(pub(crate) OpenLabel<dyn Container>);

impl OpenContainer {
    pub(crate) fn container(&self) -> Arc<dyn Container> {
        self.0.get()
    }

    /// Runs a call with the container's deadline.
    pub(crate) async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, BlobError>>,
    ) -> Result<T, BlobError> {
        in_time(self.container().timeout(), work).await
    }
}

impl From<LabelError> for BlobError {
    fn from(error: LabelError) -> BlobError {
        match error {
            LabelError::AccessDenied => BlobError::AccessDenied,
            LabelError::NoBackend => BlobError::NoSuchContainer,
            LabelError::CallsExceeded(exceeded) => BlobError::QuotaExceeded(exceeded.to_string()),
            LabelError::Timeout => BlobError::Timeout,
            _ => BlobError::Unavailable,
        }
    }
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
    Ok(call.admit_label(&container.0, access)?)
}

/// Counts a call against the component's rate.
pub(crate) fn rate(call: &Call<'_>) -> Result<(), BlobError> {
    call.admit().map_err(|exceeded| LabelError::from(exceeded).into())
}

/// Opens the container of a label. One on which the instance has no right is denied, whether or not it
/// exists.
pub(crate) async fn open(
    call: &mut Call<'_>,
    name: &str,
    access: LabelAccess,
) -> Result<OpenContainer, BlobError> {
    let label = call.find_label::<dyn Container>(name, access).await?;
    let (objects, bytes) = (call.limits().stored_keys, call.limits().stored_bytes);
    Ok(OpenContainer(label.map(move |container| container.limited(objects, bytes).unwrap_or(container))))
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
    let opened = call.table().get(container)?.0.clone();
    let container = opened.get();
    let (time, work) = (container.timeout(), work(container));
    let done = call.on_label(function, &opened, access, time, work).await;
    Ok(done.map_err(|error: BlobError| error.to_string()))
}
