//! The client of one table: its connections, and the places of its labels.

use std::sync::Arc;

use airssys_rt::BoxError;
use airssys_sql::{Connections, LabelOptions};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connector::{Connector, tls};
use crate::options::PostgresConfig;
use crate::pool::{PostgresPool, PostgresSessions};

/// Settings that every connection begins with, and comes back to. A component may have changed those of
/// its role, which would reach other components.
const SETTINGS: [(&str, &str); 8] = [
    ("role", "none"),
    ("row_security", "on"),
    ("default_transaction_read_only", "off"),
    ("default_transaction_deferrable", "off"),
    ("default_transaction_isolation", "read committed"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
];

/// The servers of one table.
pub struct PostgresServer {
    config: PostgresConfig,
    tls: Option<MakeRustlsConnect>,
    connections: Arc<Connections>,
}

impl PostgresServer {
    pub(crate) async fn connect(config: &PostgresConfig) -> Result<PostgresServer, BoxError> {
        let (mode, ca) = (config.postgres.get_ssl_mode(), config.ca.clone());
        // Reads the certificates of the system, so it blocks.
        let tls = tokio::task::spawn_blocking(move || tls(mode, ca)).await??;
        let connections = Arc::new(Connections::new(config.pool_size));
        Ok(PostgresServer { config: config.clone(), tls, connections })
    }

    fn pool(&self, postgres: Config) -> Result<Arc<PostgresPool>, BoxError> {
        let PostgresConfig { name, privileged, .. } = &self.config;
        let connector = Connector::new(name, postgres, self.tls.clone(), *privileged);
        PostgresPool::new(connector, Arc::clone(&self.connections), &self.config)
    }

    /// Returns the connections of a label.
    pub(crate) fn label(&self, options: &LabelOptions, label: &str) -> PostgresSessions {
        let made = of_label(&self.config.postgres, options, label);
        let pool = made.and_then(|postgres| self.pool(postgres));
        if let Err(error) = &pool {
            tracing::warn!(backend = self.config.name, label, error, "a database cannot be opened");
        }
        PostgresSessions::new(pool.ok(), Arc::clone(&self.connections), self.config.timeout)
    }

    /// Connects with the address of the table, and returns the version of the server.
    pub(crate) async fn describe(&self) -> Result<String, BoxError> {
        self.pool(started(self.config.postgres.clone(), None))?.describe().await
    }
}

/// Returns the address of a label.
fn of_label(table: &Config, options: &LabelOptions, label: &str) -> Result<Config, BoxError> {
    let place = options.place(label)?;
    let mut postgres = table.clone();
    if let Some(database) = place.database {
        postgres.dbname(database);
    } else if let (None, Some(user)) = (table.get_dbname(), table.get_user()) {
        // The default of the server is the name of the user, which the label may replace.
        postgres.dbname(user);
    }
    if let Some(user) = place.user {
        postgres.user(user);
    }
    if let Some(password) = place.password {
        postgres.password(password.reveal());
    }
    Ok(started(postgres, place.schema.as_deref()))
}

/// Adds the settings that a connection begins with.
fn started(mut postgres: Config, schema: Option<&str>) -> Config {
    let path = match schema {
        Some(schema) => format!("\"{}\"", schema.replace('"', "\"\"")),
        None => "\"$user\",public".to_owned(),
    };
    let mut options = postgres.get_options().unwrap_or_default().to_owned();
    for (name, value) in SETTINGS.into_iter().chain([("search_path", path.as_str())]) {
        let value = value.replace('\\', "\\\\").replace(' ', "\\ ");
        options.push_str(&format!(" -c {name}={value}"));
    }
    postgres.options(options);
    postgres
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_follow_those_of_the_address_and_are_escaped() {
        let address: Config = "postgres://me@localhost/db?options=-c%20lock_timeout%3D5".parse().unwrap();
        let options = started(address, Some("a \"b\\")).get_options().unwrap().to_owned();
        assert!(options.starts_with("-c lock_timeout=5 -c role=none "), "{options}");
        assert!(options.contains(" -c lock_timeout=0 "), "{options}");
        assert!(options.ends_with(" -c search_path=\"a\\ \"\"b\\\\\""), "{options}");
    }
}
