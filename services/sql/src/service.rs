//! The service: its interfaces, its rights, and the data of an instance.

use airssys_rt::BoxError;
use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{
    BackendSet, Entry, GuestState, HasService, Interface, Labels, OpenError, Service, ServiceCall,
    ServiceInstance, Waits, wasmtime,
};

use crate::bindings::{spin, sql};
use crate::database::{Access, Database};
use crate::handles::{Opened, Rights};
use crate::held::Counter;
use crate::sqlite::Sqlite;
use crate::values::Error;

/// The most databases and statements that an instance has open.
const MAX_HANDLES: usize = 256;

/// The most transactions and results that an instance has open. Each may hold a connection.
const MAX_OPEN: usize = 16;

/// The service `sql`: databases by label, for `airssys:sql` and for `fermyon:spin/sqlite`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sql;

/// The data of an instance.
pub struct SqlData {
    backends: BackendSet,
    pub(crate) handles: Counter,
    pub(crate) open: Counter,
}

impl Service for Sql {
    const NAME: &'static str = "sql";

    type Config = ();
    type Connection = ();
    type Data = SqlData;

    fn interfaces(&self) -> Vec<Interface> {
        let interface = |name, version| Interface { name, version, waits: Waits::Always };
        vec![interface("airssys:sql/database", "0.1.0"), interface("fermyon:spin/sqlite", "2.0.0")]
    }

    fn labels(&self) -> Option<Labels> {
        Some(Labels::of::<dyn Database>(Sqlite::TYPE))
    }

    fn link(&self, linker: &mut Linker<GuestState>, entry: Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Direct => Ok(()),
            Entry::Fiber => {
                let get = GuestState::service::<Sql>;
                sql::airssys::sql::database::add_to_linker::<_, HasService<Sql>>(linker, get)?;
                spin::fermyon::spin::sqlite::add_to_linker::<_, HasService<Sql>>(linker, get)
            }
        }
    }

    fn prepare(&self, (): &(), instance: &ServiceInstance<'_>) -> Result<SqlData, BoxError> {
        let handles = Counter::new(MAX_HANDLES, "databases and statements");
        let open = Counter::new(MAX_OPEN, "transactions and results");
        Ok(SqlData { backends: instance.backends().clone(), handles, open })
    }
}

/// A call of one of the service's functions.
pub(crate) type Call<'a> = ServiceCall<'a, Sql>;

/// Returns the data of the instance.
pub(crate) fn data<'a>(call: &'a mut Call<'_>) -> Result<&'a mut SqlData, Error> {
    call.data().map_err(|error| Error::Other(error.to_string()))
}

/// Counts the call against the component's rate.
pub(crate) fn admit(call: &Call<'_>) -> Result<(), Error> {
    call.admit().map_err(|exceeded| Error::LimitExceeded(exceeded.to_string()))
}

/// Opens the database of a label, if the component has a right on it.
pub(crate) async fn open(call: &mut Call<'_>, label: &str) -> Result<Opened, Error> {
    let rights = Rights::on(label).ok_or(Error::AccessDenied)?;
    access(call, &rights)?;
    let backends = data(call)?.backends.clone();
    match backends.open::<dyn Database>("sql", label).await {
        Ok(database) => Ok(Opened { rights: rights.into(), database }),
        Err(OpenError::NoBackend { .. }) => Err(Error::NotFound),
        // The reasons are the operator's: they name servers, users and folders.
        Err(error @ OpenError::Unavailable { .. }) => {
            tracing::debug!(label, error = &error as &dyn std::error::Error, "a database is not available");
            Err(Error::Unavailable("the database cannot be reached".to_owned()))
        }
        Err(error) => {
            tracing::warn!(label, error = &error as &dyn std::error::Error, "a database cannot be opened");
            Err(Error::Other("the database cannot be opened".to_owned()))
        }
    }
}

/// Decides about a call: the most that the component may do with the label now.
pub(crate) fn access(call: &Call<'_>, rights: &Rights) -> Result<Access, Error> {
    match call.has(&rights.write) {
        true => Ok(Access::Write),
        false => call.allows(&rights.read).map(|()| Access::Read).map_err(|_| Error::AccessDenied),
    }
}

/// Decides about a call that needs this access.
pub(crate) fn require(call: &Call<'_>, rights: &Rights, access: Access) -> Result<(), Error> {
    match access {
        Access::Write => call.allows(&rights.write).map_err(|_| Error::AccessDenied),
        Access::Read => self::access(call, rights).map(|_| ()),
    }
}

/// Counts and audits a denial by the database: the component lacks the right to write.
pub(crate) fn denied_by_database(call: &Call<'_>, rights: &Rights, error: &Error) {
    if matches!(error, Error::AccessDenied) {
        // The right may have been granted meanwhile. The statement has failed all the same.
        let _denied = call.allows(&rights.write);
    }
}
