//! The database of a label.

use std::sync::Arc;
use std::time::Duration;

use airssys_sql::{Access, Changed, Column, Database, Description, Error, Row, Rows, Statement, Transaction};
use airssys_wasm::FairShare;
use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedSender;

use crate::errors::is_stale;
use crate::pool::{PostgresPool, User, ask};
use crate::session::Command;

/// A label on a pool.
pub(crate) struct PostgresDatabase(Arc<PostgresPool>);

impl PostgresDatabase {
    pub(crate) fn new(pool: Arc<PostgresPool>) -> PostgresDatabase {
        PostgresDatabase(pool)
    }

    async fn query_once(&self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        let user = self.0.user(Access::Read).await?;
        let (cursor, columns) = user.ask(|reply| Command::Query(statement, reply)).await?;
        let commands = user.commands().clone();
        Ok(Box::new(PostgresRows { cursor, columns, commands, user: Some(user), at_end: false }))
    }

    async fn change_once(&self, statement: Statement) -> Result<Changed, Error> {
        let user = self.0.user(Access::Write).await?;
        let changed = user.ask(|reply| Command::Change(statement, reply)).await?;
        user.ask(Command::Commit).await?;
        Ok(changed)
    }

    async fn execute_once(&self, access: Access, statement: Statement) -> Result<u64, Error> {
        let user = self.0.user(access).await?;
        let changed = user.ask(|reply| Command::Execute(statement, reply)).await?;
        user.ask(Command::Commit).await?;
        Ok(changed)
    }
}

/// Runs a call again if its statement was compiled before its table was changed: it has not run.
macro_rules! unless_stale {
    ($call:expr) => {
        match $call.await {
            Err(error) if is_stale(&error) => $call.await,
            result => result,
        }
    };
}

#[async_trait]
impl Database for PostgresDatabase {
    fn timeout(&self) -> Duration {
        self.0.timeout
    }

    fn shares(&self) -> &FairShare {
        &self.0.shares
    }

    async fn query(&self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        unless_stale!(self.query_once(statement.clone()))
    }

    async fn change(&self, statement: Statement) -> Result<Changed, Error> {
        unless_stale!(self.change_once(statement.clone()))
    }

    async fn execute(&self, access: Access, statement: Statement) -> Result<u64, Error> {
        unless_stale!(self.execute_once(access, statement.clone()))
    }

    async fn prepare(&self, access: Access, text: Arc<str>) -> Result<Description, Error> {
        let user = self.0.user(access).await?;
        let description = user.ask(|reply| Command::Describe(text, reply)).await?;
        user.ask(Command::Rollback).await?;
        Ok(description)
    }

    async fn begin(&self, access: Access) -> Result<Box<dyn Transaction>, Error> {
        Ok(Box::new(PostgresTransaction(self.0.user(access).await?)))
    }
}

struct PostgresTransaction(User);

#[async_trait]
impl Transaction for PostgresTransaction {
    async fn query(&mut self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        let (cursor, columns) = self.0.ask(|reply| Command::Query(statement, reply)).await?;
        let commands = self.0.commands().clone();
        Ok(Box::new(PostgresRows { cursor, columns, commands, user: None, at_end: false }))
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

struct PostgresRows {
    cursor: u64,
    columns: Vec<Column>,
    commands: UnboundedSender<Command>,
    /// The user of the connection until the last row, unless that is a transaction's.
    user: Option<User>,
    at_end: bool,
}

#[async_trait]
impl Rows for PostgresRows {
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

impl Drop for PostgresRows {
    fn drop(&mut self) {
        let _session_has_ended = self.commands.send(Command::Close(self.cursor));
    }
}
