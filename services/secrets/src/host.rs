//! `airssys:secrets`: rights, bounds, deadlines, counters and the audit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use airssys_wasm::wasmtime::component::{Linker, Resource};
use airssys_wasm::{
    GuestState, HasService, LabelAccess, LabelRights, OpenError, ServiceCall, wasmtime,
};
use zeroize::Zeroizing;

use crate::bounds::{MAX_PAGE_IDS, check_cursor, check_id, check_value};
use crate::error::SecretError;
use crate::locker::{self, Locker};
use crate::secrets::{RIGHTS, Secrets};

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

/// The time in which a locker is opened. The connection has 5 s, and one that others make is waited for.
const OPEN_TIMEOUT: Duration = Duration::from_secs(11);

pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    vault::add_to_linker::<_, HasService<Secrets>>(linker, GuestState::service::<Secrets>)
}

/// A locker that an instance has opened, with the rights to ask for at each call.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct OpenLocker {
    name: Arc<str>,
    locker: Arc<dyn Locker>,
    rights: LabelRights,
}

/// Counts a call against the component's rate, and decides about its right now.
fn admit(call: &Call<'_>, rights: &LabelRights, access: LabelAccess) -> Result<(), Error> {
    call.admit().map_err(|exceeded| Error::QuotaExceeded(exceeded.to_string()))?;
    call.allows_label(rights, access).map_err(|_| Error::AccessDenied)
}

/// Opens a locker. One on which the instance has no right is denied, whether or not it exists.
async fn open(call: &mut Call<'_>, name: &str) -> wasmtime::Result<Result<OpenLocker, Error>> {
    let Some(rights) = LabelRights::on::<Secrets>(name) else { return Ok(Err(Error::AccessDenied)) };
    if let Err(error) = admit(call, &rights, LabelAccess::Any) {
        return Ok(Err(error));
    }
    let backends = call.data()?.clone();
    let opening = backends.open::<dyn Locker>(RIGHTS, name);
    Ok(match tokio::time::timeout(OPEN_TIMEOUT, opening).await {
        Ok(Ok(locker)) => Ok(OpenLocker { name: name.into(), locker, rights }),
        Ok(Err(OpenError::NoBackend { .. })) => Err(Error::NoSuchStore),
        Ok(Err(error)) => {
            tracing::warn!(target: "airssys::secrets", instance = call.instance(), locker = name, "{error}");
            Err(Error::Unavailable)
        }
        Err(_) => Err(Error::Timeout),
    })
}

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
        let began = Instant::now();
        let OpenLocker { name, locker, rights } = call.table().get(locker)?.clone();
        let done = match admit(call, &rights, self.access).and_then(|()| Ok(self.id.map_or(Ok(()), check_id)?)) {
            Ok(()) => {
                let done = tokio::time::timeout(locker.timeout(), work(Arc::clone(&locker))).await;
                let done = done.unwrap_or(Err(SecretError::Timeout));
                call.audit(self.name, &name, self.id, done.is_ok());
                done.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        call.record(self.name, began, done.is_ok());
        Ok(done)
    }
}

impl vault::Host for Call<'_> {
    async fn open(&mut self, locker_id: String) -> Answer<Resource<OpenLocker>> {
        let began = Instant::now();
        let opened = open(self, &locker_id).await?;
        self.record("open", began, opened.is_ok());
        match opened {
            Ok(locker) => Ok(Ok(self.table().push(locker)?)),
            Err(error) => Ok(Err(error)),
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
