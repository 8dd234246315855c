//! The options of a table and of its labels.

use std::time::Duration;

use airssys_wasm::manifest::{BackendTable, Diagnostics, LabelTable, Secret};
use redis::{ConnectionInfo, IntoConnectionInfo};

const URL: &str = "redis://localhost:6379";

/// The options of a table.
pub struct Options {
    /// The name of the table.
    pub(crate) name: String,
    pub(crate) server: ConnectionInfo,
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
            timeout,
            max_retries: retries.and_then(|retries| usize::try_from(retries).ok()).unwrap_or(3),
            max_delay: delay.unwrap_or(Duration::from_secs(1)),
        })
    })?;
    read.ok_or_else(|| table.fault("the table has no server", "write `url = \"redis://HOST:6379\"`"))
}

/// The options of a label.
pub(crate) struct LabelOptions {
    prefix: Option<String>,
}

pub(crate) fn of_label(label: &LabelTable) -> Result<LabelOptions, Diagnostics> {
    label.read(|table| LabelOptions { prefix: table.text("prefix", "\"cache:\"").map(str::to_owned) })
}

impl LabelOptions {
    /// Returns the text before each key of a label on the server.
    pub(crate) fn prefix(&self, label: &str) -> String {
        self.prefix.clone().unwrap_or_else(|| format!("{label}:"))
    }
}
