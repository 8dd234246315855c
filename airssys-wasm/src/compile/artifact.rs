//! Compiled code, which is machine code that this process runs: ADR 0036.

#![allow(unsafe_code)]

use wasmtime::Engine;
use wasmtime::component::Component;

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

    /// Makes the code ready to run.
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are the unchanged output of `precompile_component`: both ways to make an
        // `Artifact` say where they come from. An engine with other settings or of another version
        // refuses them (ADR 0036).
        unsafe { Component::deserialize(engine, &self.bytes) }
    }
}
