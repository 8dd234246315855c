//! The work on one connection for one user, on the thread of the connection.

use std::cell::RefCell;
use std::path::Path;

use rusqlite::{CachedStatement, Connection};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::database::{Access, Changed, Description, Page, Statement};
use crate::session::{Command, PageRead, Reply};
use crate::sqlite::authorizer::Decisions;
use crate::sqlite::errors::error;
use crate::sqlite::folder::log_bytes;
use crate::sqlite::values::{self, Declared};
use crate::values::{Column, Error, Row};

/// The most results that are open in one session. Each has a place on the thread's stack.
const MAX_CURSORS: u64 = 64;

/// The end of a session, or of one of its results.
enum Ended {
    Closed,
    Dropped,
    Commit(Reply<()>),
    Rollback(Reply<()>),
}

/// The results that are open, from the last one down.
trait Cursors {
    fn page(&mut self, cursor: u64, most: usize, session: &Session<'_>) -> Result<PageRead, Error>;
    fn close(&mut self, cursor: u64);
    /// Returns true if the last result is closed.
    fn is_closed(&self) -> bool;
    fn open(&self) -> u64;
}

/// No result.
struct Bottom;

impl Cursors for Bottom {
    fn page(&mut self, _: u64, _: usize, _: &Session<'_>) -> Result<PageRead, Error> {
        Err(Error::Other("the rows are closed".to_owned()))
    }

    fn close(&mut self, _: u64) {}

    fn is_closed(&self) -> bool {
        false
    }

    fn open(&self) -> u64 {
        0
    }
}

/// An open result, with those below it.
struct Cursor<'s, 'b> {
    id: u64,
    rows: Option<rusqlite::Rows<'s>>,
    /// The first row, which was read to run a statement that writes.
    first: Option<(Row, usize)>,
    declared: Vec<Declared>,
    below: &'b mut dyn Cursors,
}

impl Cursors for Cursor<'_, '_> {
    fn page(&mut self, cursor: u64, most: usize, session: &Session<'_>) -> Result<PageRead, Error> {
        if cursor != self.id {
            return self.below.page(cursor, most, session);
        }
        let mut page = Page::new(most);
        if let Some((row, bytes)) = self.first.take() {
            page.push(row, bytes)?;
        }
        let Some(rows) = &mut self.rows else { return Ok((page.into_rows(), false)) };
        while !page.is_full() {
            let Some(row) = rows.next().map_err(|found| session.error(found))? else {
                self.rows = None;
                break;
            };
            let (row, bytes) = values::row(row, &self.declared)?;
            page.push(row, bytes)?;
        }
        Ok((page.into_rows(), self.rows.is_some()))
    }

    fn close(&mut self, cursor: u64) {
        match cursor == self.id {
            true => (self.rows, self.id) = (None, 0),
            false => self.below.close(cursor),
        }
    }

    fn is_closed(&self) -> bool {
        self.id == 0
    }

    fn open(&self) -> u64 {
        self.below.open() + 1
    }
}

/// The work of one user.
pub(super) struct Session<'c> {
    pub(super) connection: &'c Connection,
    pub(super) decisions: &'c Decisions,
    pub(super) commands: RefCell<UnboundedReceiver<Command>>,
    pub(super) access: Access,
    pub(super) file: &'c Path,
    /// The most bytes of the log beside the file, before a change.
    pub(super) max_log_bytes: u64,
    /// True if the host began a transaction.
    pub(super) in_transaction: bool,
}

