//! The calls of the component `test-sql`.

use serde::{Deserialize, Serialize};

/// A value, as `airssys:sql` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Null,
    Boolean(bool),
    Int32(i32),
    Int64(i64),
    Float32(f32),
    Float64(f64),
    Decimal(String),
    Text(String),
    Bytes(Vec<u8>),
    Date(Date),
    Time(Time),
    Timestamp(Date, Time),
    Instant(i64),
    Uuid(String),
}

/// Year, month and day.
pub type Date = (i32, u8, u8);

/// Hour, minute, second and microsecond.
pub type Time = (u8, u8, u8, u32);

/// The place of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum On {
    /// The database of a label, which stays open in the component.
    Label(String),
    /// A transaction, by its handle.
    Transaction(u32),
    /// A prepared statement, outside of a transaction or within one. The text is not used.
    Prepared(u32, Option<u32>),
}

/// A call. Handles are numbers that the component gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Call {
    /// Open the label again.
    Open(String),
    /// Run a query, and read all its rows by pages of this many rows.
    Query {
        on: On,
        text: String,
        parameters: Vec<Value>,
        page: u32,
    },
    /// Run a query, and keep its rows open.
    OpenRows {
        on: On,
        text: String,
        parameters: Vec<Value>,
    },
    /// Read a page of open rows.
    Next {
        rows: u32,
        most: u32,
    },
    Execute {
        on: On,
        text: String,
        parameters: Vec<Value>,
    },
    /// Execute a statement this many times, with the count as its only parameter.
    ExecuteTimes {
        label: String,
        text: String,
        times: u32,
    },
    Prepare {
        label: String,
        text: String,
    },
    Begin(String),
    Commit(u32),
    Rollback(u32),
    /// Drop the handle of a transaction.
    DropTransaction(u32),
    /// Drop the handle of rows.
    DropRows(u32),
    /// Run a statement by `fermyon:spin/sqlite`.
    Spin {
        label: String,
        text: String,
        parameters: Vec<Value>,
    },
    /// Fail at once.
    Trap,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    Done,
    Handle(u32),
    Changed(u64),
    Rows(Rows),
    Prepared { handle: u32, parameters: u32, columns: Vec<String> },
}

/// Rows with the names and the types of their columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    pub columns: Vec<String>,
    pub types: Vec<String>,
    pub rows: Vec<Vec<Value>>,
    /// The rows of each page.
    pub pages: Vec<u32>,
}

/// The error of a call: its case, and the text that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub case: String,
    pub text: String,
}

/// The result of a call.
pub type Outcome = Result<Answer, Failure>;
