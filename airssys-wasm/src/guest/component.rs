//! A component: compiled code that is known to fit the contract.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::types::{Component as ComponentType, ComponentFunc, ComponentItem};
use wasmtime::component::{ComponentExportIndex, InstancePre};

use crate::contract::{BatchEnd, Callback, HealthStatus, Outcome};
use crate::guest::engine::Engine;
use crate::guest::imports::contract;
use crate::guest::service::AnyService;
use crate::guest::store::{Entry, GuestState};

const HANDLER: &str = "airssys:component/handler@0.2.0";
const BATCH_HANDLER: &str = "airssys:component/batch-handler@0.2.0";
const LIFECYCLE: &str = "airssys:component/lifecycle@0.2.0";

type InitializeParams = (Vec<(String, String)>,);
type InitializeResult = (Result<(), String>,);

/// Compiled code that is known to fit the contract; ready to be instantiated many times.
#[derive(Clone)]
pub struct Component {
    pub(crate) pre: InstancePre<GuestState>,
    pub(crate) entry: Entry,
    pub(crate) exports: Exports,
    /// The services that it imports and that have a configuration, a connection or data.
    pub(crate) services: Vec<Arc<dyn AnyService>>,
}

/// Where a component's exported functions are.
#[derive(Clone, Copy)]
pub(crate) struct Exports {
    pub(crate) initialize: ComponentExportIndex,
    pub(crate) health: ComponentExportIndex,
    pub(crate) shutdown: ComponentExportIndex,
    pub(crate) handle_message: ComponentExportIndex,
    pub(crate) handle_callback: ComponentExportIndex,
    /// None if it gets messages one by one.
    pub(crate) handle_messages: Option<ComponentExportIndex>,
}

/// Why something is not a component that this host can run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The bytes are not a valid component.
    #[error("not a valid WebAssembly component: {hint}")]
    Invalid {
        /// What it seems to be, and what to do.
        hint: &'static str,
        /// What the compiler said.
        source: wasmtime::Error,
    },
    /// It was built against another version of the contract.
    #[error(
        "was built against `{found}`, and this host provides `airssys:component@{VERSION}`; rebuild it with the SDK of this \
         airssys version",
        VERSION = contract::VERSION
    )]
    OtherContract {
        /// The contract that it was built against.
        found: String,
    },
    /// It imports interfaces that this host does not have.
    #[error("imports what this host does not have: {}", .0.join(", "))]
    UnknownImports(Vec<String>),
    /// It imports a function of a known interface in a shape that the host does not have.
    #[error("an import does not fit the host")]
    ImportMismatch(#[source] wasmtime::Error),
    /// It exports a function of the contract in a shape that the host does not call.
    #[error("the export {export} has a shape that the host does not call")]
    ExportMismatch {
        /// The function.
        export: String,
        /// What differs.
        source: wasmtime::Error,
    },
    /// It lacks exports of the contract.
    #[error("lacks exports of the world `airssys:component/component@0.2.0`: {}", .0.join(", "))]
    MissingExports(Vec<String>),
}

impl Component {
    /// Loads a component from a `.wasm` file; from the cache, if it was compiled before.
    ///
    /// # Errors
    /// [`LoadError`] if the file cannot be read, is not a component, or does not fit the contract.
    pub fn load(engine: &Engine, path: &Path) -> Result<Component, LoadError> {
        let read = std::fs::read(path);
        let wasm = read.map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        Component::new(engine, &wasm)
    }

    /// As [`Component::load`], from the bytes of a `.wasm` file.
    ///
    /// # Errors
    /// As [`Component::load`].
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Component, LoadError> {
        let compiled = wasmtime::component::Component::new(engine.wasmtime(), wasm)
            .map_err(|source| LoadError::Invalid { hint: hint(wasm), source })?;
        if let Some(found) = other_contract(engine, &compiled) {
            return Err(LoadError::OtherContract { found });
        }
        let imports = imports(engine, &compiled);
        let unknown: Vec<String> = imports
            .iter()
            .filter(|import| !engine.services().provides(&import.interface))
            .map(Import::to_string)
            .collect();
        if !unknown.is_empty() {
            return Err(LoadError::UnknownImports(unknown));
        }
        let may_wait = |import: &Import| engine.services().may_wait(&import.interface, &import.function);
        let entry = if imports.iter().any(may_wait) { Entry::Fiber } else { Entry::Direct };
        let services = services(engine, &imports);
        let exports = exports(&compiled)?;
        let pre = engine.linker(entry).instantiate_pre(&compiled).map_err(LoadError::ImportMismatch)?;
        Ok(Component { pre, entry, exports, services })
    }

