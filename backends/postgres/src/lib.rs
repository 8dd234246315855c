//! PostgreSQL behind the services of airssys: databases.

mod client;
mod connector;
mod database;
mod errors;
mod numeric;
mod options;
mod pool;
mod session;
mod values;
mod words;

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_sql::Database;
use airssys_wasm::manifest::{BackendTable, Diagnostics};
use airssys_wasm::{Backend, Serves};

use self::database::PostgresDatabase;
pub use self::options::PostgresConfig;
pub use self::pool::PostgresPool;

/// The backend `postgres`.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `url` | the address, such as `postgres://user:password@host/database` | `POSTGRES_URL` |
/// | `pool_size` | the most connections | `POSTGRES_POOL_SIZE`, or 10 |
/// | `timeout` | the time of a call, the wait for a connection included | 5 s |
/// | `ca` | a file with certificates in PEM that the server's is signed by | those of the system |
///
/// A connection to another machine is encrypted, unless the address says `sslmode=disable`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postgres;

impl Backend for Postgres {
    const TYPE: &'static str = "postgres";

    type Config = PostgresConfig;
    type Client = PostgresPool;

    fn configure(&self, table: &BackendTable) -> Result<PostgresConfig, Diagnostics> {
        options::read(table)
    }

    async fn connect(&self, config: &PostgresConfig) -> Result<PostgresPool, BoxError> {
        PostgresPool::connect(config).await
    }

    async fn describe(&self, client: &PostgresPool) -> Result<String, BoxError> {
        client.describe().await
    }

    fn serves(&self, serves: &mut Serves<Postgres>) {
        serves.label::<dyn Database, ()>(
            |label| label.read(|_| ()),
            |client, (), _| Arc::new(PostgresDatabase::new(client)),
        );
    }
}
