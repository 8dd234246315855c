//! The settings that decide about the code that is compiled. A child process compiles with the same.

use wasmtime::{Config, InstanceAllocationStrategy};

/// The address space that is reserved for the growth of a memory outside of the pool, in bytes.
const GROWTH_BYTES: u64 = 1 << 20;

/// The memories that code is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settings {
    /// Reserved address space catches each access beyond a memory.
    Pooled,
    /// Hardly more address space is reserved than a memory needs, so code checks the bounds of each access.
    OneByOne,
}

impl Settings {
    pub(crate) const ALL: [Settings; 2] = [Settings::Pooled, Settings::OneByOne];

    /// Returns the name by which a child process is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Settings::Pooled => "pooled",
            Settings::OneByOne => "one-by-one",
        }
    }

    /// Returns a configuration that allocates each instance separately.
    pub(crate) fn config(self) -> Config {
        let mut config = Config::new();
        config.epoch_interruption(true);
        config.memory_init_cow(true);
        if self == Settings::OneByOne {
            config
                .allocation_strategy(InstanceAllocationStrategy::OnDemand)
                .memory_reservation(0)
                .memory_guard_size(0)
                .guard_before_linear_memory(false)
                .memory_reservation_for_growth(GROWTH_BYTES);
        }
        config
    }
}

/// The kinds of WebAssembly that are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Component,
    Module,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::Component, Kind::Module];

    /// Returns the name by which a child process is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Component => "component",
            Kind::Module => "module",
        }
    }

    /// Compiles for an engine.
    pub(crate) fn compile(self, engine: &wasmtime::Engine, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
        match self {
            Kind::Component => engine.precompile_component(wasm),
            Kind::Module => engine.precompile_module(wasm),
        }
    }
}
