//! The types of parameters: the server would convert a value to the type of its column, with losses.
//!
//! Its protocol does not say which column a parameter is for. So the host finds the columns of `INSERT`,
//! of assignments and of comparisons in the text, and their types in the tables that the text names.

use airssys_sql::{Error, Value};
use mysql_async::Column;
use mysql_async::consts::{ColumnFlags, ColumnType};

use crate::text::{Parsed, Token};

/// The character set of bytes.
const BINARY: u16 = 63;

/// A parameter with its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// By the name of the column.
    Named(String),
    /// By the place in the first table.
    Placed(usize),
}

/// The tables that a statement names, quoted, the one that it changes first.
pub(crate) fn tables(parsed: &Parsed<'_>) -> Vec<String> {
    let (tokens, mut found) = (&parsed.tokens, Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let mut begins = ["FROM", "JOIN", "INTO", "UPDATE"].iter().any(|word| tokens[at].is(word));
        // `INSERT t` and `REPLACE t` name the table at once.
        begins |= at == 0 && (tokens[at].is("INSERT") || tokens[at].is("REPLACE"));
        at += 1;
        if !begins {
            continue;
        }
        loop {
            while tokens.get(at).is_some_and(|token| {
                ["IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "INTO"]
                    .iter()
                    .any(|word| token.is(word))
            }) {
                at += 1;
            }
            let Some(name) = tokens.get(at).and_then(Token::name) else { break };
            let mut table = quoted(name);
            at += 1;
            if tokens.get(at) == Some(&Token::Sign('.')) {
                let Some(name) = tokens.get(at + 1).and_then(Token::name) else { break };
                table = format!("{table}.{}", quoted(name));
                at += 2;
            }
            if !found.contains(&table) && found.len() < 16 {
                found.push(table);
            }
            // `FROM a x, b y`
            let alias = usize::from(matches!(tokens.get(at), Some(Token::Word(_) | Token::Name(_))));
            if tokens.get(at + alias) != Some(&Token::Sign(',')) {
                break;
            }
            at += alias + 1;
        }
    }
    found
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The parameters whose columns the text tells.
pub(crate) fn targets(parsed: &Parsed<'_>) -> Vec<(usize, Target)> {
    let mut found = inserted(parsed);
    let tokens = &parsed.tokens;
    let is_sign = |token: Option<&Token<'_>>| matches!(token, Some(Token::Sign('=' | '<' | '>' | '!')));
    for (at, token) in tokens.iter().enumerate() {
        let Token::Parameter(number) = token else { continue };
        let mut before = at;
        while before > 0 && is_sign(tokens.get(before - 1)) {
            before -= 1;
        }
        let mut after = at + 1;
        while is_sign(tokens.get(after)) {
            after += 1;
        }
        let left = if before < at { before.checked_sub(1).and_then(|at| tokens.get(at)) } else { None };
        // The name behind an operator may be one of a table: `$1 = t.id`.
        let right = match after > at + 1 {
            true if tokens.get(after + 1) == Some(&Token::Sign('.')) => tokens.get(after + 2),
            true if tokens.get(after + 1) == Some(&Token::Sign('(')) => None,
            true => tokens.get(after),
            false => None,
        };
        for name in [left, right].into_iter().flatten().filter_map(Token::name) {
            found.push((*number, Target::Named(name.to_owned())));
        }
    }
    found
}

/// The parameters in the rows of `INSERT` and `REPLACE`.
fn inserted(parsed: &Parsed<'_>) -> Vec<(usize, Target)> {
    let (tokens, mut found) = (&parsed.tokens, Vec::new());
    if !tokens.first().is_some_and(|token| token.is("INSERT") || token.is("REPLACE")) {
        return found;
    }
    let Some(values) = tokens.iter().position(|token| token.is("VALUES") || token.is("VALUE")) else {
        return found;
    };
    let mut columns = None;
    if let Some(open) = tokens[..values].iter().position(|token| *token == Token::Sign('(')) {
        let names = tokens[open..values].iter().filter_map(Token::name).map(str::to_owned);
        columns = Some(names.collect::<Vec<_>>());
    }
    let (mut depth, mut place) = (0_usize, 0);
    for (at, token) in tokens.iter().enumerate().skip(values + 1) {
        match token {
            Token::Sign('(') => {
                depth += 1;
                place = if depth == 1 { 0 } else { place };
            }
            Token::Sign(')') => depth = depth.saturating_sub(1),
            Token::Sign(',') if depth == 1 => place += 1,
            Token::Parameter(number) if depth == 1 => {
                let is_end = |token: Option<&Token<'_>>| matches!(token, Some(Token::Sign('(' | ')' | ',')));
                if is_end(tokens.get(at - 1)) && is_end(tokens.get(at + 1)) {
                    let target = match &columns {
                        None => Some(Target::Placed(place)),
                        Some(columns) => columns.get(place).cloned().map(Target::Named),
                    };
                    found.extend(target.map(|target| (*number, target)));
                }
            }
            Token::Word(_) if depth == 0 => break,
            _ => {}
        }
    }
    found
}

/// Returns the column of a parameter, if one table has it.
pub(crate) fn column<'c>(target: &Target, tables: &'c [Vec<Column>]) -> Option<&'c Column> {
    match target {
        Target::Placed(place) => tables.first()?.get(*place),
        Target::Named(name) => {
            let is_named = |column: &&Column| column.name_str().eq_ignore_ascii_case(name);
            let mut found = tables.iter().flatten().filter(is_named);
            found.next().filter(|_| found.next().is_none())
        }
    }
}

