//! The values of PostgreSQL in its binary form.

use airssys_sql::{Column, Error, Row, VALUE_BYTES, Value, check_row, convert};
use bytes::{BufMut, BytesMut};
use tokio_postgres::Statement;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use crate::errors::Misfit;
use crate::numeric;

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// The days and the microseconds from 1970 to 2000, where the server begins to count.
const DAYS_TO_2000: i64 = 10_957;
const MICROS_TO_2000: i64 = DAYS_TO_2000 * 86_400_000_000;

/// The version of the form of `jsonb`.
const JSONB: u8 = 1;

/// A parameter, which takes the type that the statement says.
#[derive(Debug)]
pub(crate) struct Parameter<'a>(pub(crate) &'a Value);

fn misfit(value: &Value, ty: &Type) -> BoxError {
    let kind = match value {
        Value::Null => "null",
        Value::Boolean(_) => "boolean",
        Value::Int32(_) | Value::Int64(_) => "whole number",
        Value::Float32(_) | Value::Float64(_) => "floating-point number",
        Value::Decimal(_) => "decimal number",
        Value::Text(_) => "text",
        Value::Bytes(_) => "list of bytes",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::Timestamp(_) => "timestamp",
        Value::Instant(_) => "instant",
        Value::Uuid(_) => "UUID",
    };
    Box::new(Misfit(format!("a {kind} does not fit a parameter of the type {}", ty.name())))
}

