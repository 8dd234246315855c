//! The resources that components have.

// The generated bindings export them again.
#![allow(unreachable_pub)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use airssys_wasm::OpenLabel;
use async_trait::async_trait;

use crate::database::{Access, Changed, Database, Description, Page, Rows, Transaction, VALUE_BYTES};
use crate::held::{Held, Place};
use crate::values::{self, Column, Error, Row};

/// A database with the rights on its label.
pub(crate) type Opened = OpenLabel<dyn Database>;

/// An open database.
pub struct DatabaseHandle {
    pub(crate) opened: Opened,
    pub(crate) _place: Place,
}

/// A statement that was checked.
pub struct StatementHandle {
    pub(crate) opened: Opened,
    pub(crate) text: Arc<str>,
    pub(crate) description: Description,
    pub(crate) _place: Place,
}

/// An open transaction.
pub struct TransactionHandle {
    pub(crate) transaction: OpenTransaction,
    pub(crate) _place: Place,
}

/// The parts of a transaction that a call needs.
#[derive(Clone)]
pub(crate) struct OpenTransaction {
    pub(crate) opened: Opened,
    pub(crate) access: Access,
    pub(crate) timeout: Duration,
    pub(crate) held: Arc<Held<dyn Transaction>>,
    pub(crate) failure: Failure,
}

/// The mark of a transaction that can only be rolled back.
#[derive(Clone, Default)]
pub(crate) struct Failure(Arc<AtomicBool>);

impl Failure {
    /// Marks the transaction, unless its database has not seen the mistake.
    pub(crate) fn after(&self, error: &Error) {
        if !matches!(error, Error::WrongType(_) | Error::LimitExceeded(_)) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// Returns an error if the transaction is marked.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(Error::TransactionFailed("an earlier call in the transaction failed".to_owned())),
            false => Ok(()),
        }
    }
}

/// The rows of a result.
pub struct RowsHandle {
    pub(crate) opened: Opened,
    pub(crate) columns: Vec<Column>,
    pub(crate) timeout: Duration,
    pub(crate) held: Arc<Held<dyn Rows>>,
    /// That of its transaction.
    pub(crate) failure: Failure,
    /// Its transaction, whose handle alone keeps it open.
    pub(crate) transaction: Option<Weak<Held<dyn Transaction>>>,
    pub(crate) _place: Place,
}

/// Rows that were read before.
pub(crate) struct ReadRows {
    columns: Vec<Column>,
    rows: std::vec::IntoIter<Row>,
}

impl ReadRows {
    pub(crate) fn new((columns, rows): Changed) -> ReadRows {
        ReadRows { columns, rows: rows.into_iter() }
    }
}

#[async_trait]
impl Rows for ReadRows {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Row>, Error> {
        let mut page = Page::new(most);
        while !page.is_full() {
            let Some(row) = self.rows.next() else { break };
            let bytes = row.iter().map(|value| VALUE_BYTES + values::size(value)).sum();
            page.push(row, bytes)?;
        }
        Ok(page.into_rows())
    }

    fn holds_connection(&self) -> bool {
        false
    }
}