/// Checks that a column takes a value without a loss.
pub(crate) fn check(value: &Value, column: &Column) -> Result<(), Error> {
    use ColumnType as T;
    let (ty, is_binary) = (column.column_type(), column.character_set() == BINARY);
    let is_unsigned = column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    let whole = |number: i64| match (ty, is_unsigned) {
        (T::MYSQL_TYPE_TINY, false) => i8::try_from(number).is_ok(),
        (T::MYSQL_TYPE_TINY, true) => u8::try_from(number).is_ok(),
        (T::MYSQL_TYPE_SHORT | T::MYSQL_TYPE_YEAR, false) => i16::try_from(number).is_ok(),
        (T::MYSQL_TYPE_SHORT | T::MYSQL_TYPE_YEAR, true) => u16::try_from(number).is_ok(),
        (T::MYSQL_TYPE_INT24, false) => (-(1 << 23)..1 << 23).contains(&number),
        (T::MYSQL_TYPE_INT24, true) => (0..1 << 24).contains(&number),
        (T::MYSQL_TYPE_LONG, false) => i32::try_from(number).is_ok(),
        (T::MYSQL_TYPE_LONG, true) => u32::try_from(number).is_ok(),
        (T::MYSQL_TYPE_LONGLONG, false) | (T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL, _) => true,
        (T::MYSQL_TYPE_LONGLONG | T::MYSQL_TYPE_BIT, true) => number >= 0,
        (T::MYSQL_TYPE_FLOAT, _) => number.unsigned_abs() <= 1 << 24,
        (T::MYSQL_TYPE_DOUBLE, _) => number.unsigned_abs() <= 1 << 53,
        _ => false,
    };
    let is_text = matches!(
        ty,
        T::MYSQL_TYPE_VARCHAR
            | T::MYSQL_TYPE_VAR_STRING
            | T::MYSQL_TYPE_STRING
            | T::MYSQL_TYPE_TINY_BLOB
            | T::MYSQL_TYPE_MEDIUM_BLOB
            | T::MYSQL_TYPE_LONG_BLOB
            | T::MYSQL_TYPE_BLOB
            | T::MYSQL_TYPE_ENUM
            | T::MYSQL_TYPE_SET
            | T::MYSQL_TYPE_JSON
    );
    // The digits of microseconds that the column keeps.
    let keeps =
        |micros: u32| micros.is_multiple_of(10_u32.pow(6_u32.saturating_sub(u32::from(column.decimals()))));
    let fits = match value {
        Value::Null => true,
        Value::Boolean(_) => ty == T::MYSQL_TYPE_TINY,
        Value::Int32(number) => whole(i64::from(*number)),
        Value::Int64(number) => whole(*number),
        Value::Float32(_) => matches!(ty, T::MYSQL_TYPE_FLOAT | T::MYSQL_TYPE_DOUBLE),
        Value::Float64(number) => {
            ty == T::MYSQL_TYPE_DOUBLE || (ty == T::MYSQL_TYPE_FLOAT && f64::from(*number as f32) == *number)
        }
        Value::Decimal(text) => {
            let part = text.split_once('.').map_or("", |(_, part)| part.trim_end_matches('0'));
            matches!(ty, T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL)
                && part.len() <= usize::from(column.decimals())
        }
        Value::Text(_) => is_text && (!is_binary || ty == T::MYSQL_TYPE_JSON),
        Value::Uuid(_) => is_text,
        Value::Bytes(_) => (is_text && is_binary) || ty == T::MYSQL_TYPE_GEOMETRY,
        Value::Date(_) => matches!(ty, T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE),
        Value::Time(time) => {
            matches!(ty, T::MYSQL_TYPE_TIME | T::MYSQL_TYPE_TIME2) && keeps(time.microsecond)
        }
        Value::Timestamp(at) => {
            matches!(ty, T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_DATETIME2) && keeps(at.time.microsecond)
        }
        Value::Instant(micros) => {
            matches!(ty, T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2)
                && keeps(micros.rem_euclid(1_000_000) as u32)
        }
    };
    match fits {
        true => Ok(()),
        false => {
            let name = column.name_str();
            Err(Error::WrongType(format!("a parameter does not fit the column `{name}` without a loss")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse;

    fn found(text: &str) -> Vec<(usize, Target)> {
        targets(&parse(text).unwrap())
    }

    #[test]
    fn columns_of_parameters_are_found() {
        let named = |number, name: &str| (number, Target::Named(name.to_owned()));
        assert_eq!(
            found("INSERT INTO t VALUES ($1, 7, $2)"),
            [(0, Target::Placed(0)), (1, Target::Placed(2))]
        );
        assert_eq!(found("REPLACE t (a, `b`) VALUES (f($1), $2), ($3, -$4)"), [named(1, "b"), named(2, "a")]);
        assert_eq!(
            found("UPDATE t SET a = $1 WHERE t.b >= $2 AND $3 <> t.c"),
            [named(0, "a"), named(1, "b"), named(2, "c")]
        );
        assert_eq!(found("SELECT $1, f($2)"), []);
    }

    #[test]
    fn tables_are_found() {
        let found = |text| tables(&parse(text).unwrap());
        assert_eq!(found("SELECT 1 FROM a x, `b``c` JOIN d.e ON 1 = 1"), ["`a`", "`b``c`", "`d`.`e`"]);
        assert_eq!(found("INSERT IGNORE INTO t (a) VALUES ($1)"), ["`t`"]);
        assert_eq!(found("REPLACE t SELECT * FROM u"), ["`t`", "`u`"]);
        assert_eq!(found("UPDATE LOW_PRIORITY t SET a = 1"), ["`t`"]);
    }
}
