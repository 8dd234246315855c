//! The trait that a backend implements to serve databases.

use std::sync::Arc;
use std::time::Duration;

use airssys_wasm::FairShare;
use async_trait::async_trait;

use crate::values::{Column, Error, Row, Value};

/// The access of a call to a database, which the database itself enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only read. A statement that writes fails with [`Error::AccessDenied`].
    Read,
    /// Read and write.
    Write,
}

/// A statement with its parameters.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text, with the parameters as `$1`, `$2` and so on.
    pub text: Arc<str>,
    /// The values of the parameters, which were checked with [`check`](crate::values::check).
    pub parameters: Vec<Value>,
}

/// The parameters and columns of a statement.
#[derive(Clone, Debug)]
pub struct Description {
    /// The number of parameters.
    pub parameters: u32,
    /// The columns of its rows.
    pub columns: Vec<Column>,
}

/// The columns and the rows that a statement which writes returned.
pub type Changed = (Vec<Column>, Vec<Row>);

/// The database of a label.
///
/// A call whose future is dropped is cancelled at the database: nothing of it is in force, or, for a
/// statement outside of a transaction, all of it. The service drops a call that exceeds [`Database::timeout`].
#[async_trait]
pub trait Database: Send + Sync + 'static {
    /// Returns the time that one call has, the wait for a connection included.
    fn timeout(&self) -> Duration;

    /// Returns the shares of the connections, of which each call, each transaction and each result takes one.
    fn shares(&self) -> &FairShare;

    /// Runs a statement that reads, and returns its rows. One that writes fails with
    /// [`Error::AccessDenied`].
    async fn query(&self, statement: Statement) -> Result<Box<dyn Rows>, Error>;

    /// Runs a statement that writes, commits it, and returns its rows, which fit a [`Page`].
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if they do not; then nothing is changed.
    async fn change(&self, statement: Statement) -> Result<Changed, Error>;

    /// Runs a statement, commits it, and returns the number of changed rows.
    async fn execute(&self, access: Access, statement: Statement) -> Result<u64, Error>;

    /// Checks a statement without running it.
    async fn prepare(&self, access: Access, text: Arc<str>) -> Result<Description, Error>;

    /// Begins a transaction.
    async fn begin(&self, access: Access) -> Result<Box<dyn Transaction>, Error>;
}

/// A transaction. Dropped, it is rolled back at once, also while a call is in flight.
#[async_trait]
pub trait Transaction: Send {
    /// Runs a statement, and returns its rows. They end with the transaction.
    async fn query(&mut self, statement: Statement) -> Result<Box<dyn Rows>, Error>;

    /// Runs a statement, and returns the number of changed rows.
    async fn execute(&mut self, statement: Statement) -> Result<u64, Error>;

    /// Commits and ends the transaction.
    async fn commit(self: Box<Self>) -> Result<(), Error>;

    /// Rolls back and ends the transaction.
    async fn rollback(self: Box<Self>) -> Result<(), Error>;
}

/// The rows of a result. Dropped, they are closed at once.
#[async_trait]
pub trait Rows: Send {
    /// Returns the columns.
    fn columns(&self) -> &[Column];

    /// Returns the next rows, at most `most` of them, bounded by a [`Page`]. Returns no row after the last.
    async fn next(&mut self, most: usize) -> Result<Vec<Row>, Error>;

    /// Returns true as long as the rows use a connection of their own. After the last row, they use none.
    fn holds_connection(&self) -> bool;
}

/// The most rows of a page.
pub const MAX_PAGE_ROWS: usize = 1_000;

/// A page ends with the row that reaches this number of bytes.
pub const PAGE_BYTES: usize = 1 << 20;

/// The most bytes of a row.
pub const MAX_ROW_BYTES: usize = 4 << 20;

/// The bytes that a value takes beside its content.
pub const VALUE_BYTES: usize = 32;

/// The rows of a page that is being read.
#[derive(Debug)]
pub struct Page {
    rows: Vec<Row>,
    most: usize,
    bytes: usize,
}

impl Page {
    /// Begins a page of at most `most` rows.
    pub fn new(most: usize) -> Page {
        Page { rows: Vec::new(), most: most.clamp(1, MAX_PAGE_ROWS), bytes: 0 }
    }

    /// Returns true if the page takes no more rows.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= self.most || self.bytes >= PAGE_BYTES
    }

    /// Returns the number of rows for which there is room.
    pub fn room(&self) -> usize {
        if self.is_full() { 0 } else { self.most - self.rows.len() }
    }

    /// Adds a row of this many bytes, each value counted with [`VALUE_BYTES`] more.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if the row exceeds [`MAX_ROW_BYTES`].
    pub fn push(&mut self, row: Row, bytes: usize) -> Result<(), Error> {
        check_row(bytes)?;
        self.bytes += bytes;
        self.rows.push(row);
        Ok(())
    }

    /// Returns the rows.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}

/// Checks the size of a row, before its values are copied.
///
/// # Errors
/// [`Error::LimitExceeded`] if the row exceeds [`MAX_ROW_BYTES`].
pub fn check_row(bytes: usize) -> Result<(), Error> {
    match bytes > MAX_ROW_BYTES {
        true => Err(Error::LimitExceeded(format!("a row has more than {MAX_ROW_BYTES} bytes"))),
        false => Ok(()),
    }
}
