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
use tokio::sync::{mpsc, oneshot};

use crate::client::PostgresClient;
use crate::connector::Connector;
use crate::errors::{error, is_stale, of_pool};
use crate::options::PostgresConfig;
use crate::session;

/// The time that a connection has to become clean. It is closed after that.
const CLEAN_TIME: Duration = Duration::from_secs(2);

/// Takes back whatever a user can leave in a session. The statements that the host has compiled stay.
const CLEAN: &str = "\
    CLOSE ALL; \
    SET SESSION AUTHORIZATION DEFAULT; \
    RESET ALL; \
    UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); \
    DISCARD TEMP; \
    DISCARD SEQUENCES; \
    DO $$ DECLARE name pg_catalog.text; BEGIN \
        FOR name IN SELECT s.name FROM pg_catalog.pg_prepared_statements s WHERE s.from_sql LOOP \
            EXECUTE 'DEALLOCATE ' || pg_catalog.quote_ident(name); \
        END LOOP; \
    END $$;";

struct Manager {
    connector: Arc<Connector>,
    connections: Arc<Connections>,
}

impl managed::Manager for Manager {
    type Type = PostgresClient;
    type Error = Error;

    async fn create(&self) -> Result<PostgresClient, Error> {
        let permit = self.connections.permit().await?;
        let (postgres, task) = self.connector.connect().await?;
        Ok(PostgresClient::new(postgres, task, permit))
    }

    async fn recycle(&self, client: &mut PostgresClient, _: &Metrics) -> RecycleResult<Error> {
        match client.postgres.is_closed() {
            true => Err(RecycleError::message("the connection is closed")),
            false => Ok(()),
        }
    }
}

/// The pool of connections to one database with one role.
pub(crate) struct PostgresPool {
    pool: Pool<Manager>,
    connector: Arc<Connector>,
    connections: Arc<Connections>,
}

impl CloseIdle for PostgresPool {
    fn close_idle(&self) {
        self.pool.retain(|_, _| false);
    }
}

impl PostgresPool {
    pub(crate) fn new(
        connector: Connector,
        connections: Arc<Connections>,
        config: &PostgresConfig,
    ) -> Result<Arc<PostgresPool>, BoxError> {
        let (connector, timeout) = (Arc::new(connector), config.timeout);
        let manager = Manager { connector: Arc::clone(&connector), connections: Arc::clone(&connections) };
        let pool = Pool::builder(manager).max_size(config.pool_size).runtime(Runtime::Tokio1);
        let pool = pool.wait_timeout(Some(timeout)).create_timeout(Some(timeout)).build()?;
        let pool = Arc::new(PostgresPool { pool, connector, connections });
        let weak = Arc::downgrade(&pool);
        pool.connections.add(weak);
        Ok(pool)
    }

    pub(crate) async fn describe(&self) -> Result<String, BoxError> {
        // The error of the pool is that for components, which does not say the reason.
        let client = self.pool.get().await.map_err(|error| match self.connector.reason() {
            Some(reason) => BoxError::from(reason),
            None => of_pool(error).into(),
        })?;
        let row = client.postgres.query_one("SHOW server_version", &[]).await.map_err(error)?;
        Ok(format!("PostgreSQL {}", row.try_get::<_, &str>(0)?))
    }
}

/// The connections of a label.
pub(crate) struct PostgresSessions {
    /// `None` if the label has no place on the server.
    pool: Option<Arc<PostgresPool>>,
    connections: Arc<Connections>,
    timeout: Duration,
}

impl PostgresSessions {
    pub(crate) fn new(
        pool: Option<Arc<PostgresPool>>,
        connections: Arc<Connections>,
        timeout: Duration,
    ) -> PostgresSessions {
        PostgresSessions { pool, connections, timeout }
    }
}

#[async_trait]
impl Sessions for PostgresSessions {
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

    fn is_stale(&self, error: &Error) -> bool {
        is_stale(error)
    }
}

/// Serves one user of a connection, and gives it back as if it were new.
async fn serve(
    mut client: Object<Manager>,
    pool: Arc<PostgresPool>,
    purpose: Purpose,
    begun: Reply<()>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let ended = session::run(&mut client, purpose.access(), begun, &mut commands).await;
    // The user sees that the session has ended.
    drop(commands);
    if client.postgres.is_closed() {
        return drop(Object::take(client));
    }
    let clean = async {
        if ended == Ended::Running {
            pool.connector.cancel(client.postgres.cancel_token()).await;
        }
        client.postgres.batch_execute(CLEAN).await
    };
    match tokio::time::timeout(CLEAN_TIME, clean).await {
        Ok(Ok(())) if !pool.connections.is_short() => {}
        // The server rolls back when the connection is closed.
        Ok(_) | Err(_) => drop(Object::take(client)),
    }
}
