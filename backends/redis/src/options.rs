//! The options of a table and of its labels.

use std::path::Path;
use std::time::Duration;

use airssys_spec::file;
use airssys_wasm::UsePattern;
use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics, LabelTable, Secret};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// The most bytes of a file with certificates: 1 MiB.
const MAX_CERTIFICATES: u64 = 1 << 20;

const URL: &str = "redis://localhost:6379";

/// The options of a table.
pub struct Options {
    /// The name of the table.
    pub(crate) name: String,
    pub(crate) server: ConnectionInfo,
    /// The certificates that are trusted instead of those of the system, in PEM.
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) timeout: Duration,
    pub(crate) max_retries: usize,
    pub(crate) max_delay: Duration,
}

/// Reads a table. The variables of the environment are the defaults.
pub(crate) fn of_backend(table: &BackendTable) -> Result<Options, Diagnostics> {
    let name = table.name().to_owned();
    let read = table.read(|table| {
        let url = table.secret("url", "\"redis://localhost:6379\"");
        let url = url.or_else(|| table.default_variable("url", "REDIS_URL").map(Secret::new));
        let url = url.unwrap_or_else(|| Secret::new(URL));
        // The library's error may contain the URL.
        let server = url.reveal().into_connection_info().ok();
        if server.is_none() {
            let help = "write one such as `url = \"redis://HOST:6379/0\"`, or `rediss://` for TLS";
            table.report(
                "url",
                "the `url` of Redis, or the variable `REDIS_URL`, is not a URL of Redis",
                help,
            );
        }
        let ca = table.path("ca", "\"ca.pem\"").and_then(|path| certificates(table, &path));
        let is_plain = |server: &ConnectionInfo| !matches!(server.addr(), ConnectionAddr::TcpTls { .. });
        if ca.is_some() && server.as_ref().is_some_and(is_plain) {
            table.report(
                "ca",
                "`ca` is for a connection by TLS, and the `url` begins with `redis:`",
                "write `rediss://` in the `url`",
            );
        }
        let username = table.text("username", "\"airssys\"");
        let password = table.secret("password", "{ env = \"REDIS_PASSWORD\" }");
        let server = server.map(|server| {
            let mut settings = server.redis_settings().clone();
            if let Some(username) = username {
                settings = settings.set_username(username);
            }
            if let Some(password) = &password {
                settings = settings.set_password(password.reveal());
            }
            server.set_redis_settings(settings)
        });
        let retries = table.count("max_retries", 0..=100, 3);
        let retries = retries.or_else(|| table.default_count("max_retries", "REDIS_MAX_RETRIES", 0..=100, 3));
        let delay = table.time("max_delay", 1..=60_000, 1_000);
        let delay = delay.or_else(|| {
            let ms = table.default_count("max_delay", "REDIS_MAX_DELAY", 1..=60_000, 1_000)?;
            Some(Duration::from_millis(ms))
        });
        let timeout = table.time("timeout", 10..=600_000, 5_000).unwrap_or(Duration::from_secs(5));
        server.map(|server| Options {
            name,
            server,
            ca,
            timeout,
            max_retries: retries.and_then(|retries| usize::try_from(retries).ok()).unwrap_or(3),
            max_delay: delay.unwrap_or(Duration::from_secs(1)),
        })
    })?;
    read.ok_or_else(|| table.fault("the table has no server", "write `url = \"redis://HOST:6379\"`"))
}

/// Reads the file of `ca`, or reports it.
fn certificates(table: &ConfigTable<'_>, path: &Path) -> Option<Vec<u8>> {
    let found = file::read(path, MAX_CERTIFICATES);
    found
        .map_err(|error| {
            let message = format!("the file {} of `ca` cannot be read: {error}", path.display());
            table.report("ca", message, "name a file with certificates in PEM");
        })
        .ok()
}

/// The options of a label.
pub(crate) struct LabelOptions {
    prefix: Option<String>,
    /// True if the entry is for every label without an entry of its own.
    is_for_all: bool,
}

pub(crate) fn of_label(label: &LabelTable) -> Result<LabelOptions, Diagnostics> {
    let is_for_all = label.is_for_all();
    label.read(|table| {
        let prefix = table.text("prefix", "\"cache:\"").map(str::to_owned);
        LabelOptions { prefix, is_for_all }
    })
}

impl LabelOptions {
    /// Returns the text before each key of a label on the server.
    pub(crate) fn prefix(&self, label: &str) -> String {
        match &self.prefix {
            Some(prefix) if !self.is_for_all => prefix.clone(),
            // One prefix for many labels does not tell them apart.
            prefix => format!("{}{label}:", prefix.as_deref().unwrap_or_default()),
        }
    }
}

/// Reports labels whose keys another label can have too.
pub(crate) fn check_apart(labels: &[(&LabelTable, &LabelOptions)]) -> Result<(), Diagnostics> {
    let mut found: Option<Diagnostics> = None;
    let mut report = |table: &LabelTable, other: &LabelTable, prefix: &str| {
        let message = format!("the label `{}` shares keys with `{}`", table.label(), other.label());
        let help = format!(
            "write a `prefix` that neither begins with that of the other, nor the reverse; it is `{prefix}`"
        );
        let more = table.label_fault(message, help);
        match &mut found {
            Some(found) => found.append(more),
            None => found = Some(more),
        }
    };
    let named: Vec<_> = labels.iter().filter(|(table, _)| !table.is_for_all()).collect();
    for (at, (table, options)) in named.iter().enumerate() {
        let prefix = options.prefix(table.label());
        for (other, theirs) in &named[..at] {
            let theirs = theirs.prefix(other.label());
            if prefix.starts_with(&theirs) || theirs.starts_with(&prefix) {
                report(table, other, &prefix);
            }
        }
        for (all, theirs) in labels.iter().filter(|(table, _)| table.is_for_all()) {
            let theirs = theirs.prefix.as_deref().unwrap_or_default();
            let is_named = |label: &str| named.iter().any(|(table, _)| table.label() == label);
            let shares = match prefix.strip_prefix(theirs) {
                Some(rest) => begins_like_another(rest, is_named),
                None => theirs.starts_with(&prefix),
            };
            if shares {
                report(table, all, &prefix);
            }
        }
    }
    found.map_or(Ok(()), Err)
}

/// Returns true if keys with a label and a colon before them can begin like this, and the label has no entry
/// of its own.
fn begins_like_another(text: &str, is_named: impl Fn(&str) -> bool) -> bool {
    let is_label = |label: &str| UsePattern::exact(&format!("any/{label}:read")).is_ok();
    match text.split_once(':') {
        Some((label, _)) => is_label(label) && !is_named(label),
        None => text.is_empty() || is_label(text) || is_label(&format!("{text}a")),
    }
}
