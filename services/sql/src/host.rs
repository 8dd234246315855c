//! The functions of `airssys:sql/database`.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use airssys_wasm::wasmtime::component::Resource;
use airssys_wasm::{in_time, wasmtime};

use crate::bindings::sql::airssys::sql::database as wit;
use crate::database::{Access, Rows, Statement};
use crate::handles::{
    DatabaseHandle, Failure, OpenTransaction, Opened, ReadRows, RowsHandle, StatementHandle,
    TransactionHandle,
};
use crate::held::{Held, Place};
use crate::service::{self, Call, access, admit, data, denied_by_database, require};
use crate::values::{self, Column, Error, Row, Value};

/// The time that a transaction or the rows of a result may be open.
const MAX_OPEN_TIME: Duration = Duration::from_secs(30);

/// The most bytes of a statement.
const MAX_STATEMENT_BYTES: usize = 256 << 10;

/// The most parameters of a statement.
const MAX_PARAMETERS: usize = 1_000;

/// The most bytes of the parameters of a statement.
const MAX_PARAMETER_BYTES: usize = 4 << 20;

/// Makes a statement of the text and the values of a component, within the bounds.
pub(crate) fn statement(text: Arc<str>, parameters: Vec<Value>) -> Result<Statement, Error> {
    let exceeded = |text: String| Err(Error::LimitExceeded(text));
    if text.len() > MAX_STATEMENT_BYTES {
        return exceeded(format!("a statement has more than {MAX_STATEMENT_BYTES} bytes"));
    }
    if text.trim().is_empty() {
        return Err(Error::QueryFailed("the statement is empty".to_owned()));
    }
    if text.contains('\0') {
        return Err(Error::QueryFailed("the statement contains the character NUL".to_owned()));
    }
    if parameters.len() > MAX_PARAMETERS {
        return exceeded(format!("a statement has more than {MAX_PARAMETERS} parameters"));
    }
    if parameters.iter().map(values::size).sum::<usize>() > MAX_PARAMETER_BYTES {
        return exceeded(format!("the parameters have more than {MAX_PARAMETER_BYTES} bytes"));
    }
    parameters.iter().try_for_each(values::check)?;
    Ok(Statement { text, parameters })
}

/// Runs a statement outside of a transaction, as one that reads first, and returns its rows.
pub(crate) async fn query(
    call: &mut Call<'_>,
    opened: &Opened,
    statement: Statement,
) -> Result<Box<dyn Rows>, Error> {
    let (access, database) = (access(call, opened)?, opened.get());
    let found = in_time(database.timeout(), async {
        match (database.query(statement.clone()).await, access) {
            // The database says that the statement writes.
            (Err(Error::AccessDenied), Access::Write) => {
                let changed = database.change(statement).await?;
                Ok(Box::new(ReadRows::new(changed)) as Box<dyn Rows>)
            }
            (found, _) => found,
        }
    });
    let found = found.await;
    found.inspect_err(|error| denied_by_database(call, opened, error))
}

async fn execute(call: &mut Call<'_>, opened: &Opened, statement: Statement) -> Result<u64, Error> {
    let (access, database) = (access(call, opened)?, opened.get());
    let changed = in_time(database.timeout(), database.execute(access, statement)).await;
    changed.inspect_err(|error| denied_by_database(call, opened, error))
}

/// A call within a transaction.
enum Within<'a> {
    Query(Statement, &'a mut Option<Box<dyn Rows>>),
    Execute(Statement, &'a mut u64),
}

/// Runs a call within a transaction. After a call that did not end, the transaction is dropped.
async fn within(call: &mut Call<'_>, open: &OpenTransaction, step: Within<'_>) -> Result<(), Error> {
    require(call, &open.opened, open.access)?;
    open.failure.check()?;
    let mut held = open.held.lock().await;
    let Some(mut transaction) = held.take() else { return Err(over()) };
    let result = in_time(open.timeout, async {
        match step {
            Within::Query(statement, rows) => *rows = Some(transaction.query(statement).await?),
            Within::Execute(statement, changed) => *changed = transaction.execute(statement).await?,
        }
        Ok(())
    });
    let result = result.await;
    match &result {
        // Dropped, it is rolled back at once.
        Err(Error::Timeout) => drop(transaction),
        _ => *held = Some(transaction),
    }
    drop(held);
    result.inspect_err(|error| {
        open.failure.after(error);
        denied_by_database(call, &open.opened, error);
    })
}

fn over() -> Error {
    let seconds = MAX_OPEN_TIME.as_secs();
    Error::TransactionFailed(format!("it was rolled back: it timed out, or was open for {seconds} s"))
}

pub(crate) fn table<T: Send + 'static>(call: &mut Call<'_>, value: T) -> Result<Resource<T>, Error> {
    call.table().push(value).map_err(|error| Error::LimitExceeded(error.to_string()))
}

pub(crate) fn get<'a, T: 'static>(call: &'a mut Call<'_>, handle: &Resource<T>) -> Result<&'a T, Error> {
    call.table().get(handle).map_err(|error| Error::Other(error.to_string()))
}

