//! Components: compiled code that has been checked against the contract.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use airssys_spec::file::{self, MAX_COMPONENT_BYTES};
use bytes::Bytes;
use wasmtime::Module;
use wasmtime::component::types::{Component as ComponentType, ComponentFunc, ComponentItem};
use wasmtime::component::{ComponentExportIndex, InstancePre, Linker};

use crate::compile::bounds::{self, BoundExceeded};
use crate::compile::{ChildError, Code, CompileError};
use crate::contract::{BatchEnd, Callback, HealthStatus, Outcome};
use crate::guest::engine::Engine;
use crate::guest::imports::airssys;
use crate::guest::parts::{self, Parts};
use crate::guest::pool::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES, Room};
use crate::guest::service::AnyService;
use crate::guest::services::{ServiceConfigs, ServiceError};
use crate::guest::store::{Entry, GuestState};
use crate::guest::ticker::Ticker;

const HANDLER: &str = "airssys:component/handler@0.2.0";
const BATCH_HANDLER: &str = "airssys:component/batch-handler@0.2.0";
const LIFECYCLE: &str = "airssys:component/lifecycle@0.2.0";

type InitializeParams = (Vec<(String, String)>,);
type InitializeResult = (Result<(), String>,);

/// Compiled code that has been checked against the contract, and can be instantiated many times.
#[derive(Clone)]
pub struct Component {
    pub(crate) pre: InstancePre<GuestState>,
    pub(crate) entry: Entry,
    pub(crate) exports: Exports,
    /// The services that it imports and that have a configuration, a connection or data.
    pub(crate) services: Vec<Arc<dyn AnyService>>,
    pub(crate) ticker: Arc<Ticker>,
    /// The memories and tables of an instance.
    pub(crate) room: Room,
}

/// The indices of a component's exported functions.
#[derive(Clone, Copy)]
pub(crate) struct Exports {
    pub(crate) initialize: ComponentExportIndex,
    pub(crate) health: ComponentExportIndex,
    pub(crate) shutdown: ComponentExportIndex,
    pub(crate) handle_message: ComponentExportIndex,
    pub(crate) handle_callback: ComponentExportIndex,
    /// `None` if the component gets messages one at a time.
    pub(crate) handle_messages: Option<ComponentExportIndex>,
}

/// Errors of loading a component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The bytes are not a valid component.
    #[error("not a valid WebAssembly component: {hint}")]
    Invalid {
        /// The likely mistake, and how to mend it.
        hint: &'static str,
        /// The compiler's error.
        source: wasmtime::Error,
    },
    /// The component is valid, but larger than this host allows. The source names the limit.
    #[error(
        "exceeds a limit of this host: {MAX_CORE_INSTANCES} core instances, {MAX_MEMORIES} memories and \
         {MAX_TABLES} tables in a component, 1 GiB in a memory; compose it of fewer modules"
    )]
    TooLarge(#[source] wasmtime::Error),
    /// The component exceeds a bound that is checked before it is compiled.
    #[error("{0}")]
    BoundExceeded(BoundExceeded),
    /// The compiler's process has not compiled the component.
    #[error("cannot be compiled")]
    Compile(#[source] ChildError),
    /// The compiler's output cannot be loaded. The component may be valid.
    #[error(
        "was compiled, but the output cannot be loaded; the program that compiles must be built with the \
         same version of airssys-wasm"
    )]
    Code(#[source] wasmtime::Error),
    /// The component was built against another version of the contract.
    #[error(
        "was built against `{found}`, and this host provides `airssys:component@{VERSION}`; rebuild it with the SDK of this \
         airssys version",
        VERSION = airssys::VERSION
    )]
    OtherContract {
        /// The contract that it was built against.
        found: String,
    },
    /// The component imports interfaces that this host does not provide.
    #[error("imports functions that this host does not provide: {}", .0.join(", "))]
    UnknownImports(Vec<String>),
    /// The component imports a function whose type differs from the host's.
    #[error("an import does not fit the host")]
    ImportMismatch(#[source] wasmtime::Error),
    /// The component exports a function whose type differs from the contract's.
    #[error("the export {export} does not have the type that the contract defines")]
    ExportMismatch {
        /// The function.
        export: String,
        /// The difference.
        source: wasmtime::Error,
    },
    /// The component lacks exports of the contract.
    #[error("lacks exports of the world `airssys:component/component@0.2.0`: {}", .0.join(", "))]
    MissingExports(Vec<String>),
}

