//! WebAssembly components as supervised actors.
