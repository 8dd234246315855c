//! The options of a table and of its labels.

use std::time::Duration;

use airssys_spec::file;
use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics, LabelTable, Secret};

const REGION: &str = "us-east-1";

/// The most bytes of a file with certificates: 1 MiB.
const MAX_CA_BYTES: u64 = 1 << 20;

/// The most bytes of a prefix. A key has 1,024, of which a name takes up to 842.
const MAX_PREFIX_BYTES: usize = 80;

/// The options of a table.
pub struct Options {
    /// The name of the table, for the log.
    pub(crate) name: String,
    pub(crate) bucket: String,
    pub(crate) region: String,
    /// `None` for the one of AWS in the region.
    pub(crate) endpoint: Option<String>,
    pub(crate) access_key_id: Secret,
    pub(crate) secret_access_key: Secret,
    pub(crate) session_token: Option<Secret>,
    pub(crate) prefix: Option<String>,
    /// Certificates in PEM.
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) timeout: Duration,
}

/// Reads a table. The variables of the environment are the defaults.
pub(crate) fn of_backend(table: &BackendTable) -> Result<Options, Diagnostics> {
    let table_name = table.name().to_owned();
    let read = table.read(|table| {
        let bucket = table.parsed("bucket", "\"my-bucket\"", bucket);
        table.require("bucket", "\"my-bucket\"");
        let region = table.text("region", "\"us-east-1\"").map(str::to_owned);
        let region = region.or_else(|| table.default_variable("region", "AWS_REGION"));
        let endpoint = endpoint(table);
        let access_key_id = key(table, "access_key_id", "AWS_ACCESS_KEY_ID");
        let secret_access_key = key(table, "secret_access_key", "AWS_SECRET_ACCESS_KEY");
        let token = table.secret("session_token", "{ env = \"AWS_SESSION_TOKEN\" }");
        let default = || table.default_variable("session_token", "AWS_SESSION_TOKEN").map(Secret::new);
        let session_token = token.or_else(default);
        let prefix = table.parsed("prefix", "\"airssys\"", prefix);
        let ca = ca(table);
        let timeout = table.time("timeout", 10..=600_000, 5_000).unwrap_or(Duration::from_secs(5));
        Some(Options {
            name: table_name,
            bucket: bucket?,
            region: region.unwrap_or_else(|| REGION.to_owned()),
            endpoint,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token,
            prefix,
            ca,
            timeout,
        })
    })?;
    // The absence was reported.
    read.ok_or_else(|| table.fault("the table names no bucket or no key", "write `bucket = \"my-bucket\"`"))
}

fn bucket(text: &str) -> Result<String, (String, String)> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    if (3..=63).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    let message = "`bucket` has 3 to 63 small letters, digits, `-` and `.`".to_owned();
    Err((message, "write the name of a bucket that exists".to_owned()))
}

/// Reads a prefix, which is a part or several of a key.
fn prefix(text: &str) -> Result<String, (String, String)> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_part = |part: &str| !part.trim_matches('.').is_empty() && part.bytes().all(allowed);
    if text.len() <= MAX_PREFIX_BYTES && text.split('/').all(is_part) {
        return Ok(text.to_owned());
    }
    let message = format!(
        "`prefix` has up to {MAX_PREFIX_BYTES} letters, digits, `-`, `_` and `.`, in parts between `/`"
    );
    Err((message, "write one such as `prefix = \"airssys\"`, without a slash at its end".to_owned()))
}

fn endpoint(table: &ConfigTable<'_>) -> Option<String> {
    let example = "\"https://s3.example.com\"";
    let endpoint = table.text("endpoint", example).map(str::to_owned);
    let endpoint = endpoint.or_else(|| table.default_variable("endpoint", "AWS_ENDPOINT_URL"))?;
    let is_url = reqwest::Url::parse(&endpoint).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty()
    });
    if !is_url {
        let message = "`endpoint`, or the variable `AWS_ENDPOINT_URL`, is not an address of S3";
        table.report("endpoint", message, format!("write one such as `endpoint = {example}`"));
    }
    Some(endpoint)
}

fn key(table: &ConfigTable<'_>, key: &'static str, variable: &str) -> Option<Secret> {
    let example = format!("{{ env = \"{variable}\" }}");
    let secret = table.secret(key, &example);
    let secret = secret.or_else(|| table.default_variable(key, variable).map(Secret::new));
    if secret.is_none() {
        table.require(key, &example);
    }
    secret
}

fn ca(table: &ConfigTable<'_>) -> Option<Vec<u8>> {
    let path = table.path("ca", "\"ca.pem\"")?;
    let help = "name a file with certificates in PEM";
    let bytes = match file::read(&path, MAX_CA_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => {
            table.report("ca", format!("{} cannot be read: {error}", path.display()), help);
            return None;
        }
    };
    let found = object_store::Certificate::from_pem_bundle(&bytes);
    if found.is_ok_and(|certificates| !certificates.is_empty()) {
        return Some(bytes);
    }
    table.report("ca", format!("{} has no certificate in PEM", path.display()), help);
    None
}

/// The options of a label.
#[derive(Clone, Debug)]
pub(crate) struct LabelOptions {
    prefix: Option<String>,
}

impl LabelOptions {
    /// Returns the prefix of a container, below that of the table.
    pub(crate) fn prefix(&self, label: &str) -> String {
        self.prefix.clone().unwrap_or_else(|| label.to_owned())
    }
}

pub(crate) fn of_label(label: &LabelTable) -> Result<LabelOptions, Diagnostics> {
    let is_for_all = label.is_for_all();
    label.read(|table| {
        let prefix = table.parsed("prefix", "\"images\"", |text| match is_for_all {
            true => {
                let message = "`prefix` would be that of every container".to_owned();
                Err((message, "give the container an entry of its own".to_owned()))
            }
            false => prefix(text),
        });
        LabelOptions { prefix }
    })
}
