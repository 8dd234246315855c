//! Compiling components: bounds before it, a child process for it, and a cache after it.
//!
//! Compiled code is machine code that runs in this process. So only [`artifact`] makes code of bytes, and
//! it gets them from the compiler itself or from an entry of the cache that this user's key has sealed.

pub(crate) mod artifact;
pub(crate) mod bounds;
mod budget;
pub(crate) mod cache;
mod child;
mod error;
pub(crate) mod settings;
mod threads;
mod worker;

use std::path::{Path, PathBuf};

use artifact::Artifact;
pub(crate) use budget::Budget;
use cache::Cache;
use settings::{Kind, Settings};

pub use error::ChildError;
pub(crate) use error::CompileError;
pub use threads::{TooFewThreads, ensure_threads};
pub use worker::compile_worker;

/// The place where components are compiled.
///
/// The compiler needs memory and time that a hostile component can choose. Child processes limit both: 2 GiB
/// of memory in each, and 120 s on processors and 5 min in all for a component with all its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler(Option<Place>);

/// The place of a [`Compiler`], if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    InProcess,
    Child(PathBuf),
}

impl Compiler {
    /// Compiles in this process, without limits on memory and time. This is for components that are
    /// trusted.
    pub fn in_process() -> Compiler {
        Compiler(Some(Place::InProcess))
    }

    /// Compiles in child processes that run this program. Its `main` must call [`compile_worker`] first.
    ///
    /// [`Engine::new`](crate::Engine::new) fails if it has not been called. Tests have no `main` of their
    /// own, so they choose [`Compiler::in_process`] or [`Compiler::program`].
    pub fn this_program() -> Compiler {
        Compiler(worker::this_program().map(Place::Child))
    }

    /// Compiles in child processes that run another program, whose `main` calls [`compile_worker`] first.
    /// It must be built with the same version of this crate; the program `airssys` is one.
    pub fn program(path: impl Into<PathBuf>) -> Compiler {
        Compiler(Some(Place::Child(path.into())))
    }

    /// Returns the place. Returns `None` if this program was to be started and does not call
    /// [`compile_worker`].
    pub(crate) fn place(self) -> Option<Place> {
        self.0
    }
}

impl Place {
    fn compile(
        &self,
        engine: &wasmtime::Engine,
        settings: Settings,
        kind: Kind,
        wasm: &[u8],
        budget: &Budget,
    ) -> Result<Artifact, CompileError> {
        let bytes = match self {
            Place::InProcess => kind.compile(engine, wasm).map_err(CompileError::Refused)?,
            Place::Child(program) => child::compile(program, settings, kind, wasm, budget)?,
        };
        Ok(Artifact::of_compiler(bytes))
    }
}

impl Default for Compiler {
    /// [`Compiler::this_program`].
    fn default() -> Compiler {
        Compiler::this_program()
    }
}

/// The way from the bytes of a component, or of its parts, to code that an engine can run: from the cache, or
/// else compiled. The bounds are those of the whole file, and checked before.
pub(crate) struct Code<'engine> {
    pub(crate) engine: &'engine wasmtime::Engine,
    pub(crate) settings: Settings,
    pub(crate) place: &'engine Place,
    pub(crate) cache: Option<&'engine Cache>,
    /// The file of the component, in whose share of the cache its code is kept.
    pub(crate) source: &'engine Path,
    /// The time for the component, with all its parts.
    pub(crate) budget: Budget,
}

impl Code<'_> {
    /// Returns the code of a component.
    pub(crate) fn component(&self, wasm: &[u8]) -> Result<wasmtime::component::Component, CompileError> {
        self.load(Kind::Component, wasm, Artifact::component)
    }

    /// Returns the code of a core module.
    pub(crate) fn module(&self, wasm: &[u8]) -> Result<wasmtime::Module, CompileError> {
        self.load(Kind::Module, wasm, Artifact::module)
    }

    fn load<T>(
        &self,
        kind: Kind,
        wasm: &[u8],
        load: fn(&Artifact, &wasmtime::Engine) -> wasmtime::Result<T>,
    ) -> Result<T, CompileError> {
        // Text is WebAssembly too for some builds of the compiler, but the bounds are those of binary files.
        if !wasm.starts_with(b"\0asm") {
            return Err(CompileError::Refused(wasmtime::Error::msg(
                "it is not a binary file of WebAssembly",
            )));
        }
        let entry = self.cache.map(|cache| cache.entry(self.engine, kind, wasm, self.source));
        let load = |artifact: &Artifact| load(artifact, self.engine);
        if let Some(code) = entry.as_ref().and_then(|entry| entry.read(load)) {
            return Ok(code);
        }
        let artifact = self.place.compile(self.engine, self.settings, kind, wasm, &self.budget)?;
        let code = load(&artifact).map_err(CompileError::Unloadable)?;
        if let Some(entry) = entry {
            entry.write(&artifact);
        }
        Ok(code)
    }
}
