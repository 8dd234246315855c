//! Sessions: the work on one connection for one user at a time, as all products have it.
//!
//! A product implements [`Sessions`]. It hands out connections, and serves the [`Command`]s of their users
//! on tasks or threads of its own. [`SessionDatabase`] makes a [`Database`] of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use airssys_wasm::FairShare;
use async_trait::async_trait;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

use crate::database::{Access, Changed, Database, Description, Rows, Statement, Transaction};
use crate::values::{Column, Error, Row};

/// The sender of a command's result. It is closed if the caller has gone: then the command is cancelled.
pub type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// The rows of a page, and true if more may follow.
pub type PageRead = (Vec<Row>, bool);

/// A step of a session.
#[derive(Debug)]
pub enum Command {
    /// Runs a statement, and replies with the number of changed rows.
    Execute(Statement, Reply<u64>),
    /// Runs a statement that writes, and replies with its rows, as [`Database::change`] does.
    Change(Statement, Reply<Changed>),
    /// Checks a statement without running it, for this access.
    Describe(Arc<str>, Access, Reply<Description>),
    /// Runs a statement, and replies with a number for its rows, and their columns.
    Query(Statement, Reply<(u64, Vec<Column>)>),
    /// Reads a page of rows.
    Page {
        /// The number of the rows.
        cursor: u64,
        /// The most rows.
        most: usize,
        /// The sender of the result.
        reply: Reply<PageRead>,
    },
    /// Closes the rows of this number.
    Close(u64),
    /// Commits, and ends the session.
    Commit(Reply<()>),
    /// Rolls back, and ends the session.
    Rollback(Reply<()>),
    /// Rolls back whatever is not committed, and ends the session.
    End,
}

/// The use of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To check a statement, which does not run.
    Describe(Access),
    /// One statement, which [`Command::Commit`] follows if it may write.
    Statement(Access),
    /// A transaction, which has begun when the session is handed out.
    Transaction(Access),
}

impl Purpose {
    /// Returns the access that the connection enforces.
    pub fn access(self) -> Access {
        match self {
            Purpose::Describe(access) | Purpose::Statement(access) | Purpose::Transaction(access) => access,
        }
    }
}

/// A user of a connection. Dropped, it ends its session.
pub struct User {
    commands: UnboundedSender<Command>,
    cancel: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl User {
    /// Makes a user, and the receiver of its commands.
    pub fn new() -> (User, UnboundedReceiver<Command>) {
        let (commands, received) = mpsc::unbounded_channel();
        (User { commands, cancel: None }, received)
    }

    /// Adds a function that ends the statement in flight when the user is dropped.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: impl FnOnce() + Send + Sync + 'static) -> User {
        self.cancel = Some(Box::new(cancel));
        self
    }

    /// Gives a command, and waits for its result.
    ///
    /// # Errors
    /// That of the command, or [`Error::TransactionFailed`] if the session has ended.
    pub async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        ask(&self.commands, command).await
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // A result may have a sender too, so that the end of the channel does not tell.
        let _session_has_ended = self.commands.send(Command::End);
        if let Some(cancel) = self.cancel.take() {
            cancel();
        }
    }
}

/// Returns the error of a command whose session has ended.
pub fn ended() -> Error {
    Error::TransactionFailed("the transaction has ended".to_owned())
}

async fn ask<T>(
    commands: &UnboundedSender<Command>,
    command: impl FnOnce(Reply<T>) -> Command,
) -> Result<T, Error> {
    let (reply, result) = oneshot::channel();
    commands.send(command(reply)).map_err(|_| ended())?;
    result.await.unwrap_or_else(|_| Err(ended()))
}

/// The end of a session on a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// No statement runs.
    Idle,
    /// A statement may still run.
    Running,
}

/// Waits for the result of some work, and sends it. Returns the end of the session if the user has gone.
pub async fn answer<T>(mut reply: Reply<T>, work: impl Future<Output = Result<T, Error>>) -> Option<Ended> {
    tokio::select! {
        biased;
        result = work => reply.send(result).is_err().then_some(Ended::Idle),
        () = reply.closed() => Some(Ended::Running),
    }
}

