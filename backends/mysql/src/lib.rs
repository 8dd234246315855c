//! MySQL and MariaDB behind the services of airssys: databases.

mod connector;
mod errors;
mod options;
mod pool;
mod server;
mod session;
mod text;
mod types;
mod values;

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_sql::session::SessionDatabase;
use airssys_sql::{Database, LabelOptions};
use airssys_wasm::manifest::{BackendTable, Diagnostics, LabelTable};
use airssys_wasm::{Backend, Serves};

pub use self::options::MysqlConfig;
pub use self::server::MysqlServer;

/// The backend `mysql`.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `url` | the address, such as `mysql://user:password@host/database` | `MYSQL_URL` |
/// | `pool_size` | the most connections, of all labels together | 10 |
/// | `timeout` | the time of a call, the wait for a connection included | 5 s |
/// | `ca` | a file with certificates in PEM that the server's is signed by | those of the system |
/// | `tls` | encrypt connections, and check the server's certificate | true for another machine |
/// | `allow_privileged_role` | accept a user with rights on the server, such as `FILE` | `false` |
///
/// A label has the keys `database`, `user` and `password`, which replace those of the address. Labels on one
/// table need a `user` of their own, because a user reaches every database that it has rights on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mysql;

impl Backend for Mysql {
    const TYPE: &'static str = "mysql";

    type Config = MysqlConfig;
    type Client = MysqlServer;

    fn configure(&self, table: &BackendTable) -> Result<MysqlConfig, Diagnostics> {
        options::read(table)
    }

    async fn connect(&self, config: &MysqlConfig) -> Result<MysqlServer, BoxError> {
        MysqlServer::connect(config).await
    }

    async fn describe(&self, client: &MysqlServer) -> Result<String, BoxError> {
        client.describe().await
    }

    fn serves(&self, serves: &mut Serves<Mysql>) {
        let make = |client: Arc<MysqlServer>, options: &LabelOptions, label: &str| -> Arc<dyn Database> {
            Arc::new(SessionDatabase::new(client.label(options, label)))
        };
        let read = |label: &LabelTable| LabelOptions::read(label, false);
        serves.label_apart::<dyn Database, _>(read, options::check_labels, make);
    }
}
