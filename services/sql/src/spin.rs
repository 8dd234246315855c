//! The functions of `fermyon:spin/sqlite`, for components that were built for Spin.

use std::time::Instant;

use airssys_wasm::wasmtime::component::Resource;
use airssys_wasm::{in_time, wasmtime};

use crate::bindings::spin::fermyon::spin::sqlite::{
    Error as SpinError, Host, HostConnection, QueryResult, RowResult, Value as SpinValue,
};
use crate::database::{MAX_PAGE_ROWS, Rows, VALUE_BYTES};
use crate::handles::DatabaseHandle;
use crate::host::{counted, get, query, statement, table};
use crate::service::{self, Call, admit, data};
use crate::values::{self, Error, Value};

/// The most bytes of a result, because all its rows are returned at once.
const MAX_RESULT_BYTES: usize = 8 << 20;

fn of_spin(value: SpinValue) -> Value {
    match value {
        SpinValue::Integer(number) => Value::Int64(number),
        SpinValue::Real(number) => Value::Float64(number),
        SpinValue::Text(text) => Value::Text(text),
        SpinValue::Blob(bytes) => Value::Bytes(bytes),
        SpinValue::Null => Value::Null,
    }
}

fn to_spin(value: Value) -> SpinValue {
    match value {
        Value::Null => SpinValue::Null,
        Value::Boolean(value) => SpinValue::Integer(i64::from(value)),
        Value::Int32(number) => SpinValue::Integer(i64::from(number)),
        Value::Int64(number) => SpinValue::Integer(number),
        Value::Float32(number) => SpinValue::Real(f64::from(number)),
        Value::Float64(number) => SpinValue::Real(number),
        Value::Decimal(text) | Value::Text(text) | Value::Uuid(text) => SpinValue::Text(text),
        Value::Bytes(bytes) => SpinValue::Blob(bytes),
        Value::Date(date) => SpinValue::Text(values::date_text(date)),
        Value::Time(time) => SpinValue::Text(values::time_text(time)),
        Value::Timestamp(at) => SpinValue::Text(values::timestamp_text(at)),
        Value::Instant(micros) => SpinValue::Text(values::instant_text(micros)),
    }
}

impl From<Error> for SpinError {
    fn from(error: Error) -> SpinError {
        match error {
            Error::AccessDenied => SpinError::AccessDenied,
            Error::NotFound => SpinError::NoSuchDatabase,
            Error::DatabaseFull => SpinError::DatabaseFull,
            Error::Timeout => SpinError::Io("the statement did not end in its time".to_owned()),
            Error::ConstraintViolation(name) => SpinError::Io(format!("constraint failed: {name}")),
            Error::ConnectionFailed(text)
            | Error::QueryFailed(text)
            | Error::TransactionFailed(text)
            | Error::Unavailable(text)
            | Error::WrongType(text)
            | Error::LimitExceeded(text)
            | Error::Other(text) => SpinError::Io(text),
        }
    }
}

/// Runs a statement, and reads all its rows.
async fn execute(
    call: &mut Call<'_>,
    connection: &Resource<DatabaseHandle>,
    text: String,
    parameters: Vec<SpinValue>,
) -> Result<QueryResult, Error> {
    let opened = get(call, connection)?.opened.clone();
    let statement = statement(text.into(), parameters.into_iter().map(of_spin).collect())?;
    let timeout = opened.get().timeout();
    let mut found = query(call, &opened, statement).await?;
    in_time(timeout, all_rows(&mut *found)).await
}

/// Reads all rows of a result, within a bound on their bytes.
async fn all_rows(found: &mut dyn Rows) -> Result<QueryResult, Error> {
    let columns = found.columns().iter().map(|column| column.name.clone()).collect();
    let (mut rows, mut bytes) = (Vec::new(), 0);
    loop {
        let page = found.next(MAX_PAGE_ROWS).await?;
        if page.is_empty() {
            return Ok(QueryResult { columns, rows });
        }
        for row in page {
            bytes += row.iter().map(|value| VALUE_BYTES + values::size(value)).sum::<usize>();
            rows.push(RowResult { values: row.into_iter().map(to_spin).collect() });
        }
        if bytes > MAX_RESULT_BYTES {
            let text =
                format!("the rows have more than {MAX_RESULT_BYTES} bytes; add a LIMIT to the statement");
            return Err(Error::LimitExceeded(text));
        }
    }
}

impl Host for Call<'_> {}

impl HostConnection for Call<'_> {
    async fn open(&mut self, database: String) -> Result<Resource<DatabaseHandle>, SpinError> {
        let opened = counted!(self, "open", async {
            let opened = service::open(self, &database).await?;
            let place = data(self)?.handles.take()?;
            table(self, DatabaseHandle { opened, _place: place })
        });
        Ok(opened?)
    }

    async fn execute(
        &mut self,
        connection: Resource<DatabaseHandle>,
        text: String,
        parameters: Vec<SpinValue>,
    ) -> Result<QueryResult, SpinError> {
        let result = counted!(self, "execute", async { execute(self, &connection, text, parameters).await });
        Ok(result?)
    }

    async fn drop(&mut self, connection: Resource<DatabaseHandle>) -> wasmtime::Result<()> {
        self.table().delete(connection)?;
        Ok(())
    }
}