/// Makes the handle of rows.
fn rows(
    call: &mut Call<'_>,
    rows: Box<dyn Rows>,
    opened: &Opened,
    within: Option<&OpenTransaction>,
    place: Place,
) -> Result<Resource<RowsHandle>, Error> {
    let (opened, columns, timeout) = (opened.clone(), rows.columns().to_vec(), opened.get().timeout());
    let held = Arc::new(Held::new(rows, MAX_OPEN_TIME));
    let failure = within.map(|open| open.failure.clone()).unwrap_or_default();
    let transaction = within.map(|open| Arc::downgrade(&open.held));
    table(call, RowsHandle { opened, columns, timeout, held, failure, transaction, _place: place })
}

/// Runs a query, within a transaction if there is one, and makes the handle of its rows.
async fn query_rows(
    call: &mut Call<'_>,
    opened: Option<&Opened>,
    open: Option<&OpenTransaction>,
    statement: Statement,
) -> Result<Resource<RowsHandle>, Error> {
    // Taken first, because a statement may change rows and return them.
    let place = data(call)?.open.take()?;
    match (opened, open) {
        (_, Some(open)) => {
            let mut found = None;
            within(call, open, Within::Query(statement, &mut found)).await?;
            let found = found.ok_or_else(|| Error::Other("the query returned nothing".to_owned()))?;
            rows(call, found, &open.opened, Some(open), place)
        }
        (Some(opened), None) => {
            let found = query(call, opened, statement).await?;
            rows(call, found, opened, None, place)
        }
        (None, None) => Err(Error::Other("the query has no database".to_owned())),
    }
}

/// Takes a transaction out of its handle for its end.
fn taken(call: &mut Call<'_>, handle: Resource<TransactionHandle>) -> Result<OpenTransaction, Error> {
    let handle = call.table().delete(handle).map_err(|error| Error::Other(error.to_string()))?;
    Ok(handle.transaction)
}

/// Runs the body of a function: counts it against the rate, and in the stats under the name.
macro_rules! counted {
    ($call:ident, $name:literal, $body:expr) => {{
        let began = Instant::now();
        let result = match admit($call) {
            Ok(()) => $body.await,
            Err(error) => Err(error),
        };
        $call.record($name, began, result.is_ok());
        result
    }};
}
pub(crate) use counted;

impl wit::Host for Call<'_> {}

impl wit::HostDatabase for Call<'_> {
    async fn open(&mut self, label: String) -> Result<Resource<DatabaseHandle>, Error> {
        counted!(self, "open", async {
            let opened = service::open(self, &label).await?;
            let place = data(self)?.handles.take()?;
            table(self, DatabaseHandle { opened, _place: place })
        })
    }

    async fn query(
        &mut self,
        database: Resource<DatabaseHandle>,
        text: String,
        parameters: Vec<Value>,
    ) -> Result<Resource<RowsHandle>, Error> {
        counted!(self, "query", async {
            let opened = get(self, &database)?.opened.clone();
            query_rows(self, Some(&opened), None, statement(text.into(), parameters)?).await
        })
    }

    async fn execute(
        &mut self,
        database: Resource<DatabaseHandle>,
        text: String,
        parameters: Vec<Value>,
    ) -> Result<u64, Error> {
        counted!(self, "execute", async {
            let opened = get(self, &database)?.opened.clone();
            execute(self, &opened, statement(text.into(), parameters)?).await
        })
    }

    async fn prepare(
        &mut self,
        database: Resource<DatabaseHandle>,
        text: String,
    ) -> Result<Resource<StatementHandle>, Error> {
        counted!(self, "prepare", async {
            let opened = get(self, &database)?.opened.clone();
            let (access, text) = (access(self, &opened)?, statement(text.into(), Vec::new())?.text);
            let place = data(self)?.handles.take()?;
            let database = opened.get();
            let described = database.prepare(access, Arc::clone(&text));
            let description = in_time(database.timeout(), described).await;
            let description = description.inspect_err(|error| denied_by_database(self, &opened, error))?;
            table(self, StatementHandle { opened, text, description, _place: place })
        })
    }

    async fn begin(
        &mut self,
        database: Resource<DatabaseHandle>,
    ) -> Result<Resource<TransactionHandle>, Error> {
        counted!(self, "begin", async {
            let opened = get(self, &database)?.opened.clone();
            let (access, database) = (access(self, &opened)?, opened.get());
            let timeout = database.timeout();
            let place = data(self)?.open.take()?;
            let transaction = in_time(timeout, database.begin(access)).await?;
            let held = Arc::new(Held::new(transaction, MAX_OPEN_TIME));
            let transaction = OpenTransaction { opened, access, timeout, held, failure: Failure::default() };
            table(self, TransactionHandle { transaction, _place: place })
        })
    }

    async fn drop(&mut self, database: Resource<DatabaseHandle>) -> wasmtime::Result<()> {
        self.table().delete(database)?;
        Ok(())
    }
}

