//! PostgreSQL behind the services of airssys: databases.

mod client;
mod connector;
mod errors;
mod numeric;
mod options;
mod pool;
mod server;
mod session;
mod values;
mod words;

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_sql::session::SessionDatabase;
use airssys_sql::{Database, LabelOptions};
use airssys_wasm::manifest::{BackendTable, Diagnostics, LabelTable};
use airssys_wasm::{Backend, Serves};

pub use self::options::PostgresConfig;
pub use self::server::PostgresServer;

/// The backend `postgres`.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `url` | the address, such as `postgres://user:password@host/database` | `POSTGRES_URL` |
/// | `pool_size` | the most connections, of all labels together | `POSTGRES_POOL_SIZE`, or 10 |
/// | `timeout` | the time of a call, the wait for a connection included | 5 s |
/// | `ca` | a file with certificates in PEM that the server's is signed by | those of the system |
/// | `allow_privileged_role` | accept a role with rights on the server, such as a superuser | `false` |
///
/// A label has the keys `database`, `schema`, `user` and `password`, which replace those of the address.
/// Labels on one table need a `database` or a `user` of their own. A connection to another machine is
/// encrypted, unless the address says `sslmode=disable`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postgres;

impl Backend for Postgres {
    const TYPE: &'static str = "postgres";

    type Config = PostgresConfig;
    type Client = PostgresServer;

    fn configure(&self, table: &BackendTable) -> Result<PostgresConfig, Diagnostics> {
        options::read(table)
    }

    async fn connect(&self, config: &PostgresConfig) -> Result<PostgresServer, BoxError> {
        PostgresServer::connect(config).await
    }

    async fn describe(&self, client: &PostgresServer) -> Result<String, BoxError> {
        client.describe().await
    }

    fn serves(&self, serves: &mut Serves<Postgres>) {
        let make = |client: Arc<PostgresServer>, options: &LabelOptions, label: &str| -> Arc<dyn Database> {
            Arc::new(SessionDatabase::new(client.label(options, label)))
        };
        let read = |label: &LabelTable| LabelOptions::read(label, true);
        serves.label_apart::<dyn Database, _>(read, options::check_labels, make);
    }
}
