//! The work on one connection for one user: a task with one transaction.

use std::collections::{HashMap, VecDeque};

use airssys_sql::session::{Command, Ended, PageRead, Reply, answer};
use airssys_sql::{Access, Changed, Column, Description, Error, PAGE_BYTES, Page, Statement, Value};
use tokio::sync::mpsc;
use tokio_postgres::{IsolationLevel, Portal, Transaction};

use crate::client::{PostgresClient, Statements};
use crate::errors::{error, stale};
use crate::values::{self, Parameter};
use crate::words::steers_transaction;

/// The most rows that one request to the server asks for.
const MAX_CHUNK: usize = 32;

/// The most bytes of rows of all open results that a session holds, beside those of a page.
const MAX_HELD_BYTES: usize = 8 << 20;

/// The statement after which the host knows whether its transaction goes on: the time at which it began.
const BEGAN: &str = "SELECT pg_catalog.transaction_timestamp()";

const STEERS: &str = "a statement cannot begin or end a transaction; call `begin`";

/// The rows of a result that are not read yet.
struct Cursor {
    /// `None` after the last row.
    portal: Option<Portal>,
    read: VecDeque<tokio_postgres::Row>,
    /// The rows that the next request asks for: one at first, and more while they are small.
    chunk: usize,
    /// The bytes of the largest row.
    largest: usize,
}

impl Cursor {
    fn held(&self) -> usize {
        self.read.iter().map(tokio_postgres::Row::raw_size_bytes).sum()
    }
}

struct Session<'c> {
    transaction: Transaction<'c>,
    statements: &'c mut Statements,
    began: Value,
    /// True if the last statement was compiled for an earlier call.
    was_kept: bool,
    cursors: HashMap<u64, Cursor>,
    last: u64,
}

/// Begins a transaction, says so, and does what the commands say until it ends.
pub(crate) async fn run(
    client: &mut PostgresClient,
    access: Access,
    begun: Reply<()>,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) -> Ended {
    let mut session = None;
    let begin = async {
        session = Some(Session::begin(client, access).await?);
        Ok(())
    };
    if let Some(ended) = answer(begun, begin).await {
        return ended;
    }
    let Some(mut session) = session else { return Ended::Idle };
    while let Some(command) = commands.recv().await {
        let ended = match command {
            Command::Execute(statement, reply) => answer(reply, session.execute(&statement)).await,
            Command::Change(statement, reply) => answer(reply, session.change(&statement)).await,
            Command::Describe(text, _, reply) => answer(reply, session.describe(&text)).await,
            Command::Query(statement, reply) => answer(reply, session.query(&statement)).await,
            Command::Page { cursor, most, reply } => answer(reply, session.page(cursor, most)).await,
            Command::Close(cursor) => {
                session.cursors.remove(&cursor);
                None
            }
            Command::Commit(reply) => {
                let end = async {
                    // A server answers `COMMIT` of a transaction that it has aborted without an error.
                    session.check().await?;
                    let Session { transaction, cursors, .. } = session;
                    drop(cursors);
                    transaction.commit().await.map_err(error)
                };
                return answer(reply, end).await.unwrap_or(Ended::Idle);
            }
            Command::Rollback(reply) => {
                let Session { transaction, cursors, .. } = session;
                drop(cursors);
                let end = async { transaction.rollback().await.map_err(error) };
                return answer(reply, end).await.unwrap_or(Ended::Idle);
            }
            Command::End => Some(Ended::Idle),
        };
        if let Some(ended) = ended {
            return ended;
        }
    }
    Ended::Idle
}

