//! Functions of SQLite that are replaced, because one call of the built-in ones can take minutes.
//!
//! A statement looks whether it was cancelled between the steps of SQLite's machine. A call of a function
//! is one step, so its work must grow with the length of its arguments, and not with their product.

use std::collections::HashSet;

use memchr::memmem::Finder;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use crate::database::MAX_ROW_BYTES;

/// Replaces the functions on a connection.
pub(super) fn replace(connection: &Connection) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("instr", 2, flags, |call| instr(call))?;
    connection.create_scalar_function("replace", 3, flags, |call| replaced(call))?;
    connection.create_scalar_function("trim", 2, flags, |call| trimmed(call, true, true))?;
    connection.create_scalar_function("ltrim", 2, flags, |call| trimmed(call, true, false))?;
    connection.create_scalar_function("rtrim", 2, flags, |call| trimmed(call, false, true))?;
    connection.create_scalar_function("unhex", 2, flags, |_| {
        Err::<Value, _>(refused("unhex with characters to ignore is not available; use replace before"))
    })
}

fn refused(text: &str) -> Error {
    Error::UserFunctionError(text.into())
}

/// Returns an argument as text. Returns `None` if it is null.
fn text(call: &Context<'_>, index: usize) -> Result<Option<String>> {
    Ok(match call.get_raw(index) {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        // As SQLite writes numbers.
        ValueRef::Real(_) => return Err(refused("is a floating-point number; cast it to TEXT first")),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// `instr(X, Y)`: the place of the first Y in X, from 1 on, in characters, or in bytes of blobs.
fn instr(call: &Context<'_>) -> Result<Option<i64>> {
    if let (ValueRef::Blob(within), ValueRef::Blob(found)) = (call.get_raw(0), call.get_raw(1)) {
        return Ok(Some(Finder::new(found).find(within).map_or(0, |at| at as i64 + 1)));
    }
    let (Some(within), Some(found)) = (text(call, 0)?, text(call, 1)?) else { return Ok(None) };
    let at = Finder::new(found.as_bytes()).find(within.as_bytes());
    Ok(Some(at.map_or(0, |at| within[..at].chars().count() as i64 + 1)))
}

/// `replace(X, Y, Z)`: X with Z in place of each Y.
fn replaced(call: &Context<'_>) -> Result<Option<String>> {
    let (Some(within), Some(found), Some(by)) = (text(call, 0)?, text(call, 1)?, text(call, 2)?) else {
        return Ok(None);
    };
    if found.is_empty() {
        return Ok(Some(within));
    }
    let mut result = String::with_capacity(within.len());
    let mut rest = 0;
    for at in Finder::new(found.as_bytes()).find_iter(within.as_bytes()) {
        result.push_str(&within[rest..at]);
        result.push_str(&by);
        rest = at + found.len();
        if result.len() > MAX_ROW_BYTES {
            return Err(refused("string or blob too big"));
        }
    }
    result.push_str(&within[rest..]);
    Ok(Some(result))
}

/// `trim(X, Y)`, `ltrim` and `rtrim`: X without the characters of Y at its ends.
fn trimmed(call: &Context<'_>, front: bool, back: bool) -> Result<Option<String>> {
    let (Some(whole), Some(removed)) = (text(call, 0)?, text(call, 1)?) else { return Ok(None) };
    let removed: HashSet<char> = removed.chars().collect();
    let mut rest = whole.as_str();
    if front {
        rest = rest.trim_start_matches(|character| removed.contains(&character));
    }
    if back {
        rest = rest.trim_end_matches(|character| removed.contains(&character));
    }
    Ok(Some(rest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases, whose results the built-in functions give too.
    const CASES: [&str; 18] = [
        "instr('größe', 'e')",
        "instr('abc', '')",
        "instr('abc', 'x')",
        "instr(NULL, 'x')",
        "instr(x'00ff01', x'01')",
        "instr(12345, 34)",
        "replace('aXbXc', 'X', '--')",
        "replace('abc', '', 'x')",
        "replace('abc', 'b', NULL)",
        "replace(1001, 0, 'o')",
        "replace('aaaa', 'aa', 'b')",
        "trim('xxaxbxx', 'x')",
        "ltrim('äöüa', 'öä')",
        "rtrim('abcc', 'cb')",
        "trim('abc', '')",
        "trim(NULL, 'x')",
        "trim(1221, 1)",
        "trim('aaa', 'a')",
    ];

    #[test]
    fn replaced_functions_return_what_the_built_in_ones_do() {
        let (built_in, own) = (Connection::open_in_memory().unwrap(), Connection::open_in_memory().unwrap());
        replace(&own).unwrap();
        for case in CASES {
            let of = |connection: &Connection| {
                connection.query_row(&format!("SELECT {case}"), [], |row| row.get::<_, Value>(0)).unwrap()
            };
            assert_eq!(of(&own), of(&built_in), "{case}");
        }
    }

    #[test]
    fn long_arguments_of_a_function_take_no_time_of_their_product() {
        let connection = Connection::open_in_memory().unwrap();
        replace(&connection).unwrap();
        // With the built-in functions, each takes minutes.
        for slow in [
            "instr(hex(zeroblob(1000000)), hex(zeroblob(500000)) || '1')",
            "length(replace(hex(zeroblob(1000000)), hex(zeroblob(500000)) || '1', ''))",
            "length(trim(hex(zeroblob(1000000)), replace(hex(zeroblob(500000)), '0', 'x') || '0'))",
        ] {
            let found: i64 = connection.query_row(&format!("SELECT {slow}"), [], |row| row.get(0)).unwrap();
            assert!([0, 2_000_000].contains(&found), "{slow}: {found}");
        }
        let refused =
            connection.query_row("SELECT replace(hex(zeroblob(4000000)), '0', 'xx')", [], |_| Ok(()));
        assert!(refused.unwrap_err().to_string().contains("too big"));
    }
}
