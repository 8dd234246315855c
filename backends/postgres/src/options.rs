//! The options of a `[backend.NAME]` table.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

const EXAMPLE: &str = "{ env = \"POSTGRES_URL\" }";
const DEFAULT_POOL_SIZE: u64 = 10;
const DEFAULT_TIMEOUT_MS: u64 = 5_000;

/// The checked table of a backend. Its `Debug` form has no secrets.
#[derive(Clone)]
pub struct PostgresConfig {
    /// The name of the table.
    pub(crate) name: String,
    pub(crate) postgres: Config,
    pub(crate) pool_size: usize,
    pub(crate) timeout: Duration,
    pub(crate) ca: Option<PathBuf>,
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PostgresConfig { pool_size, timeout, .. } = self;
        f.debug_struct("PostgresConfig").field("pool_size", pool_size).field("timeout", timeout).finish()
    }
}

pub(crate) fn read(table: &BackendTable) -> Result<PostgresConfig, Diagnostics> {
    let name = table.name().to_owned();
    let read = table.read(|table| {
        let postgres = url(table);
        let pool_size = table.count("pool_size", 1..=1_000, DEFAULT_POOL_SIZE);
        let by_variable =
            table.default_count("pool_size", "POSTGRES_POOL_SIZE", 1..=1_000, DEFAULT_POOL_SIZE);
        let timeout = table.time("timeout", 1..=600_000, DEFAULT_TIMEOUT_MS);
        postgres.map(|postgres| PostgresConfig {
            name,
            postgres,
            pool_size: pool_size.or(by_variable).unwrap_or(DEFAULT_POOL_SIZE) as usize,
            timeout: timeout.unwrap_or(Duration::from_millis(DEFAULT_TIMEOUT_MS)),
            ca: table.path("ca", "\"ca.pem\""),
        })
    })?;
    // The absence of an address was reported.
    read.ok_or_else(|| table.fault("the backend has no address", format!("write `url = {EXAMPLE}`")))
}

fn url(table: &ConfigTable<'_>) -> Option<Config> {
    let written = table.secret("url", EXAMPLE).map(|secret| secret.reveal().to_owned());
    let url = written.or_else(|| table.default_variable("url", "POSTGRES_URL"));
    let Some(url) = url else {
        table.require("url", EXAMPLE);
        return None;
    };
    let help = "write an address such as `postgres://user:password@host:5432/database`";
    let config = match url.parse::<Config>() {
        Ok(config) => config,
        // The parser names the wrong part, and no value.
        Err(error) => {
            table.report("url", format!("`url` is not an address of PostgreSQL: {error}"), help);
            return None;
        }
    };
    if config.get_hosts().is_empty() || config.get_user().is_none() {
        table.report("url", "`url` names no host or no user", help);
        return None;
    }
    Some(with_tls(config))
}

/// Requires TLS for another machine. The server cannot choose to do without.
fn with_tls(mut config: Config) -> Config {
    if config.get_ssl_mode() == SslMode::Prefer {
        let is_near = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            #[cfg(unix)]
            Host::Unix(_) => true,
        });
        config.ssl_mode(if is_near { SslMode::Disable } else { SslMode::Require });
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_reached_with_tls_only() {
        for (url, mode) in [
            ("postgres://me@localhost/db", SslMode::Disable),
            ("postgres://me@127.0.0.1:5433/db", SslMode::Disable),
            ("postgres://me@[::1]/db", SslMode::Disable),
            ("postgres://me@db.example.com/db", SslMode::Require),
            ("postgres://me@localhost,10.0.0.1/db", SslMode::Require),
            ("postgres://me@10.0.0.1/db?sslmode=disable", SslMode::Disable),
            ("postgres://me@localhost/db?sslmode=require", SslMode::Require),
        ] {
            assert_eq!(with_tls(url.parse().unwrap()).get_ssl_mode(), mode, "{url}");
        }
    }
}
