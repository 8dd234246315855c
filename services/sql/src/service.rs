//! The service: its interfaces, its rights, and the data of an instance.

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_wasm::wasmtime::component::Linker;
use airssys_wasm::{
    Entry, GuestState, HasService, Interface, LabelAccess, LabelError, Labels, Service, ServiceCall,
    ServiceInstance, Waits, wasmtime,
};

use crate::bindings::{spin, sql};
use crate::database::{Access, Database};
use crate::handles::Opened;
use crate::held::Counter;
use crate::shared::SharedDatabase;
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

    fn prepare(&self, (): &(), _: &ServiceInstance<'_>) -> Result<SqlData, BoxError> {
        let handles = Counter::new(MAX_HANDLES, "databases and statements");
        let open = Counter::new(MAX_OPEN, "transactions and results");
        Ok(SqlData { handles, open })
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
    call.admit().map_err(|exceeded| LabelError::from(exceeded).into())
}

impl From<LabelError> for Error {
    fn from(error: LabelError) -> Error {
        match error {
            LabelError::AccessDenied => Error::AccessDenied,
            LabelError::NoBackend => Error::NotFound,
            LabelError::CallsExceeded(exceeded) => Error::LimitExceeded(exceeded.to_string()),
            LabelError::Timeout => Error::Timeout,
            _ => Error::Unavailable("the database cannot be reached".to_owned()),
        }
    }
}

/// Opens the database of a label, if the component has a right on it.
pub(crate) async fn open(call: &mut Call<'_>, label: &str) -> Result<Opened, Error> {
    let opened = call.find_label(label, LabelAccess::Any).await?;
    let (component, most): (Arc<str>, _) = (call.component().into(), call.limits().connections);
    Ok(opened.map(move |database| {
        Arc::new(SharedDatabase { database, component: Arc::clone(&component), most }) as Arc<dyn Database>
    }))
}

/// Decides about a call: the most that the component may do with the label now.
pub(crate) fn access(call: &Call<'_>, opened: &Opened) -> Result<Access, Error> {
    match call.has_access(opened, LabelAccess::Write) {
        true => Ok(Access::Write),
        false => Ok(call.allow(opened, LabelAccess::Read).map(|()| Access::Read)?),
    }
}

/// Decides about a call that needs this access.
pub(crate) fn require(call: &Call<'_>, opened: &Opened, access: Access) -> Result<(), Error> {
    match access {
        Access::Write => Ok(call.allow(opened, LabelAccess::Write)?),
        Access::Read => self::access(call, opened).map(|_| ()),
    }
}

/// Counts and audits a denial by the database: the component lacks the right to write.
pub(crate) fn denied_by_database(call: &Call<'_>, opened: &Opened, error: &Error) {
    if matches!(error, Error::AccessDenied) {
        // The right may have been granted meanwhile. The statement has failed all the same.
        let _denied = call.allow(opened, LabelAccess::Write);
    }
}