impl wit::HostStatement for Call<'_> {
    async fn parameters(&mut self, statement: Resource<StatementHandle>) -> u32 {
        get(self, &statement).map_or(0, |statement| statement.description.parameters)
    }

    async fn columns(&mut self, statement: Resource<StatementHandle>) -> Vec<Column> {
        get(self, &statement).map_or_else(|_| Vec::new(), |found| found.description.columns.clone())
    }

    async fn query(
        &mut self,
        prepared: Resource<StatementHandle>,
        parameters: Vec<Value>,
        within: Option<Resource<TransactionHandle>>,
    ) -> Result<Resource<RowsHandle>, Error> {
        counted!(self, "query", async {
            let found = get(self, &prepared)?;
            let (opened, text) = (found.opened.clone(), Arc::clone(&found.text));
            let open =
                within.map(|within| Ok::<_, Error>(get(self, &within)?.transaction.clone())).transpose()?;
            query_rows(self, Some(&opened), open.as_ref(), statement(text, parameters)?).await
        })
    }

    async fn execute(
        &mut self,
        prepared: Resource<StatementHandle>,
        parameters: Vec<Value>,
        transaction: Option<Resource<TransactionHandle>>,
    ) -> Result<u64, Error> {
        counted!(self, "execute", async {
            let found = get(self, &prepared)?;
            let (opened, text) = (found.opened.clone(), Arc::clone(&found.text));
            let statement = statement(text, parameters)?;
            let Some(transaction) = transaction else { return execute(self, &opened, statement).await };
            let open = get(self, &transaction)?.transaction.clone();
            let mut changed = 0;
            within(self, &open, Within::Execute(statement, &mut changed)).await.map(|()| changed)
        })
    }

    async fn drop(&mut self, statement: Resource<StatementHandle>) -> wasmtime::Result<()> {
        self.table().delete(statement)?;
        Ok(())
    }
}

impl wit::HostTransaction for Call<'_> {
    async fn query(
        &mut self,
        transaction: Resource<TransactionHandle>,
        text: String,
        parameters: Vec<Value>,
    ) -> Result<Resource<RowsHandle>, Error> {
        counted!(self, "query", async {
            let open = get(self, &transaction)?.transaction.clone();
            query_rows(self, None, Some(&open), statement(text.into(), parameters)?).await
        })
    }

    async fn execute(
        &mut self,
        transaction: Resource<TransactionHandle>,
        text: String,
        parameters: Vec<Value>,
    ) -> Result<u64, Error> {
        counted!(self, "execute", async {
            let open = get(self, &transaction)?.transaction.clone();
            let (statement, mut changed) = (statement(text.into(), parameters)?, 0);
            within(self, &open, Within::Execute(statement, &mut changed)).await.map(|()| changed)
        })
    }

    async fn commit(&mut self, transaction: Resource<TransactionHandle>) -> Result<(), Error> {
        counted!(self, "commit", async {
            let open = taken(self, transaction)?;
            require(self, &open.opened, open.access)?;
            open.failure.check()?;
            let transaction = open.held.lock().await.take().ok_or_else(over)?;
            in_time(open.timeout, transaction.commit()).await
        })
    }

    async fn rollback(&mut self, transaction: Resource<TransactionHandle>) -> Result<(), Error> {
        counted!(self, "rollback", async {
            let open = taken(self, transaction)?;
            let Some(transaction) = open.held.lock().await.take() else { return Ok(()) };
            in_time(open.timeout, transaction.rollback()).await
        })
    }

    async fn drop(&mut self, transaction: Resource<TransactionHandle>) -> wasmtime::Result<()> {
        self.table().delete(transaction)?;
        Ok(())
    }
}

impl wit::HostRows for Call<'_> {
    async fn columns(&mut self, rows: Resource<RowsHandle>) -> Vec<Column> {
        get(self, &rows).map_or_else(|_| Vec::new(), |rows| rows.columns.clone())
    }

    async fn next(&mut self, rows: Resource<RowsHandle>, most: u32) -> Result<Vec<Row>, Error> {
        counted!(self, "next", async {
            let found = get(self, &rows)?;
            let (opened, held) = (found.opened.clone(), Arc::clone(&found.held));
            let (timeout, failure) = (found.timeout, found.failure.clone());
            let transaction = found.transaction.clone();
            require(self, &opened, Access::Read)?;
            failure.check()?;
            let mut guard = held.lock().await;
            let Some(mut rows) = guard.take() else { return Err(over()) };
            let page = in_time(timeout, rows.next(most as usize)).await;
            match &page {
                Ok(_) => *guard = Some(rows),
                // The transaction goes too, because its connection still reads the page.
                Err(Error::Timeout) => {
                    if let Some(transaction) = transaction.as_ref().and_then(Weak::upgrade) {
                        drop(transaction.lock().await.take());
                    }
                }
                Err(_) => {}
            }
            page.inspect_err(|error| failure.after(error))
        })
    }

    async fn drop(&mut self, rows: Resource<RowsHandle>) -> wasmtime::Result<()> {
        self.table().delete(rows)?;
        Ok(())
    }
}
