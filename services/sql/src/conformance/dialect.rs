//! The differences between products that scenarios have to know.

use test_sql_calls::Value;

/// The differences of one product.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// The type of bytes.
    pub bytes: &'static str,
    /// The type of texts of any length.
    pub text: &'static str,
    /// The type of times with microseconds.
    pub time: &'static str,
    /// The type in a `CAST` to a whole number of 64 bits.
    pub cast_number: &'static str,
    /// The type in a `CAST` to a text.
    pub cast_text: &'static str,
    /// Returns the words before a query that give it a table `n` with the numbers `x` from 1 to a last one.
    /// Without a last one, it has no end.
    pub numbers: fn(Option<u32>) -> String,
    /// A statement that sets the column `n` of both rows of the table `returned` to 11 and 21, and returns it.
    pub returning: &'static str,
    /// An expression of a text of 4,000,000 bytes.
    pub large_text: &'static str,
    /// The names by which the table `apart` of the label `orders` could be reached from another label.
    pub foreign: &'static [&'static str],
    /// The type of decimal numbers that keeps their digits.
    pub decimal: &'static str,
    /// The type of a day with a time, without a time zone.
    pub timestamp: &'static str,
    /// The type of a point in time.
    pub instant: &'static str,
    /// The type of UUIDs.
    pub uuid: &'static str,
    /// The words after a table's columns that make the product check types.
    pub strict: &'static str,
    /// Returns the value that is read back for one that was written.
    pub stored: fn(Value) -> Value,
    /// True if the parameters `?` of Spin's components are understood.
    pub spin: bool,
    /// Statements that no component may run.
    pub refused: &'static [&'static str],
    /// Settings that must not leak from one component to the next.
    pub leaks: Vec<Leak>,
}

/// A setting of a session.
#[derive(Clone, Copy, Debug)]
pub struct Leak {
    /// The statement that makes it.
    pub set: &'static str,
    /// The query that tells whether it is there. Its result is the same before and after.
    pub probe: &'static str,
}

/// Numbers by a recursive query.
pub fn recursive_numbers(last: Option<u32>) -> String {
    let last = last.map_or(String::new(), |last| format!(" WHERE x < {last}"));
    format!("WITH RECURSIVE n(x) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT x + 1 FROM n{last})")
}

/// Sets and returns the rows by `UPDATE`.
pub const UPDATE_RETURNING: &str = "UPDATE returned SET n = n + 1 RETURNING n";

impl Dialect {
    /// Returns that of SQLite.
    pub fn sqlite() -> Dialect {
        Dialect {
            bytes: "BLOB",
            text: "TEXT",
            time: "TIME",
            cast_number: "BIGINT",
            cast_text: "TEXT",
            numbers: recursive_numbers,
            returning: UPDATE_RETURNING,
            large_text: "substr(hex(zeroblob(2000000)), 1, 4000000)",
            foreign: &["orders.apart"],
            decimal: "TEXT",
            timestamp: "TIMESTAMP",
            instant: "TIMESTAMP WITH TIME ZONE",
            uuid: "UUID",
            strict: "STRICT",
            stored: |value| match value {
                Value::Int32(number) => Value::Int64(i64::from(number)),
                Value::Float32(number) => Value::Float64(f64::from(number)),
                Value::Decimal(text) => Value::Text(text),
                value => value,
            },
            spin: true,
            refused: &[
                "BEGIN",
                "COMMIT",
                "ROLLBACK",
                "ATTACH DATABASE 'other.db' AS other",
                "ATTACH DATABASE '' AS other",
                "DETACH DATABASE main",
                "VACUUM",
                "VACUUM INTO 'copy.db'",
                "SELECT load_extension('extension')",
                "PRAGMA journal_mode = DELETE",
                "PRAGMA synchronous = OFF",
                "PRAGMA temp_store_directory = '/tmp'",
                "PRAGMA data_store_directory = '/tmp'",
                "PRAGMA query_only = ON",
                "PRAGMA foreign_keys = OFF",
                "PRAGMA writable_schema = ON",
                "PRAGMA max_page_count = 1000000",
                "PRAGMA wal_checkpoint",
                "CREATE TEMP TABLE leaked (id INTEGER)",
                "CREATE VIRTUAL TABLE pages USING sqlite_dbpage",
                "SELECT 1; SELECT 2",
            ],
            leaks: vec![Leak { set: "SAVEPOINT leaked", probe: "SELECT 1" }],
        }
    }
}