impl<'c> Session<'c> {
    async fn begin(client: &'c mut PostgresClient, access: Access) -> Result<Session<'c>, Error> {
        let PostgresClient { postgres, statements, .. } = client;
        let builder = postgres.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = builder.read_only(access == Access::Read).start().await.map_err(error)?;
        let (cursors, last, began) = (HashMap::new(), 0, Value::Null);
        let mut session = Session { transaction, statements, began, was_kept: false, cursors, last };
        // After this query, no statement can make the transaction one that writes.
        session.began = session.transaction_began().await?;
        Ok(session)
    }

    /// Returns the time at which the current transaction began.
    async fn transaction_began(&mut self) -> Result<Value, Error> {
        let statement = self.prepared(BEGAN).await?;
        let row = self.transaction.query_one(&statement, &[]).await.map_err(error)?;
        values::row(&row)?.0.pop().ok_or_else(|| Error::Other("a row has no column".to_owned()))
    }

    /// Checks that a statement has not ended the transaction of the host.
    async fn check(&mut self) -> Result<(), Error> {
        match self.transaction_began().await? == self.began {
            true => Ok(()),
            false => {
                // Whatever follows must not run outside of a transaction with the right access.
                self.began = Value::Null;
                Err(Error::QueryFailed(STEERS.to_owned()))
            }
        }
    }

    async fn prepared(&mut self, text: &str) -> Result<tokio_postgres::Statement, Error> {
        if steers_transaction(text) {
            return Err(Error::QueryFailed(STEERS.to_owned()));
        }
        if text != BEGAN && self.began == Value::Null {
            return Err(Error::TransactionFailed("a statement has ended the transaction".to_owned()));
        }
        let kept = self.statements.get(text);
        if text != BEGAN {
            self.was_kept = kept.is_some();
        }
        if let Some(statement) = kept {
            return Ok(statement);
        }
        let statement = self.transaction.prepare(text).await.map_err(error)?;
        self.statements.keep(text, &statement);
        Ok(statement)
    }

    /// Compiles a statement, and checks the number of its parameters.
    async fn bound(&mut self, statement: &Statement) -> Result<tokio_postgres::Statement, Error> {
        let prepared = self.prepared(&statement.text).await?;
        let (needed, given) = (prepared.params().len(), statement.parameters.len());
        match needed == given {
            true => Ok(prepared),
            false => Err(Error::WrongType(format!(
                "the statement has {needed} parameters, and {given} were given"
            ))),
        }
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, Error> {
        let prepared = self.bound(statement).await?;
        let changed = self.transaction.execute_raw(&prepared, parameters(statement)).await;
        let changed = changed.map_err(|found| self.failed(found))?;
        self.check().await?;
        Ok(changed)
    }

    async fn change(&mut self, statement: &Statement) -> Result<Changed, Error> {
        let (cursor, columns) = self.query(statement).await?;
        let (rows, more) = self.page(cursor, usize::MAX).await?;
        // A full page may be the last one.
        match more && !self.page(cursor, 1).await?.0.is_empty() {
            true => {
                let text = "the rows of the statement do not fit one page; run it in a transaction";
                Err(Error::LimitExceeded(text.to_owned()))
            }
            false => Ok((columns, rows)),
        }
    }

    async fn describe(&mut self, text: &str) -> Result<Description, Error> {
        let prepared = self.prepared(text).await?;
        let parameters = u32::try_from(prepared.params().len()).unwrap_or(u32::MAX);
        Ok(Description { parameters, columns: values::columns(&prepared) })
    }

    async fn query(&mut self, statement: &Statement) -> Result<(u64, Vec<Column>), Error> {
        let prepared = self.bound(statement).await?;
        let portal = self.transaction.bind_raw(&prepared, parameters(statement)).await;
        let portal = portal.map_err(|found| self.failed(found))?;
        let mut cursor = Cursor { portal: Some(portal), read: VecDeque::new(), chunk: 1, largest: 0 };
        // The first row is read at once, so that a statement that writes has run.
        self.fetch(&mut cursor).await?;
        self.check().await?;
        self.last += 1;
        self.cursors.insert(self.last, cursor);
        Ok((self.last, values::columns(&prepared)))
    }

    /// Reads more rows from the server: as many as have the bytes of a page, if they are like the last ones.
    async fn fetch(&mut self, cursor: &mut Cursor) -> Result<(), Error> {
        let Some(portal) = &cursor.portal else { return Ok(()) };
        let rows = self.transaction.query_portal(portal, cursor.chunk as i32).await;
        let rows = rows.map_err(|found| self.failed(found))?;
        if rows.len() < cursor.chunk {
            cursor.portal = None;
        }
        let largest = rows.iter().map(tokio_postgres::Row::raw_size_bytes).max().unwrap_or(0);
        cursor.largest = cursor.largest.max(largest);
        cursor.chunk = (2 * cursor.chunk).min(PAGE_BYTES / cursor.largest.max(1)).clamp(1, MAX_CHUNK);
        cursor.read.extend(rows);
        let held: usize = self.cursors.values().map(Cursor::held).sum();
        match held + cursor.held() > MAX_HELD_BYTES {
            true => {
                (cursor.portal, cursor.read) = (None, VecDeque::new());
                Err(Error::LimitExceeded(format!(
                    "open results hold more than {MAX_HELD_BYTES} bytes; read them, or select fewer or smaller rows"
                )))
            }
            false => Ok(()),
        }
    }

    async fn page(&mut self, cursor: u64, most: usize) -> Result<PageRead, Error> {
        let Some(mut rows) = self.cursors.remove(&cursor) else {
            return Err(Error::Other("the rows are closed".to_owned()));
        };
        let mut page = Page::new(most);
        while !page.is_full() {
            match rows.read.pop_front() {
                Some(row) => {
                    let (row, bytes) = values::row(&row)?;
                    page.push(row, bytes)?;
                }
                None if rows.portal.is_some() => self.fetch(&mut rows).await?,
                None => break,
            }
        }
        let more = rows.portal.is_some() || !rows.read.is_empty();
        self.cursors.insert(cursor, rows);
        Ok((page.into_rows(), more))
    }

    /// Returns the error of a statement. Those compiled for an earlier form of a table are forgotten.
    fn failed(&mut self, found: tokio_postgres::Error) -> Error {
        // A message may be in another language, so the code decides.
        let code = found.code().map_or("", |code| code.code());
        let is_stale = code == "0A000" && self.was_kept;
        if is_stale || code.starts_with("42") {
            self.statements.clear();
        }
        if is_stale { stale() } else { error(found) }
    }
}

/// Returns the parameters of a statement as the client takes them.
fn parameters(statement: &Statement) -> impl ExactSizeIterator<Item = Parameter<'_>> {
    statement.parameters.iter().map(Parameter)
}
