//! The pool of connections of a label, and the users of its connections.

use std::sync::Arc;
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_sql::session::{Command, Ended, Purpose, Reply, Sessions, User, ended};
use airssys_sql::{CloseIdle, Connections, Error};
use airssys_wasm::FairShare;
use async_trait::async_trait;
use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, Pool, RecycleError, RecycleResult};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::connector::Connector;
use crate::errors::{error, of_pool};
use crate::options::MysqlConfig;
use crate::session;

/// The time that a connection has to become clean. It is closed after that.
const CLEAN_TIME: Duration = Duration::from_secs(2);

/// A connection, and its room until it is closed.
struct Client {
    connection: Conn,
    _permit: OwnedSemaphorePermit,
}

struct Manager {
    connector: Arc<Connector>,
    connections: Arc<Connections>,
}

impl managed::Manager for Manager {
    type Type = Client;
    type Error = Error;

    async fn create(&self) -> Result<Client, Error> {
        let permit = self.connections.permit().await?;
        Ok(Client { connection: self.connector.connect().await?, _permit: permit })
    }

    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<Error> {
        // The server may have closed it since, which the first statement would notice.
        match client.connection.ping().await {
            Ok(()) => Ok(()),
            Err(found) => Err(RecycleError::Backend(error(found))),
        }
    }
}

/// The pool of connections with one user to one database.
pub(crate) struct MysqlPool {
    pool: Pool<Manager>,
    connector: Arc<Connector>,
    connections: Arc<Connections>,
}

impl CloseIdle for MysqlPool {
    fn close_idle(&self) {
        self.pool.retain(|_, _| false);
    }
}

impl MysqlPool {
    pub(crate) fn new(
        connector: Connector,
        connections: Arc<Connections>,
        config: &MysqlConfig,
    ) -> Result<Arc<MysqlPool>, BoxError> {
        let (connector, timeout) = (Arc::new(connector), config.timeout);
        let manager = Manager { connector: Arc::clone(&connector), connections: Arc::clone(&connections) };
        let pool = Pool::builder(manager).max_size(config.pool_size).runtime(Runtime::Tokio1);
        let pool = pool.wait_timeout(Some(timeout)).create_timeout(Some(timeout));
        let pool = pool.recycle_timeout(Some(timeout)).build()?;
        let pool = Arc::new(MysqlPool { pool, connector, connections });
        let weak = Arc::downgrade(&pool);
        pool.connections.add(weak);
        Ok(pool)
    }

    pub(crate) async fn describe(&self) -> Result<String, BoxError> {
        // The error of the pool is that for components, which does not say the reason.
        let mut client = self.pool.get().await.map_err(|error| match self.connector.reason() {
            Some(reason) => BoxError::from(reason),
            None => of_pool(error).into(),
        })?;
        let version: Option<String> =
            client.connection.query_first("SELECT VERSION()").await.map_err(error)?;
        let version = version.unwrap_or_default();
        let product = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
        Ok(format!("{product} {version}"))
    }
}

/// The connections of a label.
pub(crate) struct MysqlSessions {
    /// `None` if the label has no place on the server.
    pool: Option<Arc<MysqlPool>>,
    connections: Arc<Connections>,
    timeout: Duration,
}

impl MysqlSessions {
    pub(crate) fn new(
        pool: Option<Arc<MysqlPool>>,
        connections: Arc<Connections>,
        timeout: Duration,
    ) -> MysqlSessions {
        MysqlSessions { pool, connections, timeout }
    }
}

#[async_trait]
impl Sessions for MysqlSessions {
    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn shares(&self) -> &FairShare {
        self.connections.shares()
    }

    async fn session(&self, purpose: Purpose) -> Result<User, Error> {
        let pool = self.pool.as_ref().ok_or(Error::NotFound)?;
        let client = pool.pool.get().await.map_err(of_pool)?;
        let (begun, begins) = oneshot::channel();
        let (user, commands) = User::new();
        tokio::spawn(serve(client, Arc::clone(pool), purpose, begun, commands));
        begins.await.unwrap_or_else(|_| Err(ended()))?;
        Ok(user)
    }
}

/// Serves one user of a connection, and gives it back as if it were new.
async fn serve(
    mut client: Object<Manager>,
    pool: Arc<MysqlPool>,
    purpose: Purpose,
    begun: Reply<()>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let ended = session::run(&mut client.connection, purpose, begun, &mut commands).await;
    // The user sees that the session has ended.
    drop(commands);
    if ended == Ended::Running {
        pool.connector.kill(client.connection.id()).await;
        return drop(Object::take(client));
    }
    // Rolls back, and takes back whatever a user can leave in a session.
    match tokio::time::timeout(CLEAN_TIME, client.connection.reset()).await {
        Ok(Ok(true)) if !pool.connections.is_short() => {}
        Ok(_) | Err(_) => drop(Object::take(client)),
    }
}
