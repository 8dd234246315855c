//! Compiled code, which is machine code that this process runs: ADR 0036.

#![allow(unsafe_code)]

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

/// The output of the compiler, for an engine with the same settings.
pub(crate) struct Artifact {
    bytes: Vec<u8>,
}

impl Artifact {
    /// Takes the output of the compiler of this process, or of a child process that this one has started.
    pub(super) fn of_compiler(bytes: Vec<u8>) -> Artifact {
        Artifact { bytes }
    }

    /// Takes the bytes of an entry of the cache whose seal is intact.
    pub(super) fn unsealed(bytes: Vec<u8>) -> Artifact {
        Artifact { bytes }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes the code of a component ready to run.
    pub(super) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are the unchanged output of `precompile_component` or `precompile_module`: both
        // ways to make an `Artifact` say where they come from. An engine with other settings or of another
        // version refuses them, and so does one that gets a module for a component (ADR 0036).
        unsafe { Component::deserialize(engine, &self.bytes) }
    }

    /// Makes the code of a core module ready to run.
    pub(super) fn module(&self, engine: &Engine) -> wasmtime::Result<Module> {
        // SAFETY: as for `component` (ADR 0036).
        unsafe { Module::deserialize(engine, &self.bytes) }
    }
}
