//! The differences between products that scenarios have to know.

use test_sql_calls::Value;

/// The differences of one product.
#[derive(Clone, Debug)]
pub struct Dialect {
    /// The type of bytes.
    pub bytes: &'static str,
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

impl Dialect {
    /// Returns that of SQLite.
    pub fn sqlite() -> Dialect {
        Dialect {
            bytes: "BLOB",
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