impl Component {
    /// Loads a component from a `.wasm` file. Compiled code comes from the cache if it is there.
    ///
    /// # Errors
    /// [`LoadError`] if the file cannot be read, is not a component, or does not fit the contract.
    pub fn load(engine: &Engine, path: &Path) -> Result<Component, LoadError> {
        let read = file::read(path, MAX_COMPONENT_BYTES);
        let wasm = read.map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
        Component::of_source(engine, &wasm, path)
    }

    /// Loads a component from the bytes of a `.wasm` file, like [`Component::load`]. All such components of an
    /// app have one component's share of the cache.
    ///
    /// # Errors
    /// [`LoadError`] if the bytes are not a component, or do not fit the contract.
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Component, LoadError> {
        Component::of_source(engine, wasm, Path::new(""))
    }

    fn of_source(engine: &Engine, wasm: &[u8], source: &Path) -> Result<Component, LoadError> {
        let compiled = compile(engine, wasm, source)?;
        let Compiled { component, libraries, room } = &compiled;
        if let Some(found) = other_contract(engine, component) {
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
        let exports = exports(component)?;
        let pre = instantiate_pre(engine.linker(entry), libraries, component);
        let pre = pre.map_err(LoadError::ImportMismatch)?;
        let ticker = Arc::clone(engine.ticker());
        Ok(Component { pre, entry, exports, services, ticker, room: *room })
    }

    /// Checks that each service that it imports is configured, without a connection.
    ///
    /// # Errors
    /// [`ServiceError::Config`] if the table of a service is missing that has to be written.
    pub fn check_services(&self, configs: &ServiceConfigs) -> Result<(), ServiceError> {
        self.services.iter().try_for_each(|service| configs.of(&**service).map(drop))
    }

    /// Returns true if its calls run on a fiber (a stack of its own), because an imported function can
    /// wait for input, timers or files. Other components run on the worker's stack.
    pub fn runs_on_fiber(&self) -> bool {
        self.entry == Entry::Fiber
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// Compiled code that has not been checked yet.
struct Compiled {
    component: wasmtime::component::Component,
    /// The modules that it imports from this host, by their names.
    libraries: Vec<(String, Module)>,
    room: Room,
}

/// Compiles a component, or takes it from the cache. Its libraries have entries of their own there.
fn compile(engine: &Engine, wasm: &[u8], source: &Path) -> Result<Compiled, LoadError> {
    bounds::check(wasm).map_err(LoadError::BoundExceeded)?;
    let code = engine.code(source);
    match parts::divide(wasm).map(|parts| compile_parts(&code, parts)) {
        Some(Ok(compiled)) => return Ok(compiled),
        Some(Err(CompileError::Child(error))) => return Err(LoadError::Compile(error)),
        // Parts that are not valid come from a whole that is not. Its error has the right offset.
        Some(Err(CompileError::Refused(_) | CompileError::Unloadable(_))) | None => {}
    }
    let component = code.component(wasm).map_err(|error| match error {
        CompileError::Refused(source) if !is_of_limits(&source) => {
            LoadError::Invalid { hint: hint(wasm), source }
        }
        CompileError::Unloadable(source) if !is_of_limits(&source) => LoadError::Code(source),
        CompileError::Refused(source) | CompileError::Unloadable(source) => LoadError::TooLarge(source),
        CompileError::Child(error) => LoadError::Compile(error),
    })?;
    let required = component.resources_required();
    let room = required.map(|all| Room { memories: all.num_memories, tables: all.num_tables });
    Ok(Compiled { component, libraries: Vec::new(), room: room.unwrap_or_default() })
}

fn compile_parts(code: &Code<'_>, parts: Parts<'_>) -> Result<Compiled, CompileError> {
    let component = code.component(&parts.frame)?;
    let library = |(name, wasm)| code.module(wasm).map(|module| (name, module));
    let libraries = parts.libraries.into_iter().map(library).collect::<Result<_, _>>()?;
    Ok(Compiled { component, libraries, room: parts.room })
}

fn instantiate_pre(
    linker: &Linker<GuestState>,
    libraries: &[(String, Module)],
    component: &wasmtime::component::Component,
) -> wasmtime::Result<InstancePre<GuestState>> {
    if libraries.is_empty() {
        return linker.instantiate_pre(component);
    }
    let mut linker = linker.clone();
    for (name, module) in libraries {
        linker.root().module(name, module)?;
    }
    linker.instantiate_pre(component)
}

/// Returns the contract that a component was built against, if it differs from this host's.
fn other_contract(engine: &Engine, component: &wasmtime::component::Component) -> Option<String> {
    let (engine, component) = (engine.wasmtime(), component.component_type());
    let imports = component.imports(engine).find_map(|(name, _)| airssys::other_version(name));
    imports.or_else(|| component.exports(engine).find_map(|(name, _)| airssys::other_version(name)))
}

/// Returns the imported services that have a configuration, a connection or data, each once.
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

/// Returns every imported function. An import that is not an interface has an empty function name.
/// The component's own libraries are left out.
fn imports(engine: &Engine, compiled: &Compiled) -> Vec<Import> {
    let Compiled { component, libraries, .. } = compiled;
    let engine = engine.wasmtime();
    let mut imports = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else {
            if !libraries.iter().any(|(library, _)| library == name) {
                imports.push(Import { interface: name.to_owned(), function: String::new() });
            }
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

/// A check that a function has the type that the contract defines.
type TypeCheck = fn(&ComponentFunc, &ComponentType) -> wasmtime::Result<()>;

fn exports(component: &wasmtime::component::Component) -> Result<Exports, LoadError> {
    let (mut missing, mut misfit) = (Vec::new(), None);
    let component_type = component.component_type();
    let mut find = |interface: &str, function: &str, check: TypeCheck| {
        let instance = component.get_export_index(None, interface);
        let found = instance.and_then(|instance| component.get_export(Some(&instance), function));
        let Some((ComponentItem::ComponentFunc(found), index)) = found else {
            missing.push(format!("{interface}#{function}"));
            return None;
        };
        if let Err(source) = check(&found, &component_type) {
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
    // The batch handler is optional, so its absence is not an error.
    let has_batches = component.get_export_index(None, BATCH_HANDLER).is_some();
    let handle_messages = match has_batches {
        true => find(BATCH_HANDLER, "handle-batch", |f, all| {
            f.typecheck::<(u64, Vec<u32>, Bytes), (BatchEnd,)>(&all.instance_type())
        }),
        false => None,
    };
    if let Some(misfit) = misfit {
        return Err(misfit);
    }
    if has_batches && handle_messages.is_none() {
        return Err(LoadError::MissingExports(missing));
    }
    match found {
        (Some(initialize), Some(health), Some(shutdown), Some(handle_message), Some(handle_callback)) => {
            Ok(Exports { initialize, health, shutdown, handle_message, handle_callback, handle_messages })
        }
        _ => Err(LoadError::MissingExports(missing)),
    }
}

/// The words in the errors of a component that does not fit into the pool, or has more of something
/// than the parser of WebAssembly accepts.
const OF_LIMITS: [&str; 2] = ["pooling allocator", "exceeds limit of"];

/// Returns true for an error of a component that is larger than this host allows.
fn is_of_limits(error: &wasmtime::Error) -> bool {
    let text = format!("{error:#}");
    OF_LIMITS.iter().any(|words| text.contains(words))
}

fn hint(wasm: &[u8]) -> &'static str {
    match wasm.get(..8) {
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            "this is a core module; build it for wasm32-wasip2, or convert it to a component"
        }
        Some([0, b'a', b's', b'm', ..]) => "it is damaged, or made for another version of the format",
        _ => "the file does not begin as WebAssembly does",
    }
}