/// Returns the type below its domains.
fn base(ty: &Type) -> &Type {
    let mut ty = ty;
    while let Kind::Domain(of) = ty.kind() {
        ty = of;
    }
    ty
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self, declared: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        let (value, ty) = (self.0, base(declared));
        let fits = match value {
            Value::Null => return Ok(IsNull::Yes),
            Value::Boolean(value) => *ty == Type::BOOL && put(out, &[u8::from(*value)]),
            Value::Int32(number) => whole(i64::from(*number), ty, out),
            Value::Int64(number) => whole(*number, ty, out),
            Value::Float32(number) => real(f64::from(*number), ty, out),
            Value::Float64(number) => real(*number, ty, out),
            Value::Decimal(text) => {
                *ty == Type::NUMERIC && numeric::encode(text).is_some_and(|bytes| put(out, &bytes))
            }
            Value::Text(text) => self::text(text, ty, out),
            Value::Bytes(bytes) => *ty == Type::BYTEA && put(out, bytes),
            Value::Date(date) => {
                let days = convert::days_since_1970(*date) - DAYS_TO_2000;
                *ty == Type::DATE && i32::try_from(days).is_ok_and(|days| put(out, &days.to_be_bytes()))
            }
            Value::Time(time) => *ty == Type::TIME && put(out, &convert::micros_of(*time).to_be_bytes()),
            Value::Timestamp(at) => {
                *ty == Type::TIMESTAMP && put(out, &(convert::to_instant(*at) - MICROS_TO_2000).to_be_bytes())
            }
            Value::Instant(micros) => {
                *ty == Type::TIMESTAMPTZ && put(out, &(micros - MICROS_TO_2000).to_be_bytes())
            }
            Value::Uuid(text) => *ty == Type::UUID && uuid(text).is_some_and(|bytes| put(out, &bytes)),
        };
        if fits { Ok(IsNull::No) } else { Err(misfit(value, declared)) }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Writes bytes, and returns true.
fn put(out: &mut BytesMut, bytes: &[u8]) -> bool {
    out.put_slice(bytes);
    true
}

fn whole(number: i64, ty: &Type, out: &mut BytesMut) -> bool {
    match *ty {
        Type::INT2 => i16::try_from(number).is_ok_and(|number| put(out, &number.to_be_bytes())),
        Type::INT4 => i32::try_from(number).is_ok_and(|number| put(out, &number.to_be_bytes())),
        Type::INT8 => put(out, &number.to_be_bytes()),
        Type::OID => u32::try_from(number).is_ok_and(|number| put(out, &number.to_be_bytes())),
        Type::NUMERIC => numeric::encode(&number.to_string()).is_some_and(|bytes| put(out, &bytes)),
        // Whole numbers up to 2^53 are exact.
        Type::FLOAT4 | Type::FLOAT8 => number.unsigned_abs() <= 1 << 53 && real(number as f64, ty, out),
        _ => false,
    }
}

fn real(number: f64, ty: &Type, out: &mut BytesMut) -> bool {
    match *ty {
        Type::FLOAT8 => put(out, &number.to_be_bytes()),
        Type::FLOAT4 => {
            let single = number as f32;
            let is_same = f64::from(single) == number || number.is_nan();
            is_same && put(out, &single.to_be_bytes())
        }
        _ => false,
    }
}

fn text(text: &str, ty: &Type, out: &mut BytesMut) -> bool {
    match *ty {
        Type::JSONB => put(out, &[JSONB]) && put(out, text.as_bytes()),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON | Type::XML => {
            put(out, text.as_bytes())
        }
        _ => (matches!(ty.kind(), Kind::Enum(_)) || ty.name() == "citext") && put(out, text.as_bytes()),
    }
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

fn uuid_text(bytes: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// A value of a column.
struct Stored(Value);

impl<'a> FromSql<'a> for Stored {
    fn from_sql(declared: &Type, raw: &'a [u8]) -> Result<Stored, BoxError> {
        let text = || std::str::from_utf8(raw).ok().map(|text| Value::Text(text.to_owned()));
        let ty = base(declared);
        let value = match *ty {
            Type::BOOL => fixed::<1>(raw).map(|[byte]| Value::Boolean(byte != 0)),
            Type::INT2 => fixed(raw).map(|bytes| Value::Int32(i16::from_be_bytes(bytes).into())),
            Type::INT4 => fixed(raw).map(|bytes| Value::Int32(i32::from_be_bytes(bytes))),
            Type::INT8 => fixed(raw).map(|bytes| Value::Int64(i64::from_be_bytes(bytes))),
            Type::OID => fixed(raw).map(|bytes| Value::Int64(u32::from_be_bytes(bytes).into())),
            Type::FLOAT4 => fixed(raw).map(|bytes| Value::Float32(f32::from_be_bytes(bytes))),
            Type::FLOAT8 => fixed(raw).map(|bytes| Value::Float64(f64::from_be_bytes(bytes))),
            Type::NUMERIC => numeric::decode(raw).map(Value::Decimal),
            Type::BYTEA => Some(Value::Bytes(raw.to_owned())),
            Type::DATE => fixed(raw).map(i32::from_be_bytes).and_then(|days| match days {
                i32::MIN | i32::MAX => None,
                days => Some(Value::Date(convert::date_since_1970(i64::from(days) + DAYS_TO_2000))),
            }),
            Type::TIME => fixed(raw).map(|bytes| Value::Time(convert::time_of(i64::from_be_bytes(bytes)))),
            Type::TIMESTAMP => micros(raw).map(|micros| Value::Timestamp(convert::of_instant(micros))),
            Type::TIMESTAMPTZ => micros(raw).map(Value::Instant),
            Type::UUID => fixed(raw).map(|bytes| Value::Uuid(uuid_text(bytes))),
            Type::VOID => Some(Value::Null),
            Type::JSONB => match raw.split_first() {
                Some((&JSONB, json)) => {
                    std::str::from_utf8(json).ok().map(|json| Value::Text(json.to_owned()))
                }
                _ => None,
            },
            Type::TEXT
            | Type::VARCHAR
            | Type::BPCHAR
            | Type::NAME
            | Type::UNKNOWN
            | Type::JSON
            | Type::XML => text(),
            _ if matches!(ty.kind(), Kind::Enum(_)) || ty.name() == "citext" => text(),
            _ => None,
        };
        let misfit = || {
            let name = declared.name();
            Box::new(Misfit(format!("a value of the type {name} is not one of airssys:sql; cast it to text")))
        };
        value.map(Stored).ok_or_else(|| misfit().into())
    }

    fn from_sql_null(_: &Type) -> Result<Stored, BoxError> {
        Ok(Stored(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn fixed<const N: usize>(raw: &[u8]) -> Option<[u8; N]> {
    raw.try_into().ok()
}

/// Returns the microseconds since 1970, or `None` for an infinite time.
fn micros(raw: &[u8]) -> Option<i64> {
    match fixed(raw).map(i64::from_be_bytes)? {
        i64::MIN | i64::MAX => None,
        micros => micros.checked_add(MICROS_TO_2000),
    }
}

/// Returns the columns of a statement.
pub(crate) fn columns(statement: &Statement) -> Vec<Column> {
    let columns = statement.columns().iter();
    columns
        .map(|column| Column {
            name: column.name().to_owned(),
            database_type: column.type_().name().to_owned(),
        })
        .collect()
}

/// The bytes that a column has beside those that the server sent, because its text is longer.
struct Decoded(usize);

impl<'a> FromSql<'a> for Decoded {
    fn from_sql(declared: &Type, raw: &'a [u8]) -> Result<Decoded, BoxError> {
        let is_decimal = *base(declared) == Type::NUMERIC;
        Ok(Decoded(if is_decimal { numeric::text_bytes(raw) } else { 0 }))
    }

    fn from_sql_null(_: &Type) -> Result<Decoded, BoxError> {
        Ok(Decoded(0))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Copies a row, if it is not too large. Returns its bytes too.
pub(crate) fn row(row: &tokio_postgres::Row) -> Result<(Row, usize), Error> {
    let mut bytes = row.raw_size_bytes() + VALUE_BYTES * row.len();
    for at in 0..row.len() {
        let Decoded(more) = row.try_get(at).map_err(crate::errors::error)?;
        bytes += more;
    }
    check_row(bytes)?;
    let values = (0..row.len()).map(|at| match row.try_get::<_, Stored>(at) {
        Ok(Stored(value)) => Ok(value),
        Err(error) => Err(crate::errors::error(error)),
    });
    Ok((values.collect::<Result<Row, Error>>()?, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &Value, ty: &Type) -> Option<Vec<u8>> {
        let mut out = BytesMut::new();
        Parameter(value).to_sql(ty, &mut out).ok().map(|_| out.to_vec())
    }

    #[test]
    fn values_are_converted_only_without_loss() {
        for (value, ty) in [
            (Value::Text("12".to_owned()), Type::INT8),
            (Value::Int64(1 << 40), Type::INT4),
            (Value::Int32(70_000), Type::INT2),
            (Value::Int64((1 << 53) + 1), Type::FLOAT8),
            (Value::Int64((1 << 24) + 1), Type::FLOAT4),
            (Value::Float64(0.1), Type::FLOAT4),
            (Value::Float64(1.0), Type::INT8),
            (Value::Boolean(true), Type::INT4),
            (Value::Int64(-1), Type::OID),
            (Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".to_owned()), Type::TEXT),
            (Value::Bytes(vec![1]), Type::TEXT),
            (Value::Decimal("1.5".to_owned()), Type::FLOAT8),
        ] {
            assert_eq!(encoded(&value, &ty), None, "{value:?} as {ty}");
        }
        assert_eq!(encoded(&Value::Int64(-2), &Type::INT2), Some(vec![255, 254]));
        assert_eq!(
            encoded(&Value::Int64(7), &Type::NUMERIC).and_then(|bytes| numeric::decode(&bytes)),
            Some("7".to_owned())
        );
        assert!(encoded(&Value::Float32(0.1), &Type::FLOAT4).is_some());
    }

    #[test]
    fn malformed_columns_are_errors() {
        for ty in [Type::INT8, Type::UUID, Type::TIMESTAMP, Type::NUMERIC, Type::JSONB, Type::INET] {
            assert!(Stored::from_sql(&ty, &[7, 7, 7]).is_err(), "{ty}");
        }
        assert!(Stored::from_sql(&Type::DATE, &i32::MAX.to_be_bytes()).is_err());
        assert!(Stored::from_sql(&Type::TIMESTAMPTZ, &i64::MIN.to_be_bytes()).is_err());
        assert!(Stored::from_sql(&Type::TEXT, &[0xFF]).is_err());
    }
}
