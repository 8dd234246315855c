//! A connection, and the statements that it keeps compiled.

use std::collections::HashMap;

use tokio::task::JoinHandle;

/// The most statements that a connection keeps compiled.
const MAX_STATEMENTS: usize = 128;

/// A connection with its compiled statements.
pub(crate) struct PostgresClient {
    pub(crate) postgres: tokio_postgres::Client,
    pub(crate) statements: Statements,
    task: JoinHandle<()>,
}

impl PostgresClient {
    /// Makes a client whose connection a task serves.
    pub(crate) fn new(postgres: tokio_postgres::Client, task: JoinHandle<()>) -> PostgresClient {
        PostgresClient { postgres, statements: Statements::default(), task }
    }
}

impl Drop for PostgresClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Compiled statements by their texts.
#[derive(Default)]
pub(crate) struct Statements(HashMap<Box<str>, tokio_postgres::Statement>);

impl Statements {
    pub(crate) fn get(&self, text: &str) -> Option<tokio_postgres::Statement> {
        self.0.get(text).cloned()
    }

    pub(crate) fn keep(&mut self, text: &str, statement: &tokio_postgres::Statement) {
        // A component may make texts without end. Those in use are compiled again soon.
        if self.0.len() >= MAX_STATEMENTS {
            self.0.clear();
        }
        self.0.insert(text.into(), statement.clone());
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
