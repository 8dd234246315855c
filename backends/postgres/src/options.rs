//! The options of a `[backend.NAME]` table, and of the labels on it.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use airssys_spec::file;
use airssys_sql::{LabelOptions, Separation, check_apart};
use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics, LabelTable};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

const EXAMPLE: &str = "{ env = \"POSTGRES_URL\" }";
const DEFAULT_POOL_SIZE: u64 = 10;
const DEFAULT_TIMEOUT_MS: u64 = 5_000;

/// The most bytes of a file with certificates.
const MAX_CA_BYTES: u64 = 1 << 20;

/// The checked table of a backend. Its `Debug` form has no secrets.
#[derive(Clone)]
pub struct PostgresConfig {
    /// The name of the table.
    pub(crate) name: String,
    pub(crate) postgres: Config,
    pub(crate) pool_size: usize,
    pub(crate) timeout: Duration,
    /// The certificates that sign those of servers, or `None` for those of the system.
    pub(crate) ca: Option<Vec<CertificateDer<'static>>>,
    /// True if a role with rights on the server is accepted.
    pub(crate) privileged: bool,
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PostgresConfig { name, pool_size, timeout, privileged, .. } = self;
        let mut fields = f.debug_struct("PostgresConfig");
        fields.field("name", name).field("pool_size", pool_size).field("timeout", timeout);
        fields.field("privileged", privileged).finish_non_exhaustive()
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
        let (ca, privileged) = (ca(table), table.boolean("allow_privileged_role").unwrap_or(false));
        postgres.map(|postgres| PostgresConfig {
            name,
            postgres,
            pool_size: pool_size.or(by_variable).unwrap_or(DEFAULT_POOL_SIZE) as usize,
            timeout: timeout.unwrap_or(Duration::from_millis(DEFAULT_TIMEOUT_MS)),
            ca,
            privileged,
        })
    })?;
    // The absence of an address was reported.
    read.ok_or_else(|| table.fault("the backend has no address", format!("write `url = {EXAMPLE}`")))
}

fn ca(table: &ConfigTable<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let path = table.path("ca", "\"ca.pem\"")?;
    match certificates(&path) {
        Ok(certificates) => Some(certificates),
        Err(reason) => {
            let message = format!("the certificates in {} cannot be read: {reason}", path.display());
            table.report("ca", message, "name a file with certificates in PEM");
            None
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = file::read(path, MAX_CA_BYTES).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => Err("it has no certificate".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(error.to_string()),
    }
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

/// Checks that the labels on a table are apart.
pub(crate) fn check_labels(
    config: &PostgresConfig,
    labels: &[(&LabelTable, &LabelOptions)],
) -> Result<(), Diagnostics> {
    let user = config.postgres.get_user().unwrap_or_default();
    let database = config.postgres.get_dbname().unwrap_or(user);
    // A role in one database cannot reach another one.
    check_apart(Separation { database, user, by_database: true }, labels)
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
