//! `airssys:secrets`: bounds, and the audit of each use.

use std::sync::Arc;

use airssys_wasm::wasmtime::component::{Linker, Resource};
use airssys_wasm::{GuestState, HasService, LabelAccess, LabelError, OpenLabel, ServiceCall, wasmtime};
use zeroize::Zeroizing;

use crate::bounds::{MAX_PAGE_IDS, check_cursor, check_id, check_value};
use crate::error::SecretError;
use crate::locker::{self, Locker};
use crate::secrets::Secrets;

use self::airssys::secrets::vault;
use self::vault::{Error, Page};

airssys_wasm::wasmtime::component::bindgen!({
    path: "wit",
    world: "imports",
    imports: { default: async | trappable },
    with: { "airssys:secrets/vault.locker": crate::host::OpenLocker },
    wasmtime_crate: airssys_wasm::wasmtime,
});

type Call<'a> = ServiceCall<'a, Secrets>;
type Answer<T> = wasmtime::Result<Result<T, Error>>;

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    vault::add_to_linker::<_, HasService<Secrets>>(linker, GuestState::service::<Secrets>)
}

/// A locker that an instance has opened.
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct OpenLocker(OpenLabel<dyn Locker>);

/// A function of the interface, about one secret or all of a locker.
struct Function<'a> {
    name: &'static str,
    access: LabelAccess,
    id: Option<&'a str>,
}

impl Function<'_> {
    /// Runs the function on an open locker, and records in the audit that it was allowed.
    async fn run<T, F>(
        self,
        call: &mut Call<'_>,
        locker: &Resource<OpenLocker>,
        work: impl FnOnce(Arc<dyn Locker>) -> F,
    ) -> Answer<T>
    where
        F: Future<Output = Result<T, SecretError>> + Send,
    {
        let opened = call.table().get(locker)?.0.clone();
        let locker = opened.get();
        let (time, work) = (locker.timeout(), work(locker));
        let (id, mut is_allowed) = (self.id, false);
        let work = async {
            // A function that is not allowed does not begin.
            is_allowed = true;
            id.map_or(Ok(()), check_id)?;
            Ok(work.await?)
        };
        let done: Result<T, Error> = call.on_label(self.name, &opened, self.access, time, work).await;
        if is_allowed {
            let item = id.filter(|id| check_id(id).is_ok());
            call.audit(self.name, opened.name(), item, done.is_ok());
        }
        Ok(done)
    }
}

impl vault::Host for Call<'_> {
    async fn open(&mut self, locker_id: String) -> Answer<Resource<OpenLocker>> {
        match self.open_label(&locker_id).await {
            Ok(locker) => Ok(Ok(self.table().push(OpenLocker(locker))?)),
            Err(error) => Ok(Err(error.into())),
        }
    }
}

impl vault::HostLocker for Call<'_> {
    async fn get(&mut self, locker: Resource<OpenLocker>, id: String) -> Answer<Option<Vec<u8>>> {
        let function = Function { name: "get", access: LabelAccess::Read, id: Some(&id) };
        let id = &id;
        let get = |locker: Arc<dyn Locker>| async move {
            // The bindings take a plain list, which they copy to the guest.
            Ok(locker.get(id).await?.map(|mut value| std::mem::take(&mut *value)))
        };
        function.run(self, &locker, get).await
    }

    async fn set(&mut self, locker: Resource<OpenLocker>, id: String, value: Vec<u8>) -> Answer<()> {
        let value = Zeroizing::new(value);
        let function = Function { name: "set", access: LabelAccess::Write, id: Some(&id) };
        let id = &id;
        let set = |locker: Arc<dyn Locker>| async move {
            check_value(&value)?;
            locker.set(id, value).await
        };
        function.run(self, &locker, set).await
    }

    async fn delete(&mut self, locker: Resource<OpenLocker>, id: String) -> Answer<()> {
        let function = Function { name: "delete", access: LabelAccess::Write, id: Some(&id) };
        let id = &id;
        function.run(self, &locker, |locker: Arc<dyn Locker>| async move { locker.delete(id).await }).await
    }

    async fn exists(&mut self, locker: Resource<OpenLocker>, id: String) -> Answer<bool> {
        let function = Function { name: "exists", access: LabelAccess::Read, id: Some(&id) };
        let id = &id;
        function.run(self, &locker, |locker: Arc<dyn Locker>| async move { locker.exists(id).await }).await
    }

    async fn list_ids(
        &mut self,
        locker: Resource<OpenLocker>,
        cursor: Option<String>,
        limit: u32,
    ) -> Answer<Page> {
        let function = Function { name: "list-ids", access: LabelAccess::Read, id: None };
        let list = |locker: Arc<dyn Locker>| async move {
            check_cursor(cursor.as_deref())?;
            let limit = usize::try_from(limit).unwrap_or(MAX_PAGE_IDS).clamp(1, MAX_PAGE_IDS);
            let locker::Page { ids, cursor } = locker.list(cursor.as_deref(), limit).await?;
            Ok(Page { ids, cursor })
        };
        function.run(self, &locker, list).await
    }

    async fn drop(&mut self, locker: Resource<OpenLocker>) -> wasmtime::Result<()> {
        self.table().delete(locker)?;
        Ok(())
    }
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Error {
        match error {
            SecretError::InvalidArgument(text) => Error::InvalidArgument(text),
            SecretError::Timeout => Error::Timeout,
            SecretError::Unavailable => Error::Unavailable,
            SecretError::QuotaExceeded(text) => Error::QuotaExceeded(text),
            SecretError::Other(text) => Error::Other(text),
        }
    }
}

impl From<LabelError> for Error {
    fn from(error: LabelError) -> Error {
        match error {
            LabelError::AccessDenied => Error::AccessDenied,
            LabelError::NoBackend => Error::NoSuchStore,
            LabelError::CallsExceeded(exceeded) => Error::QuotaExceeded(exceeded.to_string()),
            LabelError::Timeout => Error::Timeout,
            _ => Error::Unavailable,
        }
    }
}
