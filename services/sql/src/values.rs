//! The values that cross between components and databases, and their texts.

use crate::calendar;
pub use crate::types::{Column, Date, Error, Row, Time, Timestamp, Value};

/// Checks the form of a parameter, so that no backend gets a value that it cannot send.
///
/// # Errors
/// [`Error::WrongType`] with the value's mistake.
pub fn check(value: &Value) -> Result<(), Error> {
    let wrong = |what: &str| Err(Error::WrongType(format!("the parameter is not {what}")));
    match value {
        Value::Decimal(text) if !is_decimal(text) => wrong("a decimal number such as -12.50"),
        Value::Uuid(text) if !is_uuid(text) => wrong("a UUID of 36 characters"),
        Value::Date(date) if !is_date(*date) => wrong("a day of the calendar"),
        Value::Time(time) if !is_time(*time) => wrong("a time of a day"),
        Value::Timestamp(at) if !is_date(at.date) || !is_time(at.time) => wrong("a day with a time"),
        Value::Instant(micros) if !is_date(calendar::of_instant(*micros).date) => {
            wrong("a point in time of the years -4712 to 9999")
        }
        _ => Ok(()),
    }
}

/// Returns the bytes of the content of a value.
pub fn size(value: &Value) -> usize {
    match value {
        Value::Decimal(text) | Value::Text(text) | Value::Uuid(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && all(part)
}

/// Returns true if a text is a UUID of 36 characters.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The years that all databases can have.
fn is_date(date: Date) -> bool {
    (-4712..=9999).contains(&date.year)
        && (1..=12).contains(&date.month)
        && (1..=calendar::days_in(date.year, date.month)).contains(&date.day)
}

fn is_time(time: Time) -> bool {
    time.hour < 24 && time.minute < 60 && time.second < 60 && time.microsecond < 1_000_000
}

/// Returns a day as `YYYY-MM-DD`.
pub fn date_text(date: Date) -> String {
    let Date { year, month, day } = date;
    format!("{year:04}-{month:02}-{day:02}")
}

/// Returns a time as `HH:MM:SS`, with six more digits if it has microseconds.
pub fn time_text(time: Time) -> String {
    let Time { hour, minute, second, microsecond } = time;
    match microsecond {
        0 => format!("{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}.{microsecond:06}"),
    }
}

/// Returns a day and a time with a blank between them.
pub fn timestamp_text(at: Timestamp) -> String {
    format!("{} {}", date_text(at.date), time_text(at.time))
}

/// Returns a point in time as a day and a time in UTC, with `Z` at the end.
pub fn instant_text(micros: i64) -> String {
    format!("{}Z", timestamp_text(calendar::of_instant(micros)))
}

/// Reads a day in the form of [`date_text`].
pub fn parse_date(text: &str) -> Option<Date> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let mut parts = digits.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let date = Date { year: sign * number::<i32>(year)?, month: number(month)?, day: number(day)? };
    (parts.next().is_none() && is_date(date)).then_some(date)
}

/// Reads a time in the form of [`time_text`], with up to six digits after the second.
pub fn parse_time(text: &str) -> Option<Time> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let scale = 10_u32.checked_pow(6_u32.checked_sub(u32::try_from(part.len()).ok()?)?)?;
    let microsecond = number::<u32>(part)?.checked_mul(scale)?;
    let time = Time { hour: number(hour)?, minute: number(minute)?, second: number(second)?, microsecond };
    (parts.next().is_none() && is_time(time)).then_some(time)
}

/// Reads a day and a time in the form of [`timestamp_text`], or with a `T` between them.
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once([' ', 'T'])?;
    Some(Timestamp { date: parse_date(date)?, time: parse_time(time)? })
}

/// Reads a point in time in the form of [`instant_text`].
pub fn parse_instant(text: &str) -> Option<i64> {
    let at = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    parse_timestamp(at).map(calendar::to_instant)
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_timestamp(text).expect("a timestamp")
    }

    #[test]
    fn texts_of_days_and_times_are_read_back() {
        for text in ["2026-11-30 23:59:59.000001", "2024-02-29 00:00:00", "0001-01-01 12:30:00"] {
            assert_eq!(timestamp_text(at(text)), text);
            let instant = format!("{text}Z");
            assert_eq!(parse_instant(&instant).map(instant_text), Some(instant));
        }
        assert_eq!(at("2026-01-02T03:04:05.5").time.microsecond, 500_000);
        let before = Date { year: -44, month: 3, day: 15 };
        assert_eq!(parse_date(&date_text(before)), Some(before));
        for text in ["2026-02-29", "2026-13-01", "2026-1", "a-b-c", "2026-01-01-01", "--1-01-01", ""] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        for text in ["24:00:00", "12", "12:60", "12:00:00.1234567", "1:2:3:4"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn parameters_with_mistakes_are_refused() {
        let wrong = [
            Value::Decimal("12,5".to_owned()),
            Value::Decimal(".5".to_owned()),
            Value::Decimal("1e5".to_owned()),
            Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c".to_owned()),
            Value::Date(Date { year: 2026, month: 2, day: 29 }),
            Value::Time(Time { hour: 24, minute: 0, second: 0, microsecond: 0 }),
            Value::Instant(i64::MAX),
        ];
        for value in wrong {
            assert!(matches!(check(&value), Err(Error::WrongType(_))), "{value:?}");
        }
        let right = [
            Value::Null,
            Value::Decimal("-012.50".to_owned()),
            Value::Uuid("67E55044-10b1-426f-9247-bb680e5fe0c8".to_owned()),
            Value::Timestamp(at("2024-02-29 23:59:59")),
            Value::Instant(-1),
        ];
        for value in right {
            assert!(check(&value).is_ok(), "{value:?}");
        }
    }
}
