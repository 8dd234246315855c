//! A database as one component sees it: with its share of the connections.

use std::sync::Arc;
use std::time::Duration;

use airssys_wasm::{ConnectionPermit, FairShare};
use async_trait::async_trait;

use crate::database::{Access, Changed, Database, Description, Rows, Statement, Transaction};
use crate::values::{Column, Error, Row};

/// A database, whose connections a component shares with others. Each call waits for one, and a
/// transaction or rows hold it to their end.
pub(crate) struct SharedDatabase {
    pub(crate) database: Arc<dyn Database>,
    pub(crate) component: Arc<str>,
    /// The most connections that the component may hold.
    pub(crate) most: usize,
}

impl SharedDatabase {
    async fn connection(&self) -> ConnectionPermit {
        self.database.shares().take(&self.component, self.most).await
    }
}

#[async_trait]
impl Database for SharedDatabase {
    fn timeout(&self) -> Duration {
        self.database.timeout()
    }

    fn shares(&self) -> &FairShare {
        self.database.shares()
    }

    async fn query(&self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        let connection = Some(self.connection().await);
        let rows = self.database.query(statement).await?;
        Ok(Box::new(SharedRows { rows, connection }))
    }

    async fn change(&self, statement: Statement) -> Result<Changed, Error> {
        let _connection = self.connection().await;
        self.database.change(statement).await
    }

    async fn execute(&self, access: Access, statement: Statement) -> Result<u64, Error> {
        let _connection = self.connection().await;
        self.database.execute(access, statement).await
    }

    async fn prepare(&self, access: Access, text: Arc<str>) -> Result<Description, Error> {
        let _connection = self.connection().await;
        self.database.prepare(access, text).await
    }

    async fn begin(&self, access: Access) -> Result<Box<dyn Transaction>, Error> {
        let connection = self.connection().await;
        let transaction = self.database.begin(access).await?;
        Ok(Box::new(SharedTransaction { transaction, _connection: connection }))
    }
}

struct SharedRows {
    rows: Box<dyn Rows>,
    /// `None` after the last row.
    connection: Option<ConnectionPermit>,
}

#[async_trait]
impl Rows for SharedRows {
    fn columns(&self) -> &[Column] {
        self.rows.columns()
    }

    async fn next(&mut self, most: usize) -> Result<Vec<Row>, Error> {
        let rows = self.rows.next(most).await?;
        if !self.rows.holds_connection() {
            self.connection = None;
        }
        Ok(rows)
    }

    fn holds_connection(&self) -> bool {
        self.rows.holds_connection()
    }
}

struct SharedTransaction {
    transaction: Box<dyn Transaction>,
    _connection: ConnectionPermit,
}

#[async_trait]
impl Transaction for SharedTransaction {
    async fn query(&mut self, statement: Statement) -> Result<Box<dyn Rows>, Error> {
        self.transaction.query(statement).await
    }

    async fn execute(&mut self, statement: Statement) -> Result<u64, Error> {
        self.transaction.execute(statement).await
    }

    async fn commit(self: Box<Self>) -> Result<(), Error> {
        self.transaction.commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<(), Error> {
        self.transaction.rollback().await
    }
}
