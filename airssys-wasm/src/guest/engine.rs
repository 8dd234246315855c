//! The engine: what compiles components and interrupts them.

use std::path::PathBuf;
use std::sync::Arc;

use airssys_spec::Limits;
use wasmtime::component::Linker;
use wasmtime::{Cache, CacheConfig, Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::guest::services::Services;
use crate::guest::store::{EPOCH_TICK, Entry, GuestState};

/// Core instances that one component may consist of: a guest module and its shims.
const CORE_INSTANCES_PER_COMPONENT: u32 = 20;

/// Most bytes of a memory that stay with its place in the pool when its instance has ended.
const KEPT_OF_A_MEMORY: usize = 128 << 10;

/// Most bytes of a table that stay with its place in the pool when its instance has ended.
const KEPT_OF_A_TABLE: usize = 16 << 10;

/// How an [`Engine`] is made.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Folder in which compiled components are kept between runs; none keeps nothing.
    pub cache_dir: Option<PathBuf>,
    /// Most instances that can live at once. Default: 1,000.
    pub max_instances: u32,
    /// Most elements that a table can have, also where a limit allows more. With fewer, an instance
    /// takes less of the address space, and less memory of the system for it. Default: 1,000,000,
    /// which is the most that a limit can allow.
    pub max_table_elements: usize,
    /// The services whose interfaces components can import. Default: the contract and WASI.
    pub services: Services,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            cache_dir: default_cache_dir(),
            max_instances: 1_000,
            max_table_elements: Limits::HOST_MAX.table_elements,
            services: Services::default(),
        }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The folder for compiled components cannot be used.
    #[error("the folder {} for compiled components cannot be used", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: wasmtime::Error,
    },
    /// The WebAssembly engine does not start on this machine.
    #[error("the WebAssembly engine cannot be set up")]
    Setup(#[source] wasmtime::Error),
}

/// What compiles components and interrupts them. Cheap to clone; shared by all components.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    wasmtime: wasmtime::Engine,
    cache: Option<Cache>,
    direct: Linker<GuestState>,
    fiber: Linker<GuestState>,
    services: Services,
}

impl Engine {
    /// Makes an engine and starts its ticker thread, which ends with the engine.
    ///
    /// Instances come from a pool of reserved address space; where the machine does not give so
    /// much of it, they are allocated one by one, and the log says so.
    ///
    /// # Errors
    /// [`EngineError`] if the cache folder cannot be made or the engine does not start.
    pub fn new(config: EngineConfig) -> Result<Engine, EngineError> {
        let cache = config.cache_dir.map(open_cache).transpose()?;
        let pooled = base_config(cache.clone(), pooling(config.max_instances, config.max_table_elements));
        let wasmtime = wasmtime::Engine::new(&pooled).or_else(|error| {
            tracing::warn!("instances are allocated one by one, as no pool can be reserved: {error:#}");
            wasmtime::Engine::new(&base_config(cache.clone(), InstanceAllocationStrategy::OnDemand))
        });
        let wasmtime = wasmtime.map_err(EngineError::Setup)?;
        let linker = |entry| config.services.linker(&wasmtime, entry).map_err(EngineError::Setup);
        let (direct, fiber) = (linker(Entry::Direct)?, linker(Entry::Fiber)?);
        start_ticker(&wasmtime).map_err(|error| EngineError::Setup(error.into()))?;
        Ok(Engine { inner: Arc::new(Inner { wasmtime, cache, direct, fiber, services: config.services }) })
    }

    /// How many components came from the cache of compiled components, and how many had to be
    /// compiled, since this engine was made.
    pub fn cache_use(&self) -> CacheUse {
        let cache = self.inner.cache.as_ref();
        CacheUse { hits: cache.map_or(0, Cache::cache_hits), misses: cache.map_or(0, Cache::cache_misses) }
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.wasmtime
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

/// What the cache of compiled components was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheUse {
    /// Components that were loaded from it.
    pub hits: usize,
    /// Components that had to be compiled.
    pub misses: usize,
}

/// `$AIRSSYS_CACHE_DIR`, else `airssys` in the user's cache folder, if there can be one.
fn default_cache_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    if let Some(chosen) = set("AIRSSYS_CACHE_DIR") {
        return Some(chosen);
    }
    let users = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let folder = users?.join("airssys");
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Some(folder),
        Err(error) => {
            let folder = folder.display();
            tracing::warn!("compiled components are not kept, as {folder} cannot be made: {error}");
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

fn base_config(cache: Option<Cache>, allocation: InstanceAllocationStrategy) -> Config {
    let mut config = Config::new();
    config.cache(cache);
    config.epoch_interruption(true);
    config.allocation_strategy(allocation);
    config.memory_init_cow(true);
    config
}

fn pooling(max_instances: u32, max_table_elements: usize) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(max_instances)
        .total_tables(max_instances.saturating_mul(2))
        .total_stacks(max_instances)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memory_size(Limits::HOST_MAX.memory_bytes)
        .table_elements(max_table_elements);
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        // What an instance has written is written back, and the next one finds its pages there.
        // Elsewhere that would write to the whole of a stack that is hardly used.
        pool.pagemap_scan(Enabled::Yes)
            .linear_memory_keep_resident(KEPT_OF_A_MEMORY)
            .table_keep_resident(KEPT_OF_A_TABLE);
    }
    InstanceAllocationStrategy::Pooling(pool)
}

fn start_ticker(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH_TICK);
        }
    };
    std::thread::Builder::new().name("airssys-epoch".to_owned()).spawn(tick).map(drop)
}
