//! The options of a table and of its labels.

use std::path::PathBuf;
use std::time::Duration;

use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics, LabelTable, Secret};
use reqwest::Url;

/// The address of a server on this machine, as the products' own clients have it.
const ADDRESS: &str = "http://127.0.0.1:8200";

const TIMEOUT: Duration = Duration::from_secs(5);

/// The way in which the host gets its token.
#[derive(Clone)]
pub(crate) enum Login {
    Token(Secret),
    AppRole { role_id: Secret, secret_id: Secret, mount: String },
}

/// The options of a table.
pub struct Options {
    pub(crate) url: Url,
    pub(crate) login: Login,
    pub(crate) namespace: Option<String>,
    pub(crate) mount: String,
    pub(crate) prefix: String,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) timeout: Duration,
}

/// Reads a table. The variables of the products' own clients are the defaults.
pub(crate) fn of_backend(table: &BackendTable) -> Result<Options, Diagnostics> {
    let read = table.read(|table| {
        let (url, login) = (url(table), login(table));
        let namespace = table.text("namespace", "\"team\"").map(str::to_owned);
        let namespace = namespace.or_else(|| table.default_variable("namespace", "VAULT_NAMESPACE"));
        if namespace.as_deref().is_some_and(|namespace| !is_header(namespace)) {
            table.report(
                "namespace",
                "the `namespace` has characters that a header cannot have",
                "remove them",
            );
        }
        let ca = table.path("ca", "\"ca.pem\"");
        let ca = ca.or_else(|| table.default_variable("ca", "VAULT_CACERT").map(PathBuf::from));
        let mount = path(table, "mount", "secret");
        let prefix = path(table, "prefix", "airssys");
        let timeout = table.time("timeout", 10..=600_000, 5_000).unwrap_or(TIMEOUT);
        Some(Options { url: url?, login: login?, namespace, mount, prefix, ca, timeout })
    })?;
    read.ok_or_else(|| table.fault("the table has no login", "write `token = { env = \"VAULT_TOKEN\" }`"))
}

fn url(table: &ConfigTable<'_>) -> Option<Url> {
    // A mistake can have a login in it, so reports do not show it.
    let written = table.secret("url", "\"https://vault.example.com:8200\"");
    let url = written.or_else(|| table.default_variable("url", "VAULT_ADDR").map(Secret::new));
    let url = Url::parse(url.as_ref().map_or(ADDRESS, Secret::reveal)).ok();
    // A name or a password in the address would show in the errors of the HTTP client.
    let url = url.filter(|url| {
        let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain
    });
    if url.is_none() {
        let message =
            "the `url` of Vault, or the variable `VAULT_ADDR`, is not an address of HTTP without a login";
        table.report("url", message, "write one such as `url = \"https://vault.example.com:8200\"`");
    }
    url
}

fn login(table: &ConfigTable<'_>) -> Option<Login> {
    let token = table.secret("token", "{ env = \"VAULT_TOKEN\" }");
    let role_id = table.secret("role_id", "{ env = \"VAULT_ROLE_ID\" }");
    let secret_id = table.secret("secret_id", "{ file = \"/run/secrets/vault\" }");
    let mount = path(table, "role_mount", "approle");
    let by_variable = || table.default_variable("token", "VAULT_TOKEN").map(Secret::new);
    match (token, role_id, secret_id) {
        (None, Some(role_id), Some(secret_id)) => Some(Login::AppRole { role_id, secret_id, mount }),
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            let message = "the table has a `token` and a part of an AppRole";
            table.report("token", message, "write `token`, or `role_id` with `secret_id`");
            None
        }
        (None, Some(_), None) | (None, None, Some(_)) => {
            let message = "an AppRole needs `role_id` and `secret_id`";
            table.report("role_id", message, "write both, or `token` alone");
            None
        }
        (token, None, None) => {
            let token = token.or_else(by_variable).filter(|token| {
                let is_header = is_header(token.reveal());
                if !is_header {
                    table.report(
                        "token",
                        "the `token` is empty or has several lines",
                        "write it in one line",
                    );
                }
                is_header
            });
            token.map(Login::Token)
        }
    }
}

fn is_header(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// Reads a path on the server. Its parts are letters, digits, `-`, `_` and `.`.
fn path(table: &ConfigTable<'_>, key: &'static str, default: &'static str) -> String {
    let example = format!("\"{default}\"");
    let written = table.parsed(key, &example, |text| {
        let is_part = |part: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && part.bytes().all(is_plain) && !part.bytes().all(|byte| byte == b'.')
        };
        match text.split('/').all(is_part) {
            true => Ok(text.to_owned()),
            false => {
                let message =
                    format!("`{key}` has parts with other characters than letters, digits, `-`, `_` and `.`");
                Err((message, format!("write `{key} = {example}`, or a path such as `\"{default}/more\"`")))
            }
        }
    });
    written.unwrap_or_else(|| default.to_owned())
}

/// The options of a label.
pub(crate) struct LabelOptions {
    prefix: Option<String>,
    /// True if they are those of every label without an entry.
    is_for_all: bool,
}

pub(crate) fn of_label(label: &LabelTable) -> Result<LabelOptions, Diagnostics> {
    label.read(|table| {
        let is_written = table.text("prefix", "\"team/payments\"").is_some();
        let prefix = is_written.then(|| path(table, "prefix", "payments"));
        LabelOptions { prefix, is_for_all: label.is_for_all() }
    })
}

impl LabelOptions {
    /// Returns the path of a label's secrets within the engine.
    pub(crate) fn path(&self, of_backend: &str, label: &str) -> String {
        match &self.prefix {
            Some(prefix) if !self.is_for_all => prefix.clone(),
            Some(prefix) => format!("{prefix}/{label}"),
            None => format!("{of_backend}/{label}"),
        }
    }
}
