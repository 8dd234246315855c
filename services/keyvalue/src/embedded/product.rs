//! The embedded backends, as the runtime configuration names them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_spec::file;
use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics};
use airssys_wasm::{Backend, FailureLog, Serves};

use crate::embedded::file::FileEngine;
use crate::embedded::memory::MemoryEngine;
use crate::embedded::options::{self, LabelOptions};
use crate::embedded::shared::{Engine, Label};
use crate::store::Store;

/// The most bytes in memory, unless the table says otherwise: 256 MiB.
const MEMORY_BYTES: u64 = 256 << 20;

/// The most bytes in a file, unless the table says otherwise: 4 GiB.
const FILE_BYTES: u64 = 4 << 30;

/// Returns the name of a backend's file in the folder for data. Two hosts or backends cannot use one file.
fn file_name(backend: &str) -> String {
    match backend {
        File::TYPE => "keyvalue.redb".to_owned(),
        named => format!("keyvalue-{named}.redb"),
    }
}

/// The products.
const PRODUCT: &str = "redb 4";
const IN_MEMORY: &str = "in memory";

/// The time that a call may take, unless the table says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The client of an embedded backend.
pub struct Client {
    engine: Arc<dyn Engine>,
    product: &'static str,
    max_bytes: u64,
    timeout: Duration,
}

fn timeout(table: &ConfigTable<'_>) -> Duration {
    table.time("timeout", 10..=600_000, 5_000).unwrap_or(TIMEOUT)
}

fn label(client: Arc<Client>, options: &LabelOptions, label: &str) -> Arc<dyn Store> {
    let quota = options.quota(client.max_bytes);
    let (engine, timeout) = (Arc::clone(&client.engine), client.timeout);
    Arc::new(Label { engine, label: label.into(), quota, timeout })
}

/// Values in memory, which end with the host: `type = "memory"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Backend for Memory {
    const TYPE: &'static str = "memory";

    /// The most bytes of all labels, and the time that a call may take.
    type Config = (u64, Duration);
    type Client = Client;

    fn configure(&self, table: &BackendTable) -> Result<(u64, Duration), Diagnostics> {
        table.read(|table| (options::total_bytes(table, MEMORY_BYTES), timeout(table)))
    }

    async fn connect(&self, (max_bytes, timeout): &(u64, Duration)) -> Result<Client, BoxError> {
        Ok(in_memory(*max_bytes, *timeout))
    }

    async fn describe(&self, client: &Client) -> Result<String, BoxError> {
        Ok(client.product.to_owned())
    }

    fn serves(&self, serves: &mut Serves<Memory>) {
        serves.label::<dyn Store, _>(options::of_label, label);
    }
}

fn in_memory(max_bytes: u64, timeout: Duration) -> Client {
    Client { engine: Arc::new(MemoryEngine::default()), product: IN_MEMORY, max_bytes, timeout }
}

/// Values in one file, which outlive a crash: `type = "redb"`. The embedded default.
///
/// Without `path`, the file is in the folder for data. Without that folder, values are in memory, and
/// the log says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct File;

/// The options of a file.
pub struct FileConfig {
    /// The name of the table.
    name: String,
    path: Option<PathBuf>,
    max_bytes: u64,
    timeout: Duration,
}

impl Backend for File {
    const TYPE: &'static str = "redb";

    type Config = FileConfig;
    type Client = Client;

    fn configure(&self, table: &BackendTable) -> Result<FileConfig, Diagnostics> {
        let default = table.data().map(|folder| folder.join(file_name(table.name())));
        let name = table.name().to_owned();
        table.read(|table| FileConfig {
            name,
            path: table.path("path", "\"keyvalue.redb\"").or(default),
            max_bytes: options::total_bytes(table, FILE_BYTES),
            timeout: timeout(table),
        })
    }

    async fn connect(&self, config: &FileConfig) -> Result<Client, BoxError> {
        let FileConfig { name, path, max_bytes, timeout } = config;
        let Some(path) = path else {
            tracing::warn!(
                target: "airssys::keyvalue",
                "key-value data is kept in memory and ends with the host, because it has no folder for data; \
                 give a [backend.NAME] with type = \"redb\" and a path"
            );
            return Ok(in_memory(*max_bytes, *timeout));
        };
        let engine = FileEngine::open(path.clone(), FailureLog::new(&**name)).await?;
        Ok(Client { engine: Arc::new(engine), product: PRODUCT, max_bytes: *max_bytes, timeout: *timeout })
    }

    /// Leaves the file alone, because a host that runs has locked it.
    async fn check(&self, config: &FileConfig) -> Result<String, BoxError> {
        let Some(path) = config.path.clone() else { return Ok(IN_MEMORY.to_owned()) };
        match tokio::task::spawn_blocking(move || file::check_file(&path)).await?? {
            true => Ok(PRODUCT.to_owned()),
            false => Ok(format!("{PRODUCT}, in a new file")),
        }
    }

    fn exclusive_path(&self, config: &FileConfig) -> Option<PathBuf> {
        config.path.clone()
    }

    async fn describe(&self, client: &Client) -> Result<String, BoxError> {
        Ok(client.product.to_owned())
    }

    fn serves(&self, serves: &mut Serves<File>) {
        serves.label::<dyn Store, _>(options::of_label, label);
    }
}
