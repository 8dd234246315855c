//! The values of SQLite. Days, times and UUIDs are texts, which the declared type of a column tells.

use rusqlite::types::{ToSqlOutput, Value as Stored, ValueRef};
use rusqlite::{Statement, ToSql};

use crate::database::{VALUE_BYTES, check_row};
use crate::values::{self, Column, Error, Row, Value};

/// The declared type of a column, as far as its values depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Boolean,
    Date,
    Time,
    Timestamp,
    Instant,
    Uuid,
    Other,
}

impl Declared {
    fn of(name: &str) -> Declared {
        let name = name.to_ascii_uppercase();
        // `TIMESTAMP(6)` and `TIMESTAMP (6) WITH TIME ZONE` have a precision within.
        let plain: String = match (name.find('('), name.find(')')) {
            (Some(from), Some(to)) if from < to => format!("{}{}", name[..from].trim_end(), &name[to + 1..]),
            _ => name,
        };
        match plain.trim() {
            "BOOL" | "BOOLEAN" => Declared::Boolean,
            "DATE" => Declared::Date,
            "TIME" | "TIME WITHOUT TIME ZONE" => Declared::Time,
            "TIMESTAMP" | "DATETIME" | "TIMESTAMP WITHOUT TIME ZONE" => Declared::Timestamp,
            "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => Declared::Instant,
            "UUID" => Declared::Uuid,
            _ => Declared::Other,
        }
    }
}

/// The most bytes of the names and declared types of all columns of a statement.
const MAX_NAME_BYTES: usize = 64 << 10;

/// Returns the columns of a statement, and their declared types.
///
/// # Errors
/// [`Error::LimitExceeded`] if their names are too long.
pub(super) fn columns(statement: &Statement<'_>) -> Result<(Vec<Column>, Vec<Declared>), Error> {
    let bytes: usize =
        statement.columns().map(|column| column.name().len() + column.decl_type().map_or(0, str::len)).sum();
    if bytes > MAX_NAME_BYTES {
        let text =
            format!("the names of the columns have more than {MAX_NAME_BYTES} bytes; name them with AS");
        return Err(Error::LimitExceeded(text));
    }
    Ok(statement
        .columns()
        .map(|column| {
            let database_type = column.decl_type().unwrap_or_default().to_owned();
            let declared = Declared::of(&database_type);
            (Column { name: column.name().to_owned(), database_type }, declared)
        })
        .unzip())
}

/// Copies a row, if it is not too large. Returns its bytes too.
pub(super) fn row(row: &rusqlite::Row<'_>, declared: &[Declared]) -> Result<(Row, usize), Error> {
    let get = |at| row.get_ref(at).map_err(|error| Error::Other(error.to_string()));
    let mut bytes = 0;
    for at in 0..declared.len() {
        bytes += VALUE_BYTES
            + match get(at)? {
                ValueRef::Text(text) => text.len(),
                ValueRef::Blob(blob) => blob.len(),
                _ => 0,
            };
    }
    check_row(bytes)?;
    let values = declared.iter().enumerate();
    let row: Result<Row, Error> = values.map(|(at, declared)| value(get(at)?, *declared)).collect();
    Ok((row?, bytes))
}

/// Returns a stored value as its declared type, or as it is stored if it is not of that type.
///
/// # Errors
/// [`Error::WrongType`] for a text that is not UTF-8, which SQLite does not check.
fn value(stored: ValueRef<'_>, declared: Declared) -> Result<Value, Error> {
    Ok(match (stored, declared) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(number @ 0..=1), Declared::Boolean) => Value::Boolean(number == 1),
        (ValueRef::Integer(number), _) => Value::Int64(number),
        (ValueRef::Real(number), _) => Value::Float64(number),
        (ValueRef::Blob(blob), _) => Value::Bytes(blob.to_owned()),
        (ValueRef::Text(text), declared) => {
            let invalid = |_| Error::WrongType("a text is not UTF-8; cast it to BLOB".to_owned());
            let text = std::str::from_utf8(text).map_err(invalid)?;
            let value = match declared {
                Declared::Date => values::parse_date(text).map(Value::Date),
                Declared::Time => values::parse_time(text).map(Value::Time),
                Declared::Timestamp => values::parse_timestamp(text).map(Value::Timestamp),
                Declared::Instant => values::parse_instant(text).map(Value::Instant),
                Declared::Uuid => values::is_uuid(text).then(|| Value::Uuid(text.to_ascii_lowercase())),
                Declared::Boolean | Declared::Other => None,
            };
            value.unwrap_or_else(|| Value::Text(text.to_owned()))
        }
    })
}

/// A parameter as SQLite stores it.
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let owned = |text: String| ToSqlOutput::Owned(Stored::Text(text));
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Owned(Stored::Null),
            Value::Boolean(value) => ToSqlOutput::Owned(Stored::Integer(i64::from(*value))),
            Value::Int32(value) => ToSqlOutput::Owned(Stored::Integer(i64::from(*value))),
            Value::Int64(value) => ToSqlOutput::Owned(Stored::Integer(*value)),
            Value::Float32(value) => ToSqlOutput::Owned(Stored::Real(f64::from(*value))),
            Value::Float64(value) => ToSqlOutput::Owned(Stored::Real(*value)),
            Value::Decimal(text) | Value::Text(text) => {
                ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
            }
            Value::Uuid(text) => owned(text.to_ascii_lowercase()),
            Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Value::Date(date) => owned(values::date_text(*date)),
            Value::Time(time) => owned(values::time_text(*time)),
            Value::Timestamp(at) => owned(values::timestamp_text(*at)),
            Value::Instant(micros) => owned(values::instant_text(*micros)),
        })
    }
}

/// Returns the number of values that a statement needs.
pub(super) fn parameters(statement: &Statement<'_>) -> usize {
    (1..=statement.parameter_count()).map(|index| number(statement, index)).max().unwrap_or(0)
}

/// Returns the number of the value for a parameter: that of its name `$2` or `?2`, or else its index.
fn number(statement: &Statement<'_>, index: usize) -> usize {
    let name = statement.parameter_name(index).and_then(|name| name.strip_prefix(['$', '?']));
    name.and_then(|number| number.parse().ok()).filter(|number| *number > 0).unwrap_or(index)
}

/// Binds the values to the parameters of a statement.
pub(super) fn bind(statement: &mut Statement<'_>, values: &[Value]) -> Result<(), Error> {
    let needed = parameters(statement);
    if needed != values.len() {
        let given = values.len();
        return Err(Error::WrongType(format!(
            "the statement has {needed} parameters, and {given} were given"
        )));
    }
    for index in 1..=statement.parameter_count() {
        let value = &values[number(statement, index) - 1];
        if matches!(value, Value::Float64(number) if number.is_nan())
            || matches!(value, Value::Float32(number) if number.is_nan())
        {
            return Err(Error::WrongType("SQLite has no number NaN".to_owned()));
        }
        let bound = statement.raw_bind_parameter(index, Parameter(value));
        bound.map_err(|error| Error::WrongType(error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn names_of_columns_are_bounded_before_they_are_copied() {
        let connection = Connection::open_in_memory().unwrap();
        let of = |names: usize| {
            let column = format!("1 AS \"{}\"", "n".repeat(1 << 10));
            let statement =
                connection.prepare(&format!("SELECT {}", vec![column; names].join(", "))).unwrap();
            columns(&statement).map(|(columns, _)| columns.len())
        };
        assert_eq!(of(64), Ok(64));
        assert!(matches!(of(65), Err(Error::LimitExceeded(_))));
    }
}
