//! The embedded backends, as the runtime configuration names them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airssys_rt::BoxError;
use airssys_spec::file;
use airssys_wasm::manifest::{BackendTable, ConfigTable, Diagnostics, LabelTable};
use airssys_wasm::{Backend, FailureLog, Serves};

use crate::container::Container;
use crate::embedded::folder::{FolderContainer, FolderEngine};
use crate::embedded::memory::{MemoryContainer, MemoryEngine};
use crate::embedded::usage::Quota;

/// The most bytes in memory, unless the table says otherwise: 256 MiB.
const MEMORY_BYTES: u64 = 256 << 20;

/// The most bytes in a folder, unless the table says otherwise: 16 GiB.
const FOLDER_BYTES: u64 = 16 << 30;

/// The most objects of a container, unless its entry says otherwise.
const MAX_OBJECTS: u64 = 1_000_000;

/// The largest bound on objects.
const MOST_OBJECTS: u64 = 1_000_000_000;

/// The least and the most bytes of a bound.
const LEAST_BYTES: u64 = 4 << 10;
const MOST_BYTES: u64 = 1 << 50;

/// Returns the name of a backend's folder in the folder for data. Two hosts or backends cannot use one folder.
fn folder_name(backend: &str) -> String {
    match backend {
        Folder::TYPE => "blobs".to_owned(),
        named => format!("blobs-{named}"),
    }
}

/// The products.
const PRODUCT: &str = "a folder";
const IN_MEMORY: &str = "in memory";

/// The time that a call may take, unless the table says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The client of an embedded backend.
pub struct Client {
    engine: Engine,
    max_bytes: u64,
    timeout: Duration,
}

enum Engine {
    Memory(MemoryEngine),
    Folder(Arc<FolderEngine>),
}

impl Client {
    fn in_memory(max_bytes: u64, timeout: Duration) -> Client {
        Client { engine: Engine::Memory(MemoryEngine::default()), max_bytes, timeout }
    }

    fn product(&self) -> String {
        match &self.engine {
            Engine::Memory(_) => IN_MEMORY.to_owned(),
            Engine::Folder(_) => PRODUCT.to_owned(),
        }
    }
}

/// The bounds of a container.
#[derive(Clone, Copy, Debug)]
struct LabelOptions {
    max_objects: u64,
    /// `None` for that of the backend.
    max_bytes: Option<u64>,
}

fn of_label(label: &LabelTable) -> Result<LabelOptions, Diagnostics> {
    label.read(|table| LabelOptions {
        max_objects: table.count("max_objects", 1..=MOST_OBJECTS, MAX_OBJECTS).unwrap_or(MAX_OBJECTS),
        max_bytes: table.bytes("max_bytes", LEAST_BYTES..=MOST_BYTES, 64 << 20),
    })
}

fn label(client: Arc<Client>, options: &LabelOptions, label: &str) -> Arc<dyn Container> {
    let total_bytes = client.max_bytes;
    let bytes = options.max_bytes.unwrap_or(total_bytes);
    let quota = Quota { objects: options.max_objects, bytes, total_bytes };
    let timeout = client.timeout;
    match &client.engine {
        Engine::Memory(engine) => {
            Arc::new(MemoryContainer { engine: engine.clone(), label: label.into(), quota, timeout })
        }
        Engine::Folder(engine) => Arc::new(FolderContainer::new(Arc::clone(engine), label, quota, timeout)),
    }
}

fn total_bytes(table: &ConfigTable<'_>, default: u64) -> u64 {
    table.bytes("max_bytes", LEAST_BYTES..=MOST_BYTES, default).unwrap_or(default)
}

fn timeout(table: &ConfigTable<'_>) -> Duration {
    table.time("timeout", 10..=600_000, 5_000).unwrap_or(TIMEOUT)
}

/// Objects in memory, which end with the host: `type = "memory"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Backend for Memory {
    const TYPE: &'static str = "memory";

    /// The most bytes of all containers, and the time that a call may take.
    type Config = (u64, Duration);
    type Client = Client;

    fn configure(&self, table: &BackendTable) -> Result<(u64, Duration), Diagnostics> {
        table.read(|table| (total_bytes(table, MEMORY_BYTES), timeout(table)))
    }

    async fn connect(&self, (max_bytes, timeout): &(u64, Duration)) -> Result<Client, BoxError> {
        Ok(Client::in_memory(*max_bytes, *timeout))
    }

    async fn describe(&self, client: &Client) -> Result<String, BoxError> {
        Ok(client.product())
    }

    fn serves(&self, serves: &mut Serves<Memory>) {
        serves.label::<dyn Container, _>(of_label, label);
    }
}

/// Objects as files in a folder: `type = "folder"`. The embedded default.
///
/// Without `path`, the folder is in the folder for data. Without that folder, objects are in memory, and
/// the log says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Folder;

/// The options of a folder.
pub struct FolderConfig {
    /// The name of the table.
    name: String,
    path: Option<PathBuf>,
    max_bytes: u64,
    timeout: Duration,
}

impl Backend for Folder {
    const TYPE: &'static str = "folder";

    type Config = FolderConfig;
    type Client = Client;

    fn configure(&self, table: &BackendTable) -> Result<FolderConfig, Diagnostics> {
        let default = table.data().map(|folder| folder.join(folder_name(table.name())));
        let name = table.name().to_owned();
        table.read(|table| FolderConfig {
            name,
            path: table.path("path", "\"blobs\"").or(default),
            max_bytes: total_bytes(table, FOLDER_BYTES),
            timeout: timeout(table),
        })
    }

    async fn connect(&self, config: &FolderConfig) -> Result<Client, BoxError> {
        let FolderConfig { name, path, max_bytes, timeout } = config;
        let Some(path) = path else {
            tracing::warn!(
                target: "airssys::blob",
                "blobs are kept in memory and end with the host, because it has no folder for data; give a \
                 [backend.NAME] with type = \"folder\" and a path"
            );
            return Ok(Client::in_memory((*max_bytes).min(MEMORY_BYTES), *timeout));
        };
        let engine =
            Engine::Folder(Arc::new(FolderEngine::open(path.clone(), FailureLog::new(&**name)).await?));
        Ok(Client { engine, max_bytes: *max_bytes, timeout: *timeout })
    }

    /// Leaves the folder alone, because a host that runs has locked it.
    async fn check(&self, config: &FolderConfig) -> Result<String, BoxError> {
        let Some(path) = config.path.clone() else { return Ok(IN_MEMORY.to_owned()) };
        match tokio::task::spawn_blocking(move || file::check_folder(&path)).await?? {
            true => Ok(PRODUCT.to_owned()),
            false => Ok(format!("{PRODUCT}, which is new")),
        }
    }

    fn exclusive_path(&self, config: &FolderConfig) -> Option<PathBuf> {
        config.path.clone()
    }

    async fn describe(&self, client: &Client) -> Result<String, BoxError> {
        Ok(client.product())
    }

    fn serves(&self, serves: &mut Serves<Folder>) {
        serves.label::<dyn Container, _>(of_label, label);
    }
}