    /// Whether its calls run on a stack of their own, because something that it imports can wait
    /// (input, timers, files); a component that only messages is called on the worker's stack.
    pub fn runs_on_fiber(&self) -> bool {
        self.entry == Entry::Fiber
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// The contract that the component was built against, if it is not this host's.
fn other_contract(engine: &Engine, component: &wasmtime::component::Component) -> Option<String> {
    let (engine, component) = (engine.wasmtime(), component.component_type());
    let imports = component.imports(engine).find_map(|(name, _)| contract::other_version(name));
    imports.or_else(|| component.exports(engine).find_map(|(name, _)| contract::other_version(name)))
}

/// The services behind the imports that have a configuration, a connection or data, each once.
fn services(engine: &Engine, imports: &[Import]) -> Vec<Arc<dyn AnyService>> {
    let mut services: Vec<Arc<dyn AnyService>> = Vec::new();
    let behind = imports.iter().filter_map(|import| engine.services().of(&import.interface));
    for service in behind.filter(|service| service.has_state()) {
        if !services.iter().any(|known| known.name() == service.name()) {
            services.push(Arc::clone(service));
        }
    }
    services
}

struct Import {
    interface: String,
    function: String,
}

impl std::fmt::Display for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.function.is_empty() {
            true => f.write_str(&self.interface),
            false => write!(f, "{}#{}", self.interface, self.function),
        }
    }
}

/// Every function that the component imports; an import that is no interface stands by itself.
fn imports(engine: &Engine, component: &wasmtime::component::Component) -> Vec<Import> {
    let engine = engine.wasmtime();
    let mut imports = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else {
            imports.push(Import { interface: name.to_owned(), function: String::new() });
            continue;
        };
        for (function, item) in interface.exports(engine) {
            if matches!(item.ty, ComponentItem::ComponentFunc(_)) {
                imports.push(Import { interface: name.to_owned(), function: function.to_owned() });
            }
        }
    }
    imports
}

/// Whether a function has the shape that the host calls.
type Fits = fn(&ComponentFunc, &ComponentType) -> wasmtime::Result<()>;

fn exports(component: &wasmtime::component::Component) -> Result<Exports, LoadError> {
    let (mut missing, mut misfit) = (Vec::new(), None);
    let component_type = component.component_type();
    let mut find = |interface: &str, function: &str, fits: Fits| {
        let instance = component.get_export_index(None, interface);
        let found = instance.and_then(|instance| component.get_export(Some(&instance), function));
        let Some((ComponentItem::ComponentFunc(found), index)) = found else {
            missing.push(format!("{interface}#{function}"));
            return None;
        };
        if let Err(source) = fits(&found, &component_type) {
            misfit.get_or_insert(LoadError::ExportMismatch {
                export: format!("{interface}#{function}"),
                source,
            });
        }
        Some(index)
    };
    let found = (
        find(LIFECYCLE, "initialize", |f, all| {
            f.typecheck::<InitializeParams, InitializeResult>(&all.instance_type())
        }),
        find(LIFECYCLE, "health", |f, all| f.typecheck::<(), (HealthStatus,)>(&all.instance_type())),
        find(LIFECYCLE, "shutdown", |f, all| f.typecheck::<(), ()>(&all.instance_type())),
        find(HANDLER, "handle-message", |f, all| {
            f.typecheck::<(u64, Bytes), (Outcome,)>(&all.instance_type())
        }),
        find(HANDLER, "handle-callback", |f, all| f.typecheck::<(u64, Callback), ()>(&all.instance_type())),
    );
    // What a component of the plain world does not have is not missing.
    let has_runs = component.get_export_index(None, BATCH_HANDLER).is_some();
    let handle_messages = match has_runs {
        true => find(BATCH_HANDLER, "handle-batch", |f, all| {
            f.typecheck::<(u64, Vec<u32>, Bytes), (BatchEnd,)>(&all.instance_type())
        }),
        false => None,
    };
    if let Some(misfit) = misfit {
        return Err(misfit);
    }
    if has_runs && handle_messages.is_none() {
        return Err(LoadError::MissingExports(missing));
    }
    match found {
        (Some(initialize), Some(health), Some(shutdown), Some(handle_message), Some(handle_callback)) => {
            Ok(Exports { initialize, health, shutdown, handle_message, handle_callback, handle_messages })
        }
        _ => Err(LoadError::MissingExports(missing)),
    }
}

fn hint(wasm: &[u8]) -> &'static str {
    match wasm.get(..8) {
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            "this is a core module; build it for wasm32-wasip2, or make a component of it"
        }
        Some([0, b'a', b's', b'm', ..]) => "it is damaged, or made for another version of the format",
        _ => "the file does not begin as WebAssembly does",
    }
}
