//! The database of a label.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use airssys_wasm::FairShare;
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::database::{Access, Changed, Database, Description, Rows, Statement, Transaction};
use crate::sqlite::folder::SqliteFolder;
use crate::sqlite::pool::{Pool, User, ask};
use crate::sqlite::session::Command;
use crate::values::{Column, Error, Row};

/// A file with its connections: one that writes, and others that read.
pub(super) struct SqliteDatabase {
    writer: Arc<Pool>,
    readers: Arc<Pool>,
    /// Set when the file exists, which connections that read need.
    made: OnceCell<()>,
    timeout: Duration,
    shares: FairShare,
    /// The folder lives as long as its labels.
    _folder: Arc<SqliteFolder>,
}

impl SqliteDatabase {
    pub(super) fn new(folder: Arc<SqliteFolder>, label: &str) -> SqliteDatabase {
        // A label has no dot, so that each has a file of its own.
        let file = folder.path.join(format!("{}.db", label.replace('/', ".")));
        let options = folder.options;
        SqliteDatabase {
            writer: Pool::new(file.clone(), Access::Write, options),
            readers: Pool::new(file, Access::Read, options),
            made: OnceCell::new(),
            timeout: options.timeout,
            // Those that read, and the one that writes.
            shares: FairShare::new(options.connections + 1),
            _folder: folder,
        }
    }

    async fn user(&self, access: Access) -> Result<User, Error> {
        if access == Access::Write {
            return self.writer.user().await;
        }
        self.made.get_or_try_init(async || self.writer.user().await.map(drop)).await?;
        self.readers.user().await
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn shares(&self) -> &FairShare {
        &self.shares
    }

    async fn query(&self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        let user = self.user(Access::Read).await?;
        let (cursor, columns) = user.ask(|reply| Command::Query(statement, reply)).await?;
        let commands = user.commands().clone();
        Ok(Box::new(SqliteRows { cursor, columns, commands, user: Some(user), at_end: false }))
    }

    async fn change(&self, statement: Statement) -> Result<Changed, Error> {
        let user = self.user(Access::Write).await?;
        user.ask(|reply| Command::Change(statement, reply)).await
    }

    async fn execute(&self, access: Access, statement: Statement) -> Result<u64, Error> {
        let user = self.user(access).await?;
        user.ask(|reply| Command::Execute(statement, reply)).await
    }

    async fn prepare(&self, access: Access, text: Arc<str>) -> Result<Description, Error> {
        // The connection that writes may be in use, by a transaction of the same component too.
        let user = self.user(Access::Read).await?;
        user.ask(|reply| Command::Describe(text, access, reply)).await
    }

    async fn begin(&self, access: Access) -> Result<Box<dyn Transaction>, Error> {
        let user = self.user(access).await?;
        user.ask(Command::Begin).await?;
        Ok(Box::new(SqliteTransaction(user)))
    }
}

struct SqliteTransaction(User);

#[async_trait]
impl Transaction for SqliteTransaction {
    async fn query(&mut self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        let (cursor, columns) = self.0.ask(|reply| Command::Query(statement, reply)).await?;
        let commands = self.0.commands().clone();
        Ok(Box::new(SqliteRows { cursor, columns, commands, user: None, at_end: false }))
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

struct SqliteRows {
    cursor: u64,
    columns: Vec<Column>,
    commands: Sender<Command>,
    /// The user of the connection until the last row, unless that is a transaction's.
    user: Option<User>,
    at_end: bool,
}

#[async_trait]
impl Rows for SqliteRows {
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

impl Drop for SqliteRows {
    fn drop(&mut self) {
        let _session_has_ended = self.commands.send(Command::Close(self.cursor));
    }
}
