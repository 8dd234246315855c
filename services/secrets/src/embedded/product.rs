//! The embedded backend, as the runtime configuration names it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_wasm::manifest::{BackendTable, Diagnostics, Secret};
use airssys_wasm::{Backend, Serves};

use crate::embedded::file::{FileLocker, SealedFile};
use crate::locker::Locker;

/// The environment variable with the key, unless the table has one.
const KEY_VARIABLE: &str = "AIRSSYS_SECRETS_KEY";

/// The least bytes of a key, so that it cannot be guessed.
const MIN_KEY_BYTES: usize = 16;

/// The most secrets of a locker, unless its entry says otherwise.
const MAX_SECRETS: u64 = 1_000;

/// The largest bound on secrets.
const MOST_SECRETS: u64 = 10_000;

/// The time that a call may take, unless the table says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Secrets in one encrypted file: `type = "encrypted-file"`. The embedded default.
///
/// The key is `key` of the table, or else the environment variable `AIRSSYS_SECRETS_KEY`. Without a key,
/// an app whose components may use secrets does not start.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncryptedFile;

/// The options of a file.
pub struct FileConfig {
    path: PathBuf,
    key: Secret,
    timeout: Duration,
}

/// An open file.
pub struct Client {
    file: Arc<SealedFile>,
    timeout: Duration,
}

/// Returns the name of a backend's file in the folder for data. Two backends cannot use one file.
fn file_name(backend: &str) -> String {
    match backend {
        EncryptedFile::TYPE => "secrets.sealed".to_owned(),
        named => format!("secrets-{named}.sealed"),
    }
}

impl Backend for EncryptedFile {
    const TYPE: &'static str = "encrypted-file";

    type Config = FileConfig;
    type Client = Client;

    fn configure(&self, table: &BackendTable) -> Result<FileConfig, Diagnostics> {
        let default = table.data().map(|folder| folder.join(file_name(table.name())));
        let read = table.read(|table| {
            let path = table.path("path", "\"secrets.sealed\"").or(default);
            let timeout = table.time("timeout", 10..=600_000, 5_000).unwrap_or(TIMEOUT);
            let written = table.secret("key", "{ env = \"SECRETS_KEY\" }");
            let has_written = written.is_some();
            let of_environment = || table.default_variable("key", KEY_VARIABLE).map(Secret::new);
            let key = written.or_else(of_environment);
            let key = key.filter(|key| {
                let found = key.reveal().len();
                if found < MIN_KEY_BYTES {
                    let of = if has_written { "`key`" } else { "the variable `AIRSSYS_SECRETS_KEY`" };
                    let message = format!("{of} has {found} bytes: a key has at least {MIN_KEY_BYTES}");
                    table.report("key", message, "make one with `openssl rand -base64 32`");
                }
                found >= MIN_KEY_BYTES
            });
            (path, key, timeout)
        })?;
        let (path, key, timeout) = read;
        let key = key.ok_or_else(|| {
            let message = "the encrypted file of secrets has no key";
            let help = "set the variable `AIRSSYS_SECRETS_KEY`, or write in runtime.toml `[backend.encrypted-file]`, \
                        `type = \"encrypted-file\"` and `key = { file = \"/run/secrets/key\" }`";
            table.fault(message, help)
        })?;
        let missing = || table.fault("there is no folder for data", "write `path = \"secrets.sealed\"`");
        Ok(FileConfig { path: path.ok_or_else(missing)?, key, timeout })
    }

    async fn connect(&self, config: &FileConfig) -> Result<Client, BoxError> {
        let file = SealedFile::open(config.path.clone(), config.key.clone()).await?;
        Ok(Client { file: Arc::new(file), timeout: config.timeout })
    }

    async fn check(&self, config: &FileConfig) -> Result<String, BoxError> {
        SealedFile::check(config.path.clone(), config.key.clone()).await?;
        Ok("an encrypted file".to_owned())
    }

    fn exclusive_path(&self, config: &FileConfig) -> Option<PathBuf> {
        Some(config.path.clone())
    }

    async fn describe(&self, _client: &Client) -> Result<String, BoxError> {
        Ok("an encrypted file".to_owned())
    }

    fn serves(&self, serves: &mut Serves<EncryptedFile>) {
        serves.label::<dyn Locker, _>(
            |label| {
                label.read(|table| {
                    let most = table.count("max_secrets", 1..=MOST_SECRETS, MAX_SECRETS);
                    usize::try_from(most.unwrap_or(MAX_SECRETS)).unwrap_or(usize::MAX)
                })
            },
            |client, max_secrets: &usize, locker| {
                let (file, timeout) = (Arc::clone(&client.file), client.timeout);
                Arc::new(FileLocker { file, locker: locker.into(), max_secrets: *max_secrets, timeout })
            },
        );
    }
}