/// The connections of a label.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// Returns the time that one call has, the wait for a connection included.
    fn timeout(&self) -> Duration;

    /// Returns the shares of the connections, as [`Database::shares`].
    fn shares(&self) -> &FairShare;

    /// Waits for a connection, and begins a session on it. Cancel safe.
    async fn session(&self, purpose: Purpose) -> Result<User, Error>;

    /// Returns true if a statement has not run, because the connection knew an earlier form of its table.
    /// It is run once more.
    fn is_stale(&self, error: &Error) -> bool {
        let _ = error;
        false
    }
}

/// A database of sessions.
pub struct SessionDatabase<S>(S);

impl<S: Sessions> SessionDatabase<S> {
    /// Makes the database of a label.
    pub fn new(sessions: S) -> SessionDatabase<S> {
        SessionDatabase(sessions)
    }

    async fn query_once(&self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        let user = self.0.session(Purpose::Statement(Access::Read)).await?;
        let (cursor, columns) = user.ask(|reply| Command::Query(statement, reply)).await?;
        let commands = user.commands.clone();
        Ok(Box::new(SessionRows { cursor, columns, commands, user: Some(user), at_end: false }))
    }

    async fn change_once(&self, statement: Statement) -> Result<Changed, Error> {
        let user = self.0.session(Purpose::Statement(Access::Write)).await?;
        let changed = user.ask(|reply| Command::Change(statement, reply)).await?;
        user.ask(Command::Commit).await?;
        Ok(changed)
    }

    async fn execute_once(&self, access: Access, statement: Statement) -> Result<u64, Error> {
        let user = self.0.session(Purpose::Statement(access)).await?;
        let changed = user.ask(|reply| Command::Execute(statement, reply)).await?;
        user.ask(Command::Commit).await?;
        Ok(changed)
    }
}

/// Makes a call again if its statement has not run.
macro_rules! unless_stale {
    ($database:ident, $call:expr) => {
        match $call.await {
            Err(error) if $database.0.is_stale(&error) => $call.await,
            result => result,
        }
    };
}

#[async_trait]
impl<S: Sessions> Database for SessionDatabase<S> {
    fn timeout(&self) -> Duration {
        self.0.timeout()
    }

    fn shares(&self) -> &FairShare {
        self.0.shares()
    }

    async fn query(&self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        unless_stale!(self, self.query_once(statement.clone()))
    }

    async fn change(&self, statement: Statement) -> Result<Changed, Error> {
        unless_stale!(self, self.change_once(statement.clone()))
    }

    async fn execute(&self, access: Access, statement: Statement) -> Result<u64, Error> {
        unless_stale!(self, self.execute_once(access, statement.clone()))
    }

    async fn prepare(&self, access: Access, text: Arc<str>) -> Result<Description, Error> {
        let user = self.0.session(Purpose::Describe(access)).await?;
        user.ask(|reply| Command::Describe(text, access, reply)).await
    }

    async fn begin(&self, access: Access) -> Result<Box<dyn Transaction>, Error> {
        Ok(Box::new(SessionTransaction(self.0.session(Purpose::Transaction(access)).await?)))
    }
}

struct SessionTransaction(User);

#[async_trait]
impl Transaction for SessionTransaction {
    async fn query(&mut self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        let (cursor, columns) = self.0.ask(|reply| Command::Query(statement, reply)).await?;
        let commands = self.0.commands.clone();
        Ok(Box::new(SessionRows { cursor, columns, commands, user: None, at_end: false }))
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, Error> {
        self.0.ask(|reply| Command::Execute(statement, reply)).await
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        self.0.ask(Command::Commit).await
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.0.ask(Command::Rollback).await
    }
}

struct SessionRows {
    cursor: u64,
    columns: Vec<Column>,
    commands: UnboundedSender<Command>,
    /// The user of the connection until the last row, unless that is a transaction's.
    user: Option<User>,
    at_end: bool,
}

#[async_trait]
impl Rows for SessionRows {
    fn columns(&self) -> &[Column] {
        &self.columns
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Row>, Error> {
        if self.at_end {
            return Ok(Vec::new());
        }
        let cursor = self.cursor;
        let (rows, more) = ask(&self.commands, |reply| Command::Page { cursor, most, reply }).await?;
        if !more {
            self.at_end = true;
            // Another user may have the connection.
            self.user = None;
        }
        Ok(rows)
    }

    fn holds_connection(&self) -> bool {
        self.user.is_some()
    }
}

impl Drop for SessionRows {
    fn drop(&mut self) {
        let _session_has_ended = self.commands.send(Command::Close(self.cursor));
    }
}
