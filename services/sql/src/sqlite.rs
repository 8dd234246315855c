//! SQLite: the embedded default. A label is a file, and its connections have threads of their own.

mod authorizer;
mod connection;
mod errors;
mod folder;
mod functions;
mod label;
mod pool;
mod session;
mod values;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_spec::file::{check_folder, create_private_folder};
use airssys_wasm::manifest::{BackendTable, Diagnostics};
use airssys_wasm::{Backend, Serves};

use self::folder::{Options, SqliteFolder};
use self::label::SqliteSessions;
use crate::database::Database;
use crate::session::SessionDatabase;

const DEFAULT_TIMEOUT_MS: u64 = 5_000;
const DEFAULT_CONNECTIONS: u64 = 4;
const DEFAULT_SIZE: u64 = 1 << 30;
const DEFAULT_LABELS: u64 = 64;

/// The backend `sqlite`.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `folder` | the folder of the files, one for each label | `sql` in the app's folder for data |
/// | `connections` | the connections of a label that read at a time; one more writes | 4 |
/// | `timeout` | the time of a call | 5 s |
/// | `size` | the most bytes of a label's file, and once more of the log beside it before a change | 1 GiB |
/// | `labels` | the most labels that have a file | 64 |
#[derive(Clone, Copy, Debug, Default)]
pub struct Sqlite;

impl Sqlite {
    /// The name of its type.
    pub const TYPE: &'static str = "sqlite";
}

/// The checked table of a backend.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    folder: Option<PathBuf>,
    options: Options,
}

impl Backend for Sqlite {
    const TYPE: &'static str = Sqlite::TYPE;

    type Config = SqliteConfig;
    type Client = SqliteFolder;

    fn configure(&self, table: &BackendTable) -> Result<SqliteConfig, Diagnostics> {
        let name = match table.name() {
            Sqlite::TYPE => "sql".to_owned(),
            named => format!("sql-{named}"),
        };
        let data = table.data().map(|data| data.join(name));
        table.read(|table| {
            let connections = table.count("connections", 1..=64, DEFAULT_CONNECTIONS);
            let timeout = table.time("timeout", 1..=600_000, DEFAULT_TIMEOUT_MS);
            let bytes = table.bytes("size", 1 << 20..=1 << 46, DEFAULT_SIZE);
            let options = Options {
                connections: connections.unwrap_or(DEFAULT_CONNECTIONS) as usize,
                timeout: timeout.unwrap_or(Duration::from_millis(DEFAULT_TIMEOUT_MS)),
                bytes: bytes.unwrap_or(DEFAULT_SIZE),
                labels: table.count("labels", 1..=4_096, DEFAULT_LABELS).unwrap_or(DEFAULT_LABELS) as usize,
            };
            SqliteConfig { folder: table.path("folder", "\"data\"").or(data), options }
        })
    }

    async fn connect(&self, config: &SqliteConfig) -> Result<SqliteFolder, BoxError> {
        let SqliteConfig { folder, options } = config.clone();
        let made = tokio::task::spawn_blocking(move || match folder {
            Some(path) => {
                let path =
                    create_private_folder(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                Ok(SqliteFolder::new(path, options))
            }
            None => {
                let folder = SqliteFolder::temporary(options)?;
                tracing::warn!(folder = %folder.path.display(), "databases are lost at the end, because the app has no folder for data");
                Ok(folder)
            }
        });
        made.await?
    }

    /// Makes no files.
    async fn check(&self, config: &SqliteConfig) -> Result<String, BoxError> {
        let product = format!("SQLite {}", rusqlite::version());
        let Some(folder) = config.folder.clone() else {
            return Ok(format!("{product} in a temporary folder"));
        };
        let shown = folder.display().to_string();
        match tokio::task::spawn_blocking(move || check_folder(&folder)).await?? {
            true => Ok(format!("{product} in {shown}")),
            false => Ok(format!("{product} in {shown}, which is new")),
        }
    }

    fn exclusive_path(&self, config: &SqliteConfig) -> Option<PathBuf> {
        config.folder.clone()
    }

    async fn describe(&self, client: &SqliteFolder) -> Result<String, BoxError> {
        Ok(format!("SQLite {} in {}", rusqlite::version(), client.path.display()))
    }

    fn serves(&self, serves: &mut Serves<Sqlite>) {
        serves.label::<dyn Database, ()>(
            |label| label.read(|_| ()),
            |client, (), label| Arc::new(SessionDatabase::new(SqliteSessions::new(client, label))),
        );
    }
}
