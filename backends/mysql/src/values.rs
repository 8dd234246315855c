//! The values of the server in its binary form.

use airssys_sql::{Column, Date, Error, Row, Time, Timestamp, VALUE_BYTES, Value, check_row, convert};
use mysql_async::consts::{ColumnFlags, ColumnType};

/// The character set of bytes.
const BINARY: u16 = 63;

/// Returns the columns of a result.
pub(crate) fn columns(columns: &[mysql_async::Column]) -> Vec<Column> {
    columns
        .iter()
        .map(|column| {
            let kind = format!("{:?}", column.column_type());
            let kind = kind.trim_start_matches("MYSQL_TYPE_").to_ascii_lowercase();
            Column { name: column.name_str().into_owned(), database_type: kind }
        })
        .collect()
}

/// Converts a row, if it is not too large. Returns its bytes too.
pub(crate) fn row(row: mysql_async::Row) -> Result<(Row, usize), Error> {
    let columns = row.columns();
    let values = row.unwrap_raw();
    let size = |value: &Option<mysql_async::Value>| match value {
        Some(mysql_async::Value::Bytes(bytes)) => VALUE_BYTES + bytes.len(),
        _ => VALUE_BYTES,
    };
    let bytes = values.iter().map(size).sum();
    check_row(bytes)?;
    let values = values.into_iter().zip(columns.iter());
    let values = values.map(|(value, column)| of_column(value.unwrap_or(mysql_async::Value::NULL), column));
    Ok((values.collect::<Result<Row, Error>>()?, bytes))
}

fn of_column(value: mysql_async::Value, column: &mysql_async::Column) -> Result<Value, Error> {
    use mysql_async::Value as Stored;
    let ty = column.column_type();
    let misfit = || {
        let name = column.name_str();
        Error::WrongType(format!("a value of the column `{name}` is not one of airssys:sql; cast it to CHAR"))
    };
    Ok(match (value, ty) {
        (Stored::NULL, _) => Value::Null,
        (Stored::Int(number @ 0..=1), ColumnType::MYSQL_TYPE_TINY) if column.column_length() == 1 => {
            Value::Boolean(number == 1)
        }
        (Stored::Int(number), ColumnType::MYSQL_TYPE_LONGLONG) => Value::Int64(number),
        (Stored::Int(number), _) => match (i32::try_from(number), is_unsigned(column)) {
            (Ok(number), false) => Value::Int32(number),
            _ => Value::Int64(number),
        },
        (Stored::UInt(number), _) => match i64::try_from(number) {
            Ok(number) => Value::Int64(number),
            Err(_) => Value::Decimal(number.to_string()),
        },
        (Stored::Float(number), _) => Value::Float32(number),
        (Stored::Double(number), _) => Value::Float64(number),
        (Stored::Bytes(bytes), ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL) => {
            Value::Decimal(String::from_utf8(bytes).map_err(|_| misfit())?)
        }
        (Stored::Bytes(bytes), _)
            if column.character_set() == BINARY && ty != ColumnType::MYSQL_TYPE_JSON =>
        {
            Value::Bytes(bytes)
        }
        (Stored::Bytes(bytes), _) => Value::Text(String::from_utf8(bytes).map_err(|_| misfit())?),
        (Stored::Date(year, month, day, hour, minute, second, microsecond), ty) => {
            let date = Date { year: i32::from(year), month, day };
            let time = Time { hour, minute, second, microsecond };
            if month == 0 || day == 0 {
                // The server has days that are not of the calendar, such as 0000-00-00.
                return Err(misfit());
            }
            match ty {
                ColumnType::MYSQL_TYPE_DATE | ColumnType::MYSQL_TYPE_NEWDATE => Value::Date(date),
                // Sessions have the time zone UTC.
                ColumnType::MYSQL_TYPE_TIMESTAMP | ColumnType::MYSQL_TYPE_TIMESTAMP2 => {
                    Value::Instant(convert::to_instant(Timestamp { date, time }))
                }
                _ => Value::Timestamp(Timestamp { date, time }),
            }
        }
        (Stored::Time(false, 0, hour, minute, second, microsecond), _) => {
            Value::Time(Time { hour, minute, second, microsecond })
        }
        (Stored::Time(..), _) => return Err(misfit()),
    })
}

fn is_unsigned(column: &mysql_async::Column) -> bool {
    column.flags().contains(ColumnFlags::UNSIGNED_FLAG)
}

/// The most digits of a decimal number, and of its part behind the point.
const DIGITS: (usize, usize) = (65, 30);

/// Returns the text of a parameter in a statement, such that the server takes its type.
pub(crate) fn placeholder(value: Option<&Value>) -> Result<String, Error> {
    Ok(match value {
        // Compared with a text, a number would be one with a floating point.
        Some(Value::Decimal(text)) => {
            let digits = text.trim_start_matches(['-', '+']);
            let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
            if part.len() > DIGITS.1 || whole.trim_start_matches('0').len() + part.len() > DIGITS.0 {
                return Err(Error::WrongType("a decimal number has too many digits".to_owned()));
            }
            format!("CAST(? AS DECIMAL({}, {}))", DIGITS.0, part.len())
        }
        Some(Value::Bytes(_)) => "CAST(? AS BINARY)".to_owned(),
        _ => "?".to_owned(),
    })
}

/// Returns a parameter as the server takes it.
pub(crate) fn parameter(value: &Value) -> Result<mysql_async::Value, Error> {
    use mysql_async::Value as Sent;
    let wrong = |text: &str| Err(Error::WrongType(text.to_owned()));
    let year = |date: &Date| u16::try_from(date.year).ok().filter(|year| (1..=9_999).contains(year));
    Ok(match value {
        Value::Null => Sent::NULL,
        Value::Boolean(value) => Sent::Int(i64::from(*value)),
        Value::Int32(number) => Sent::Int(i64::from(*number)),
        Value::Int64(number) => Sent::Int(*number),
        Value::Float32(number) if !number.is_finite() => return wrong("the server has no such number"),
        Value::Float64(number) if !number.is_finite() => return wrong("the server has no such number"),
        Value::Float32(number) => Sent::Float(*number),
        Value::Float64(number) => Sent::Double(*number),
        Value::Decimal(text) | Value::Text(text) => Sent::Bytes(text.clone().into_bytes()),
        Value::Bytes(bytes) => Sent::Bytes(bytes.clone()),
        Value::Uuid(text) => Sent::Bytes(text.to_ascii_lowercase().into_bytes()),
        Value::Date(date) => match year(date) {
            Some(year) => Sent::Date(year, date.month, date.day, 0, 0, 0, 0),
            None => return wrong("the server has the years 1 to 9999"),
        },
        Value::Time(time) => Sent::Time(false, 0, time.hour, time.minute, time.second, time.microsecond),
        Value::Timestamp(at) => return moment(*at, year(&at.date)),
        Value::Instant(micros) => {
            let at = convert::of_instant(*micros);
            return moment(at, year(&at.date));
        }
    })
}

fn moment(at: Timestamp, year: Option<u16>) -> Result<mysql_async::Value, Error> {
    let Timestamp { date, time: Time { hour, minute, second, microsecond } } = at;
    match year {
        Some(year) => {
            Ok(mysql_async::Value::Date(year, date.month, date.day, hour, minute, second, microsecond))
        }
        None => Err(Error::WrongType("the server has the years 1 to 9999".to_owned())),
    }
}
