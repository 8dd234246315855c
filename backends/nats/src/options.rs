//! The options of a table and of its labels.

use std::time::Duration;

use airssys_spec::file;
use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics, LabelTable, Secret};
use async_nats::ServerAddr;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

const EXAMPLE: &str = "nats://localhost:4222";

/// The most bytes of a file with certificates: 1 MiB.
const MAX_CA_BYTES: u64 = 1 << 20;

/// The most characters of the name of a bucket.
const MAX_BUCKET: usize = 128;

/// The way in which the host says who it is.
#[derive(Clone)]
pub(crate) enum Login {
    /// That of the URL, if it has one.
    Url,
    User(String, Secret),
    Token(Secret),
    /// The text of a file with credentials.
    Credentials(Secret),
    Seed(Secret),
}

/// The options of a table.
pub struct Options {
    /// The name of the table, for the log.
    pub(crate) name: String,
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) login: Login,
    pub(crate) ca: Option<Vec<CertificateDer<'static>>>,
    pub(crate) replicas: usize,
    pub(crate) timeout: Duration,
}

/// Reads a table. The variables of the environment are the defaults.
pub(crate) fn of_backend(table: &BackendTable) -> Result<Options, Diagnostics> {
    let name = table.name().to_owned();
    let read = table.read(|table| {
        let servers = servers(table);
        let login = login(table);
        let ca = ca(table);
        let replicas = table.count("replicas", 1..=5, 1).unwrap_or(1);
        let timeout = table.time("timeout", 10..=600_000, 5_000).unwrap_or(Duration::from_secs(5));
        let replicas = usize::try_from(replicas).unwrap_or(1);
        servers.map(|servers| Options { name, servers, login, ca, replicas, timeout })
    })?;
    read.ok_or_else(|| table.fault("the table has no server", format!("write `url = \"{EXAMPLE}\"`")))
}

fn servers(table: &ConfigTable<'_>) -> Option<Vec<ServerAddr>> {
    let url = table.secret("url", &format!("\"{EXAMPLE}\""));
    let url = url.or_else(|| table.default_variable("url", "NATS_ADDR").map(Secret::new));
    let url = url.unwrap_or_else(|| Secret::new(EXAMPLE));
    let parse = |address: &str| {
        let address = address.trim().parse::<ServerAddr>().ok()?;
        let is_known = matches!(address.scheme(), "nats" | "tls") && !address.host().is_empty();
        is_known.then_some(address)
    };
    // The library's error may contain the URL.
    let servers: Option<Vec<_>> = url.reveal().split(',').map(parse).collect();
    if servers.is_none() {
        let message = "the `url` of NATS, or the variable `NATS_ADDR`, is not an address of NATS";
        let help = "write one such as `url = \"nats://HOST:4222\"`, or `tls://` for TLS; commas part several";
        table.report("url", message, help);
    }
    servers
}

fn login(table: &ConfigTable<'_>) -> Login {
    let user = table.text("user", "\"airssys\"");
    let password = table.secret("password", "{ env = \"NATS_PASSWORD\" }");
    let token = table.secret("token", "{ env = \"NATS_TOKEN\" }");
    let default = |key, name| table.default_variable(key, name).map(Secret::new);
    let jwt = table.secret("jwt", "{ env = \"NATS_JWT\" }").or_else(|| default("jwt", "NATS_JWT"));
    let seed = table.secret("seed", "{ env = \"NATS_SEED\" }").or_else(|| default("seed", "NATS_SEED"));
    match (user, password, token, jwt, seed) {
        (Some(user), Some(password), None, ..) => Login::User(user.to_owned(), password),
        (None, None, Some(token), ..) => Login::Token(token),
        (None, None, None, Some(jwt), Some(seed)) => {
            let text = credentials(jwt.reveal(), seed.reveal());
            check_seed(table, &text);
            Login::Credentials(Secret::new(text))
        }
        (None, None, None, None, Some(seed)) => {
            check_seed(table, &credentials("none.none.none", seed.reveal()));
            Login::Seed(seed)
        }
        (None, None, None, None, None) => Login::Url,
        (None, None, None, Some(_), None) => {
            table.report("jwt", "`jwt` needs a `seed`", "write `seed = { env = \"NATS_SEED\" }`");
            Login::Url
        }
        (Some(_), None, None, ..) => {
            table.report(
                "user",
                "`user` needs a `password`",
                "write `password = { env = \"NATS_PASSWORD\" }`",
            );
            Login::Url
        }
        (None, Some(_), None, ..) => {
            table.report("password", "`password` needs a `user`", "write `user = \"airssys\"`");
            Login::Url
        }
        (_, _, Some(_), ..) => {
            table.report("token", "`token` and `user` exclude each other", "remove one of them");
            Login::Url
        }
    }
}

/// Reports credentials whose seed is wrong.
fn check_seed(table: &ConfigTable<'_>, credentials: &str) {
    if async_nats::ConnectOptions::with_credentials(credentials).is_err() {
        let message = "`seed`, or the variable `NATS_SEED`, is not the seed of a user";
        table.report("seed", message, "write the whole seed, which begins with `SU`");
    }
}

/// Returns the text of a file with credentials.
fn credentials(jwt: &str, seed: &str) -> String {
    let (jwt, seed) = (jwt.trim(), seed.trim());
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

fn ca(table: &ConfigTable<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let path = table.path("ca", "\"ca.pem\"")?;
    let help = "name a file with certificates in PEM";
    let bytes = match file::read(&path, MAX_CA_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => {
            table.report("ca", format!("{} cannot be read: {error}", path.display()), help);
            return None;
        }
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.ok().filter(|certificates| !certificates.is_empty());
    if certificates.is_none() {
        table.report("ca", format!("{} has no certificate in PEM", path.display()), help);
    }
    certificates
}

/// The options of a label.
#[derive(Clone, Debug)]
pub(crate) struct LabelOptions {
    pub(crate) bucket: Option<String>,
    /// 0 stands for no bound.
    pub(crate) max_bytes: i64,
}

impl LabelOptions {
    pub(crate) fn bucket(&self, label: &str) -> String {
        self.bucket.clone().unwrap_or_else(|| label.to_owned())
    }
}

pub(crate) fn of_label(label: &LabelTable) -> Result<LabelOptions, Diagnostics> {
    let is_for_all = label.is_for_all();
    label.read(|table| {
        let bucket = table.parsed("bucket", "\"sessions\"", |text| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if is_for_all {
                let message = "`bucket` would be that of every label".to_owned();
                return Err((message, "give the label an entry of its own".to_owned()));
            }
            if text.is_empty() || text.len() > MAX_BUCKET || !text.bytes().all(allowed) {
                let message = format!("`bucket` has 1 to {MAX_BUCKET} letters, digits, `-` and `_`");
                return Err((message, "write one such as `bucket = \"sessions\"`".to_owned()));
            }
            Ok(text.to_owned())
        });
        let max_bytes = table.bytes("max_bytes", (4 << 10)..=(1 << 50), 64 << 20);
        let max_bytes = max_bytes.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(0);
        LabelOptions { bucket, max_bytes }
    })
}
