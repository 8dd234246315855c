//! The engine, which compiles components and interrupts their guests.

use std::path::PathBuf;
use std::sync::Arc;

use airssys_spec::Limits;
use wasmtime::component::Linker;
use wasmtime::{Cache, CacheConfig, Config};

use crate::guest::meter::EPOCH_TICK;
use crate::guest::pool::{self, PoolSize, Room};
use crate::guest::services::Services;
use crate::guest::store::{Entry, GuestState};
use crate::guest::ticker::Ticker;

/// The configuration of an [`Engine`].
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The folder in which compiled components are cached. `None` turns the cache off.
    pub cache_dir: Option<PathBuf>,
    /// The most instances that can live at once. Default: 1,000.
    pub max_instances: u32,
    /// The most linear memories of all instances together; at least 100. Composed components have
    /// several memories. Default: `None`, as many as instances.
    pub max_memories: Option<u32>,
    /// The most tables of all instances together; at least 1,000. Default: `None`, twice as many as
    /// instances.
    pub max_tables: Option<u32>,
    /// The most elements of a table, also where a limit allows more. A lower number saves address
    /// space per instance. Default: 1,000,000, the most that a limit can allow.
    pub max_table_elements: usize,
    /// The services whose interfaces components can import. Default: the contract and WASI.
    pub services: Services,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            cache_dir: default_cache_dir(),
            max_instances: 1_000,
            max_memories: None,
            max_tables: None,
            max_table_elements: Limits::HOST_MAX.table_elements,
            services: Services::default(),
        }
    }
}

/// Errors of making an engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The folder for compiled components cannot be used.
    #[error("the folder {} for compiled components cannot be used", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        source: wasmtime::Error,
    },
    /// A service cannot have its name.
    #[error("`{name}` cannot name a service; use lower-case words joined by `-` that no other service has")]
    ServiceName {
        /// The name.
        name: &'static str,
    },
    /// The WebAssembly engine cannot be set up on this machine.
    #[error("the WebAssembly engine cannot be set up")]
    Setup(#[source] wasmtime::Error),
}

/// The engine that compiles components and interrupts their guests. Clones share it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    wasmtime: wasmtime::Engine,
    cache: Option<Cache>,
    /// The room of the pool; `None` if instances are allocated one by one.
    room: Option<Room>,
    direct: Linker<GuestState>,
    fiber: Linker<GuestState>,
    services: Services,
    ticker: Arc<Ticker>,
}

impl Engine {
    /// Makes an engine and starts its ticker thread, which sleeps while no guest runs. The thread ends
    /// with the engine and its components.
    ///
    /// Instances come from a pool of reserved address space. If the machine refuses to reserve that
    /// much, each instance is allocated separately, which is logged, and guests run more slowly.
    ///
    /// # Errors
    /// [`EngineError`] if the cache folder cannot be created, or the engine cannot be set up.
    pub fn new(config: EngineConfig) -> Result<Engine, EngineError> {
        if let Some(name) = config.services.invalid_name() {
            return Err(EngineError::ServiceName { name });
        }
        let cache = config.cache_dir.map(open_cache).transpose()?;
        let (instances, table_elements) = (config.max_instances, config.max_table_elements);
        let memories = config.max_memories.unwrap_or(instances);
        let tables = config.max_tables.unwrap_or(instances.saturating_mul(2));
        let size = PoolSize { instances, room: Room { memories, tables }, table_elements };
        let pooled =
            pool::pooled(base_config(cache.clone()), size).map(|(engine, room)| (engine, Some(room)));
        let made = pooled.or_else(|error| {
            tracing::warn!(
                "the address space for a pool of {instances} instances cannot be reserved, so each is \
                 allocated separately, and guests run more slowly; raise the limit of the address space \
                 (ulimit -v): {error:#}"
            );
            pool::one_by_one(base_config(cache.clone())).map(|engine| (engine, None))
        });
        let (wasmtime, room) = made.map_err(EngineError::Setup)?;
        let linker = |entry| config.services.linker(&wasmtime, entry).map_err(EngineError::Setup);
        let (direct, fiber) = (linker(Entry::Direct)?, linker(Entry::Fiber)?);
        let ticker =
            Ticker::start(&wasmtime, EPOCH_TICK).map_err(|error| EngineError::Setup(error.into()))?;
        let services = config.services;
        Ok(Engine { inner: Arc::new(EngineInner { wasmtime, cache, room, direct, fiber, services, ticker }) })
    }

    /// Returns the hits and misses of the cache of compiled components since the engine was made.
    pub fn cache_use(&self) -> CacheUse {
        let cache = self.inner.cache.as_ref();
        CacheUse { hits: cache.map_or(0, Cache::cache_hits), misses: cache.map_or(0, Cache::cache_misses) }
    }

    /// Returns true if its pool has room for this much at once.
    pub(crate) fn has_room_for(&self, room: Room) -> bool {
        self.inner.room.is_none_or(|own| own.holds(room))
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.wasmtime
    }

    pub(crate) fn ticker(&self) -> &Arc<Ticker> {
        &self.inner.ticker
    }

    /// Returns the services whose interfaces its components can import.
    pub fn services(&self) -> &Services {
        &self.inner.services
    }

    pub(crate) fn linker(&self, entry: Entry) -> &Linker<GuestState> {
        match entry {
            Entry::Direct => &self.inner.direct,
            Entry::Fiber => &self.inner.fiber,
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("cache", &self.inner.cache.as_ref().map(Cache::directory)).finish()
    }
}

/// The hits and misses of the cache of compiled components. A component with libraries, such as one in
/// Python, counts once for each of them, and once for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheUse {
    /// The components and libraries that were loaded from the cache.
    pub hits: usize,
    /// The components and libraries that had to be compiled.
    pub misses: usize,
}

/// Returns `$AIRSSYS_CACHE_DIR`, or else `airssys` in the user's cache folder. Returns `None`, with a
/// warning, if that folder cannot be created.
fn default_cache_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let users = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let folder = set("AIRSSYS_CACHE_DIR").or_else(|| users().map(|folder| folder.join("airssys")))?;
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Some(folder),
        Err(error) => {
            let folder = folder.display();
            tracing::warn!(
                "{folder} cannot be created, so compiled components are not cached; set \
                 AIRSSYS_CACHE_DIR to a writable folder: {error}"
            );
            None
        }
    }
}

fn open_cache(folder: PathBuf) -> Result<Cache, EngineError> {
    let failed = |source| EngineError::Cache { folder: folder.clone(), source };
    let absolute = std::path::absolute(&folder).map_err(|error| failed(error.into()))?;
    let mut config = CacheConfig::new();
    config.with_directory(absolute);
    Cache::new(config).map_err(failed)
}

fn base_config(cache: Option<Cache>) -> Config {
    let mut config = Config::new();
    config.cache(cache);
    config.epoch_interruption(true);
    config.memory_init_cow(true);
    config
}
