//! The client of one table: its connections, and the places of its labels.

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_sql::{Connections, LabelOptions};
use mysql_async::{Opts, OptsBuilder, SslOpts};

use crate::connector::Connector;
use crate::options::MysqlConfig;
use crate::pool::{MysqlPool, MysqlSessions};

/// The most bytes of a packet, which has a row or the parameters of a statement.
const MAX_PACKET_BYTES: usize = 6 << 20;

/// Settings that every connection begins with, and comes back to.
const SETTINGS: [&str; 2] = [
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,\
     NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

/// The servers of one table.
pub struct MysqlServer {
    config: MysqlConfig,
    tls: Option<SslOpts>,
    connections: Arc<Connections>,
}

/// Returns the TLS of connections. Reads the certificates of the system, so it blocks.
fn tls(ca: Option<Vec<u8>>) -> Result<SslOpts, BoxError> {
    let roots: Vec<Vec<u8>> = match ca {
        Some(ca) => vec![ca],
        None => {
            let found = rustls_native_certs::load_native_certs();
            found.certs.iter().map(|certificate| certificate.to_vec()).collect()
        }
    };
    if roots.is_empty() {
        return Err("there is no certificate to trust; name a file with one by `ca`".into());
    }
    let roots = roots.into_iter().map(Into::into).collect();
    Ok(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots))
}

impl MysqlServer {
    pub(crate) async fn connect(config: &MysqlConfig) -> Result<MysqlServer, BoxError> {
        let ca = config.ca.clone();
        let tls = match config.tls {
            true => Some(tokio::task::spawn_blocking(move || tls(ca)).await??),
            false => None,
        };
        let connections = Arc::new(Connections::new(config.pool_size));
        Ok(MysqlServer { config: config.clone(), tls, connections })
    }

    fn pool(&self, opts: OptsBuilder) -> Result<Arc<MysqlPool>, BoxError> {
        let opts = opts
            .ssl_opts(self.tls.clone())
            // The address and the certificate are for this host, so no other socket is used.
            .prefer_socket(Some(false))
            .max_allowed_packet(Some(MAX_PACKET_BYTES))
            .wait_timeout(Some(28_800))
            .setup(SETTINGS.to_vec())
            .client_found_rows(true)
            .stmt_cache_size(Some(32));
        let connector = Connector::new(&self.config.name, opts.into(), self.config.privileged);
        MysqlPool::new(connector, Arc::clone(&self.connections), &self.config)
    }

    /// Returns the connections of a label.
    pub(crate) fn label(&self, options: &LabelOptions, label: &str) -> MysqlSessions {
        let made = of_label(&self.config.mysql, options, label);
        let pool = made.and_then(|opts| self.pool(opts));
        if let Err(error) = &pool {
            tracing::warn!(backend = self.config.name, label, error, "a database cannot be opened");
        }
        MysqlSessions::new(pool.ok(), Arc::clone(&self.connections), self.config.timeout)
    }

    /// Connects with the address of the table, and returns the version of the server.
    pub(crate) async fn describe(&self) -> Result<String, BoxError> {
        self.pool(OptsBuilder::from_opts(self.config.mysql.clone()))?.describe().await
    }
}

/// Returns the address of a label.
fn of_label(table: &Opts, options: &LabelOptions, label: &str) -> Result<OptsBuilder, BoxError> {
    let place = options.place(label)?;
    let mut opts = OptsBuilder::from_opts(table.clone());
    if let Some(database) = place.database {
        opts = opts.db_name(Some(database));
    }
    if let Some(user) = place.user {
        opts = opts.user(Some(user));
    }
    if let Some(password) = place.password {
        opts = opts.pass(Some(password.reveal()));
    }
    Ok(opts)
}