impl Session<'_> {
    /// Does what the commands say, until the session ends, unless its begin failed. Leaves no transaction open.
    pub(super) fn run(&self, begun: bool) {
        let ended = if begun { self.serve(&mut Bottom) } else { Ended::Dropped };
        let (result, reply) = match ended {
            Ended::Commit(reply) => (self.commit(), Some(reply)),
            Ended::Rollback(reply) => (self.rollback(), Some(reply)),
            Ended::Dropped | Ended::Closed => (Ok(()), None),
        };
        // A failed commit leaves the transaction open, and a dropped session too.
        let rolled_back = self.rollback();
        if let Some(reply) = reply {
            let _receiver_is_gone = reply.send(result.and(rolled_back));
        }
    }

    fn error(&self, found: rusqlite::Error) -> Error {
        error(found, self.decisions)
    }

    /// Runs a statement of the host.
    fn own(&self, text: &str) -> Result<(), Error> {
        let run = || self.connection.execute_batch(text);
        self.decisions.as_host(run).map_err(|found| self.error(found))
    }

    /// Refuses a change while the log beside the file is too large. Readers that began long ago keep it.
    fn check_log(&self) -> Result<(), Error> {
        if self.access == Access::Read || log_bytes(self.file) <= self.max_log_bytes {
            return Ok(());
        }
        // Its result says whether all changes are in the file. The size tells as well.
        let checkpoint = || self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let _may_be_busy = self.decisions.as_host(checkpoint);
        if log_bytes(self.file) <= self.max_log_bytes { Ok(()) } else { Err(Error::DatabaseFull) }
    }

    /// Begins a transaction. One that may write waits for others that do.
    pub(super) fn begin(&self) -> Result<(), Error> {
        self.check_log()?;
        self.own(match self.access {
            Access::Write => "BEGIN IMMEDIATE",
            Access::Read => "BEGIN",
        })
    }

    /// Commits the transaction. A statement outside of one is committed when it has run.
    fn commit(&self) -> Result<(), Error> {
        if self.in_transaction { self.own("COMMIT") } else { Ok(()) }
    }

    fn rollback(&self) -> Result<(), Error> {
        if self.connection.is_autocommit() { Ok(()) } else { self.own("ROLLBACK") }
    }

    fn serve(&self, cursors: &mut dyn Cursors) -> Ended {
        // An error of `send` means that the caller was dropped, and the session soon is.
        while let Some(command) = self.next() {
            match command {
                Command::Execute(statement, reply) => drop(reply.send(self.execute(&statement))),
                Command::Change(statement, reply) => drop(reply.send(self.change(&statement))),
                Command::Describe(text, access, reply) => drop(reply.send(self.describe(&text, access))),
                Command::Query(statement, reply) => {
                    if let Some(ended) = self.query(&statement, reply, cursors) {
                        return ended;
                    }
                }
                Command::Page { cursor, most, reply } => {
                    drop(reply.send(cursors.page(cursor, most, self)));
                }
                Command::Close(cursor) => cursors.close(cursor),
                Command::Commit(reply) => return Ended::Commit(reply),
                Command::Rollback(reply) => return Ended::Rollback(reply),
                Command::End => return Ended::Dropped,
            }
            if cursors.is_closed() {
                return Ended::Closed;
            }
        }
        Ended::Dropped
    }

    /// Waits for a command. Returns `None` if the user has gone.
    fn next(&self) -> Option<Command> {
        self.commands.borrow_mut().blocking_recv()
    }

    fn prepare(&self, text: &str) -> Result<CachedStatement<'_>, Error> {
        let _of_an_earlier_statement = self.decisions.take_refusal();
        self.connection.prepare_cached(text).map_err(|found| self.error(found))
    }

    fn bound(&self, statement: &Statement) -> Result<CachedStatement<'_>, Error> {
        let mut prepared = self.prepare(&statement.text)?;
        values::bind(&mut prepared, &statement.parameters)?;
        Ok(prepared)
    }

    fn execute(&self, statement: &Statement) -> Result<u64, Error> {
        if !self.in_transaction {
            self.check_log()?;
        }
        let mut prepared = self.bound(statement)?;
        let before = self.connection.total_changes();
        let mut rows = prepared.raw_query();
        while rows.next().map_err(|found| self.error(found))?.is_some() {}
        // A statement that changes no row leaves the number of the last one that did.
        let changed = self.connection.total_changes() != before;
        Ok(if changed { self.connection.changes() } else { 0 })
    }

    fn change(&self, statement: &Statement) -> Result<Changed, Error> {
        self.begin()?;
        let mut prepared = self.bound(statement)?;
        let (columns, declared) = values::columns(&prepared)?;
        let (mut rows, mut page) = (prepared.raw_query(), Page::new(usize::MAX));
        while let Some(row) = rows.next().map_err(|found| self.error(found))? {
            if page.is_full() {
                let text = "the rows of the statement do not fit one page; run it in a transaction";
                return Err(Error::LimitExceeded(text.to_owned()));
            }
            let (row, bytes) = values::row(row, &declared)?;
            page.push(row, bytes)?;
        }
        drop(rows);
        self.own("COMMIT")?;
        Ok((columns, page.into_rows()))
    }

    fn describe(&self, text: &str, access: Access) -> Result<Description, Error> {
        let _of_an_earlier_statement = self.decisions.take_refusal();
        // Not kept: it was compiled with the rights of another connection.
        let compile = || self.connection.prepare(text);
        let prepared = match access {
            Access::Read => compile(),
            Access::Write => self.decisions.describe(compile),
        };
        let prepared = prepared.map_err(|found| self.error(found))?;
        let parameters = u32::try_from(values::parameters(&prepared)).unwrap_or(u32::MAX);
        Ok(Description { parameters, columns: values::columns(&prepared)?.0 })
    }

    /// Runs a query, and the commands that follow until its rows are closed. Returns the end of the
    /// session, if that came first.
    fn query(
        &self,
        statement: &Statement,
        reply: Reply<(u64, Vec<Column>)>,
        below: &mut dyn Cursors,
    ) -> Option<Ended> {
        let id = below.open() + 1;
        if id > MAX_CURSORS {
            let text = format!("{MAX_CURSORS} results are open in the transaction");
            drop(reply.send(Err(Error::LimitExceeded(text))));
            return None;
        }
        let mut prepared = match self.bound(statement) {
            Ok(prepared) => prepared,
            Err(found) => {
                drop(reply.send(Err(found)));
                return None;
            }
        };
        let (columns, declared) = match values::columns(&prepared) {
            Ok(columns) => columns,
            Err(found) => {
                drop(reply.send(Err(found)));
                return None;
            }
        };
        let mut rows = prepared.raw_query();
        let first = match rows.next() {
            Ok(Some(row)) => values::row(row, &declared).map(Some),
            Ok(None) => Ok(None),
            Err(found) => Err(self.error(found)),
        };
        let first = match first {
            Ok(first) => first,
            Err(found) => {
                drop(reply.send(Err(found)));
                return None;
            }
        };
        let rows = first.is_some().then_some(rows);
        let mut cursor = Cursor { id, rows, first, declared, below };
        drop(reply.send(Ok((id, columns))));
        match self.serve(&mut cursor) {
            Ended::Closed => None,
            ended => Some(ended),
        }
    }
}
