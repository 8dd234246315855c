//! A connection, and the statements that it keeps compiled.

use std::collections::HashMap;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

/// The most statements that a connection keeps compiled.
const MAX_STATEMENTS: usize = 128;

/// The most bytes of their texts.
const MAX_STATEMENT_BYTES: usize = 256 << 10;

/// A connection with its compiled statements.
pub(crate) struct PostgresClient {
    pub(crate) postgres: tokio_postgres::Client,
    pub(crate) statements: Statements,
    task: JoinHandle<()>,
    /// The room of the connection, until it is closed.
    _permit: OwnedSemaphorePermit,
}

impl PostgresClient {
    /// Makes a client whose connection a task serves.
    pub(crate) fn new(
        postgres: tokio_postgres::Client,
        task: JoinHandle<()>,
        permit: OwnedSemaphorePermit,
    ) -> PostgresClient {
        PostgresClient { postgres, statements: Statements::default(), task, _permit: permit }
    }
}

impl Drop for PostgresClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Compiled statements by their texts.
#[derive(Default)]
pub(crate) struct Statements {
    compiled: HashMap<Box<str>, tokio_postgres::Statement>,
    bytes: usize,
}

impl Statements {
    pub(crate) fn get(&self, text: &str) -> Option<tokio_postgres::Statement> {
        self.compiled.get(text).cloned()
    }

    pub(crate) fn keep(&mut self, text: &str, statement: &tokio_postgres::Statement) {
        // A component may make texts without end. Those in use are compiled again soon.
        if self.compiled.len() >= MAX_STATEMENTS || self.bytes + text.len() > MAX_STATEMENT_BYTES {
            self.clear();
        }
        self.bytes += text.len();
        self.compiled.insert(text.into(), statement.clone());
    }

    pub(crate) fn clear(&mut self) {
        self.compiled.clear();
        self.bytes = 0;
    }
}
