//! Values and errors, from one side to the other.

use test_sql_calls::{Failure, Value};

use crate::spin::fermyon::spin::sqlite::{Error as SpinError, Value as SpinValue};
use crate::sql::airssys::sql::types::{Date, Error, Time, Timestamp, Value as SqlValue};

pub(crate) fn to_sql(values: Vec<Value>) -> Vec<SqlValue> {
    let date = |(year, month, day)| Date { year, month, day };
    let time = |(hour, minute, second, microsecond)| Time { hour, minute, second, microsecond };
    let value = |value| match value {
        Value::Null => SqlValue::Null,
        Value::Boolean(value) => SqlValue::Boolean(value),
        Value::Int32(number) => SqlValue::Int32(number),
        Value::Int64(number) => SqlValue::Int64(number),
        Value::Float32(number) => SqlValue::Float32(number),
        Value::Float64(number) => SqlValue::Float64(number),
        Value::Decimal(text) => SqlValue::Decimal(text),
        Value::Text(text) => SqlValue::Text(text),
        Value::Bytes(bytes) => SqlValue::Bytes(bytes),
        Value::Date(day) => SqlValue::Date(date(day)),
        Value::Time(at) => SqlValue::Time(time(at)),
        Value::Timestamp(day, at) => SqlValue::Timestamp(Timestamp { date: date(day), time: time(at) }),
        Value::Instant(micros) => SqlValue::Instant(micros),
        Value::Uuid(text) => SqlValue::Uuid(text),
    };
    values.into_iter().map(value).collect()
}

pub(crate) fn from_sql(value: SqlValue) -> Value {
    let date = |date: Date| (date.year, date.month, date.day);
    let time = |time: Time| (time.hour, time.minute, time.second, time.microsecond);
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Boolean(value) => Value::Boolean(value),
        SqlValue::Int32(number) => Value::Int32(number),
        SqlValue::Int64(number) => Value::Int64(number),
        SqlValue::Float32(number) => Value::Float32(number),
        SqlValue::Float64(number) => Value::Float64(number),
        SqlValue::Decimal(text) => Value::Decimal(text),
        SqlValue::Text(text) => Value::Text(text),
        SqlValue::Bytes(bytes) => Value::Bytes(bytes),
        SqlValue::Date(day) => Value::Date(date(day)),
        SqlValue::Time(at) => Value::Time(time(at)),
        SqlValue::Timestamp(at) => Value::Timestamp(date(at.date), time(at.time)),
        SqlValue::Instant(micros) => Value::Instant(micros),
        SqlValue::Uuid(text) => Value::Uuid(text),
    }
}

/// Returns a value for Spin. The tests use only those that it has.
pub(crate) fn to_spin(value: Value) -> SpinValue {
    match value {
        Value::Int64(number) => SpinValue::Integer(number),
        Value::Float64(number) => SpinValue::Real(number),
        Value::Text(text) => SpinValue::Text(text),
        Value::Bytes(bytes) => SpinValue::Blob(bytes),
        _ => SpinValue::Null,
    }
}

pub(crate) fn from_spin(value: SpinValue) -> Value {
    match value {
        SpinValue::Integer(number) => Value::Int64(number),
        SpinValue::Real(number) => Value::Float64(number),
        SpinValue::Text(text) => Value::Text(text),
        SpinValue::Blob(bytes) => Value::Bytes(bytes),
        SpinValue::Null => Value::Null,
    }
}

pub(crate) fn failure(error: Error) -> Failure {
    let (case, text) = match error {
        Error::AccessDenied => ("access-denied", String::new()),
        Error::ConnectionFailed(text) => ("connection-failed", text),
        Error::QueryFailed(text) => ("query-failed", text),
        Error::ConstraintViolation(text) => ("constraint-violation", text),
        Error::TransactionFailed(text) => ("transaction-failed", text),
        Error::NotFound => ("not-found", String::new()),
        Error::Timeout => ("timeout", String::new()),
        Error::Unavailable(text) => ("unavailable", text),
        Error::WrongType(text) => ("wrong-type", text),
        Error::LimitExceeded(text) => ("limit-exceeded", text),
        Error::DatabaseFull => ("database-full", String::new()),
        Error::Other(text) => ("other", text),
    };
    Failure { case: case.to_owned(), text }
}

pub(crate) fn spin_failure(error: SpinError) -> Failure {
    let (case, text) = match error {
        SpinError::NoSuchDatabase => ("no-such-database", String::new()),
        SpinError::AccessDenied => ("access-denied", String::new()),
        SpinError::InvalidConnection => ("invalid-connection", String::new()),
        SpinError::DatabaseFull => ("database-full", String::new()),
        SpinError::Io(text) => ("io", text),
    };
    Failure { case: case.to_owned(), text }
}
