//! The options of a `[backend.NAME]` table.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use airssys_spec::file;
use airssys_sql::{LabelOptions, Separation, check_apart};
use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics, LabelTable};
use mysql_async::Opts;

const EXAMPLE: &str = "{ env = \"MYSQL_URL\" }";
const DEFAULT_POOL_SIZE: u64 = 10;
const DEFAULT_TIMEOUT_MS: u64 = 5_000;

/// The most bytes of a file with certificates.
const MAX_CA_BYTES: u64 = 1 << 20;

/// The checked table of a backend. Its `Debug` form has no secrets.
#[derive(Clone)]
pub struct MysqlConfig {
    /// The name of the table.
    pub(crate) name: String,
    pub(crate) mysql: Opts,
    pub(crate) pool_size: usize,
    pub(crate) timeout: Duration,
    /// The certificates that sign those of servers, in PEM, or `None` for those of the system.
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) tls: bool,
    /// True if a user with rights on the server is accepted.
    pub(crate) privileged: bool,
}

impl std::fmt::Debug for MysqlConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let MysqlConfig { name, pool_size, timeout, tls, privileged, .. } = self;
        let mut fields = f.debug_struct("MysqlConfig");
        fields.field("name", name).field("pool_size", pool_size).field("timeout", timeout);
        fields.field("tls", tls).field("privileged", privileged).finish_non_exhaustive()
    }
}

pub(crate) fn read(table: &BackendTable) -> Result<MysqlConfig, Diagnostics> {
    let name = table.name().to_owned();
    let read = table.read(|table| {
        let mysql = url(table);
        let pool_size = table.count("pool_size", 1..=1_000, DEFAULT_POOL_SIZE);
        let timeout = table.time("timeout", 1..=600_000, DEFAULT_TIMEOUT_MS);
        let (ca, tls) = (ca(table), table.boolean("tls"));
        let privileged = table.boolean("allow_privileged_role").unwrap_or(false);
        mysql.map(|mysql| MysqlConfig {
            name,
            tls: tls.unwrap_or(!is_near(&mysql)),
            mysql,
            pool_size: pool_size.unwrap_or(DEFAULT_POOL_SIZE) as usize,
            timeout: timeout.unwrap_or(Duration::from_millis(DEFAULT_TIMEOUT_MS)),
            ca,
            privileged,
        })
    })?;
    // The absence of an address was reported.
    read.ok_or_else(|| table.fault("the backend has no address", format!("write `url = {EXAMPLE}`")))
}

/// Returns true if the server is on this machine.
fn is_near(mysql: &Opts) -> bool {
    let host = mysql.ip_or_hostname().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn ca(table: &ConfigTable<'_>) -> Option<Vec<u8>> {
    let path = table.path("ca", "\"ca.pem\"")?;
    let read = |path: &Path| match file::read_text(path, MAX_CA_BYTES) {
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => Ok(text.into_bytes()),
        Ok(_) => Err("it has no certificate".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    match read(&path) {
        Ok(certificates) => Some(certificates),
        Err(reason) => {
            let message = format!("the certificates in {} cannot be read: {reason}", path.display());
            table.report("ca", message, "name a file with certificates in PEM");
            None
        }
    }
}

fn url(table: &ConfigTable<'_>) -> Option<Opts> {
    let written = table.secret("url", EXAMPLE).map(|secret| secret.reveal().to_owned());
    let url = written.or_else(|| table.default_variable("url", "MYSQL_URL"));
    let Some(url) = url else {
        table.require("url", EXAMPLE);
        return None;
    };
    let help = "write an address such as `mysql://user:password@host:3306/database`";
    // The parser's error may repeat the address.
    let Ok(mysql) = Opts::from_url(&url) else {
        table.report("url", "`url` is not an address of MySQL", help);
        return None;
    };
    if mysql.user().is_none_or(str::is_empty) {
        table.report("url", "`url` names no user", help);
        return None;
    }
    Some(mysql)
}

/// Checks that the labels on a table are apart.
pub(crate) fn check_labels(
    config: &MysqlConfig,
    labels: &[(&LabelTable, &LabelOptions)],
) -> Result<(), Diagnostics> {
    let (database, user) =
        (config.mysql.db_name().unwrap_or_default(), config.mysql.user().unwrap_or_default());
    // A user reaches every database that it has rights on.
    check_apart(Separation { database, user, by_database: false }, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_machine_is_reached_with_tls() {
        for (url, near) in [
            ("mysql://me@localhost/db", true),
            ("mysql://me@127.0.0.1:3307/db", true),
            ("mysql://me@[::1]/db", true),
            ("mysql://me@db.example.com/db", false),
            ("mysql://me@10.0.0.1/db", false),
        ] {
            assert_eq!(is_near(&Opts::from_url(url).unwrap()), near, "{url}");
        }
    }
}
