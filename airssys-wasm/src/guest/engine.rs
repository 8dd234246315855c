//! The engine, which compiles components and interrupts their guests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use airssys_spec::Limits;
use wasmtime::component::Linker;

use crate::compile::cache::Cache;
use crate::compile::settings::Settings;
use crate::compile::{Budget, Code, Compiler, Place};
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
    /// The app in whose share of the cache compiled components are kept: at most 1 GiB of 2 GiB, and 256 MiB
    /// for each component. Engines of the same app have a share together. Default: empty.
    pub cache_app: String,
    /// The place where components are compiled. Default: [`Compiler::this_program`], which needs the call
    /// of [`compile_worker`](crate::compile_worker) in `main`.
    pub compiler: Compiler,
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
            cache_app: String::new(),
            compiler: Compiler::default(),
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
        source: std::io::Error,
    },
    /// Components were to be compiled by this program, and it does not call
    /// [`compile_worker`](crate::compile_worker).
    #[error(
        "this program does not call `airssys_wasm::compile_worker`, so it cannot start itself to compile \
         components; call it first in `main`, or set `compiler` to `Compiler::in_process()` if all components \
         are trusted"
    )]
    NoCompiler,
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
    settings: Settings,
    place: Place,
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
    /// [`EngineError`] if there is no place to compile, the cache folder cannot be created, or the engine
    /// cannot be set up.
    pub fn new(config: EngineConfig) -> Result<Engine, EngineError> {
        if let Some(name) = config.services.invalid_name() {
            return Err(EngineError::ServiceName { name });
        }
        let place = config.compiler.place().ok_or(EngineError::NoCompiler)?;
        let cache = config.cache_dir.map(|folder| open_cache(folder, &config.cache_app)).transpose()?;
        let (instances, table_elements) = (config.max_instances, config.max_table_elements);
        let memories = config.max_memories.unwrap_or(instances);
        let tables = config.max_tables.unwrap_or(instances.saturating_mul(2));
        let size = PoolSize { instances, room: Room { memories, tables }, table_elements };
        let pooled = pool::pooled(size).map(|(engine, room)| (engine, Settings::Pooled, Some(room)));
        let made = pooled.or_else(|error| {
            tracing::warn!(
                "the address space for a pool of {instances} instances cannot be reserved, so each is \
                 allocated separately, and guests run more slowly; raise the limit of the address space \
                 (ulimit -v): {error:#}"
            );
            pool::one_by_one().map(|engine| (engine, Settings::OneByOne, None))
        });
        let (wasmtime, settings, room) = made.map_err(EngineError::Setup)?;
        let linker = |entry| config.services.linker(&wasmtime, entry).map_err(EngineError::Setup);
        let (direct, fiber) = (linker(Entry::Direct)?, linker(Entry::Fiber)?);
        let ticker =
            Ticker::start(&wasmtime, EPOCH_TICK).map_err(|error| EngineError::Setup(error.into()))?;
        let services = config.services;
        let inner = EngineInner { wasmtime, cache, settings, place, room, direct, fiber, services, ticker };
        Ok(Engine { inner: Arc::new(inner) })
    }

    /// Returns the hits and misses of the cache of compiled components since the engine was made.
    pub fn cache_use(&self) -> CacheUse {
        let cache = self.inner.cache.as_ref();
        CacheUse { hits: cache.map_or(0, Cache::hits), misses: cache.map_or(0, Cache::misses) }
    }

    /// Returns the way to the code of one component and of its libraries, which share a budget of time.
    pub(crate) fn code<'a>(&'a self, source: &'a Path) -> Code<'a> {
        let EngineInner { wasmtime: engine, cache, settings, place, .. } = &*self.inner;
        let (cache, budget) = (cache.as_ref(), Budget::whole());
        Code { engine, settings: *settings, place, cache, source, budget }
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
        f.debug_struct("Engine").field("cache", &self.inner.cache.as_ref().map(Cache::folder)).finish()
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
/// warning, if that folder cannot be used.
fn default_cache_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let users = || set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let folder = set("AIRSSYS_CACHE_DIR").or_else(|| users().map(|folder| folder.join("airssys")))?;
    match Cache::open(&folder, "") {
        Ok(_) => Some(folder),
        Err(error) => {
            // Each configuration asks for the folder.
            static WARN: Once = Once::new();
            WARN.call_once(|| {
                tracing::warn!(
                    "{} cannot be used, so compiled components are not cached; set AIRSSYS_CACHE_DIR to a \
                     writable folder of your own: {error}",
                    folder.display()
                );
            });
            None
        }
    }
}

fn open_cache(folder: PathBuf, app: &str) -> Result<Cache, EngineError> {
    Cache::open(&folder, app).map_err(|source| EngineError::Cache { folder, source })
}
