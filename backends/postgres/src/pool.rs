//! The pool of connections, and the users of its connections.

use std::sync::Arc;
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_sql::{Access, Error};
use airssys_wasm::FairShare;
use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, Pool, RecycleError, RecycleResult};
use tokio::sync::{mpsc, oneshot};

use crate::client::PostgresClient;
use crate::connector::Connector;
use crate::errors::{error, of_pool};
use crate::options::PostgresConfig;
use crate::session::{self, Command, Ended, Reply};

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

struct Manager(Arc<Connector>);

impl managed::Manager for Manager {
    type Type = PostgresClient;
    type Error = Error;

    async fn create(&self) -> Result<PostgresClient, Error> {
        let (postgres, task) = self.0.connect().await?;
        Ok(PostgresClient::new(postgres, task))
    }

    async fn recycle(&self, client: &mut PostgresClient, _: &Metrics) -> RecycleResult<Error> {
        match client.postgres.is_closed() {
            true => Err(RecycleError::message("the connection is closed")),
            false => Ok(()),
        }
    }
}

/// The pool of connections to one server. All labels on it share it.
pub struct PostgresPool {
    pool: Pool<Manager>,
    connector: Arc<Connector>,
    pub(crate) timeout: Duration,
    pub(crate) shares: FairShare,
}

impl PostgresPool {
    pub(crate) async fn connect(config: &PostgresConfig) -> Result<PostgresPool, BoxError> {
        let PostgresConfig { name, postgres, pool_size, timeout, ca } = config.clone();
        let made = tokio::task::spawn_blocking(move || Connector::new(&name, postgres, ca.as_deref()));
        let connector = Arc::new(made.await??);
        let pool = Pool::builder(Manager(Arc::clone(&connector))).max_size(pool_size);
        let pool = pool.runtime(Runtime::Tokio1).wait_timeout(Some(timeout)).create_timeout(Some(timeout));
        let pool =
            PostgresPool { pool: pool.build()?, connector, timeout, shares: FairShare::new(pool_size) };
        drop(pool.pool.get().await.map_err(of_pool)?);
        Ok(pool)
    }

    pub(crate) async fn describe(&self) -> Result<String, BoxError> {
        let client = self.pool.get().await.map_err(of_pool)?;
        let row = client.postgres.query_one("SHOW server_version", &[]).await.map_err(error)?;
        Ok(format!("PostgreSQL {}", row.try_get::<_, &str>(0)?))
    }

    /// Waits for a connection, and begins a transaction on it. Cancel safe.
    pub(crate) async fn user(&self, access: Access) -> Result<User, Error> {
        let client = self.pool.get().await.map_err(|error| without_names(of_pool(error)))?;
        let (begun, begins) = oneshot::channel();
        let (commands, received) = mpsc::unbounded_channel();
        tokio::spawn(serve(client, Arc::clone(&self.connector), access, begun, received));
        begins.await.unwrap_or_else(|_| Err(ended()))?;
        Ok(User { commands })
    }
}

/// Returns the error of a connection as a component sees it. The server's text, which names users and
/// addresses, is in the log.
fn without_names(error: Error) -> Error {
    match error {
        Error::Timeout => Error::Timeout,
        _ => Error::Unavailable("the database cannot be reached".to_owned()),
    }
}

fn ended() -> Error {
    Error::TransactionFailed("the transaction has ended".to_owned())
}

/// Serves one user of a connection, and gives it back as if it were new.
async fn serve(
    mut client: Object<Manager>,
    connector: Arc<Connector>,
    access: Access,
    begun: Reply<()>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let ended = session::run(&mut client, access, begun, &mut commands).await;
    // The user sees that the session has ended.
    drop(commands);
    if client.postgres.is_closed() {
        return drop(Object::take(client));
    }
    let clean = async {
        if ended == Ended::Running {
            connector.cancel(client.postgres.cancel_token()).await;
        }
        client.postgres.batch_execute(CLEAN).await
    };
    match tokio::time::timeout(CLEAN_TIME, clean).await {
        Ok(Ok(())) => {}
        // The server rolls back when the connection is closed.
        Ok(Err(_)) | Err(_) => drop(Object::take(client)),
    }
}

/// One user of a connection. Dropped, its statement is cancelled and its transaction rolled back.
pub(crate) struct User {
    commands: mpsc::UnboundedSender<Command>,
}

impl User {
    /// Gives a command, and waits for its reply.
    pub(crate) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        ask(&self.commands, command).await
    }

    pub(crate) fn commands(&self) -> &mpsc::UnboundedSender<Command> {
        &self.commands
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // A result may have a sender too, so that the end of the channel does not tell.
        let _session_has_ended = self.commands.send(Command::End);
    }
}

/// Gives a command to a session, and waits for its reply.
pub(crate) async fn ask<T>(
    commands: &mpsc::UnboundedSender<Command>,
    command: impl FnOnce(Reply<T>) -> Command,
) -> Result<T, Error> {
    let (reply, result) = oneshot::channel();
    commands.send(command(reply)).map_err(|_| ended())?;
    result.await.unwrap_or_else(|_| Err(ended()))
}
